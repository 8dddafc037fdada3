"""Learns changes from the time that each entry was last changed at."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lookupd.backends.ldap.connection import Query
from lookupd.backends.ldap.filter import all_of, at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookupd import Row
    from lookupd.backends.ldap.pull import Pull, Told

_ACTIVE_DIRECTORY = b"1.2.840.113556.1.4.800"
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_FORMAT = "%Y%m%d%H%M%S"
_TIME = re.compile(r"([0-9]{14})(?:[.,][0-9]+)?Z")


class Timestamp:
    """Tells new and changed entries; not who is gone, nor who was known by another id before."""

    name = "timestamp"

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        # Active Directory makes up modifyTimestamp for the reply, so it cannot be asked for.
        is_active_directory = _ACTIVE_DIRECTORY in pull.root.get("supportedCapabilities", ())
        self._attribute = "whenChanged" if is_active_directory else "modifyTimestamp"

    def start(self) -> bool:
        """Whether the directory can be asked by it, which an empty one cannot show."""
        query = Query(filter=self._changed_since(_FIRST), attributes=["1.1"])
        return any(self._pull.connection.pages(query))

    def everything(self, told: Told) -> Iterator[Row]:
        """All rows."""
        clock = Clock()
        highest = yield from self._pull.rows_with(self._attribute, self._pull.query.filter)
        latest = _read(highest or "")
        told.mark = _write(clock.start(latest)) if latest else ""

    def since(self, mark: str, told: Told) -> Iterator[Row]:
        """What changed since then, and a little before it."""
        known = _read(mark)
        if known is None:
            raise self._pull.expired("the cursor holds no time")
        clock = Clock()
        overlap = timedelta(seconds=self._pull.settings.ldap_changes_overlap)
        highest = yield from self._pull.rows_with(self._attribute, self._changed_since(known - overlap))
        latest = _read(highest or "")
        told.mark = _write(max(known, clock.start(latest)) if latest else known)

    def _changed_since(self, moment: datetime) -> str:
        return all_of([self._pull.query.filter, at_least(self._attribute, _write(moment))])


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Runs from before the first entry is read."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    begun: float = field(default_factory=time.monotonic)

    def start(self, latest: datetime) -> datetime:
        """A time of the server's clock not after the start, given the latest change that was read since.

        That change was not after now, and how much passed since the start is the same on all clocks. A time
        to come, which a wrong clock once wrote, does not count: all changes until then would be missed.
        """
        passed = timedelta(seconds=time.monotonic() - self.begun)
        return min(latest, self.now) - passed


def _write(moment: datetime) -> str:
    """A time as directories write it (RFC 4517, 3.3.13), and Active Directory wants it in a filter."""
    return moment.strftime(f"{_FORMAT}.0Z")


def _read(text: str) -> datetime | None:
    """A time to the second; None where it is none that a server would write."""
    found = _TIME.fullmatch(text)
    try:
        return max(datetime.strptime(found[1], _FORMAT).replace(tzinfo=UTC), _FIRST) if found else None
    except ValueError:
        return None
