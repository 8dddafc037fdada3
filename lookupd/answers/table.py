"""The rows of `answers.db`: answers written, read as far as they are new, and removed past use."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from lookupd.contact import Contact, ListedNumber
from lookupd.memory import AHEAD, CAPACITY, Asked, Remembered
from lookupd.number import Number
from lookupd.secret import masked
from lookupd.sql import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lookupd.source import Source

#: a question and what was said
Pair: TypeAlias = "tuple[Asked, Remembered]"

_SQL = statements("lookupd.answers", "queries.sql")
#: how long answers of sources that are no longer configured are kept, in case they come back
KEEP_STRANGERS = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A source whose answers are kept."""

    name: str
    #: fingerprint of its settings: what was said under others does not count
    settings: int
    #: how long its absences are of use
    absent_ttl: timedelta
    #: how long its contacts are: after they have expired, they may stand in as long again
    contact_ttl: timedelta


def kept(sources: Iterable[Source]) -> dict[str, Kept]:
    """The sources that are asked live, by uuid."""
    return {
        source.uuid: Kept(
            name=source.name,
            settings=source.shape.fingerprint(
                {
                    "backend": source.settings.backend,
                    "config": masked(source.settings.config),
                    "spellings": list(live.spellings),
                }
            ),
            absent_ttl=source.settings.absent_ttl,
            contact_ttl=2 * source.settings.max_stale,
        )
        for source in sources
        if (live := source.settings.live) is not None
    }


class Table:
    """What one process has written and read of the file."""

    def __init__(self, kept: Mapping[str, Kept]) -> None:
        self._kept = kept
        #: the last id that was read or written
        self._seen = 0
        self._version: int | None = None
        #: uuids of sources whose answers were given under other settings
        self._changed: frozenset[str] = frozenset()
        #: how many were written since the oldest were removed
        self._added = 0

    def begin(self) -> None:
        """Another file, or the same one opened again: nothing of it has been read."""
        self._seen, self._version = 0, None

    def follow(self, kept: Mapping[str, Kept], changed: frozenset[str]) -> None:
        """Other sources are kept from now on, so all of the file is to be read again.

        What it has of those with the uuids `changed` is to go before: their settings may differ in what no
        fingerprint is made of, as a password does.
        """
        self._kept = kept
        self._changed |= changed
        self.begin()

    def exchange(
        self, connection: sqlite3.Connection, batch: Mapping[Asked, Remembered], now: datetime
    ) -> list[Pair]:
        """Write a batch, and give what other processes have written since the last time."""
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        if not batch and not self._changed and version == self._version:
            return []
        connection.execute("BEGIN IMMEDIATE" if batch or self._changed else "BEGIN")
        try:
            if self._changed:
                connection.execute(_SQL["forget_changed"], {"sources": json.dumps([*self._changed])})
            news = connection.execute(_SQL["news"], {"seen": self._seen, "most": CAPACITY}).fetchall()
            connection.executemany(_SQL["keep"], self._rows(batch, now))
            [(last,)] = connection.execute(_SQL["last"]).fetchall()
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise
        self._seen, self._version, self._changed = last, version, frozenset()
        self._added += len(batch)
        if self._added > CAPACITY // 10:
            self._cap(connection)
        return [*self._pairs(news)]

    def purge(self, connection: sqlite3.Connection, now: datetime) -> None:
        """Remove what is past use."""
        for uuid, source in self._kept.items():
            for name, span in (
                ("forget_absences", source.absent_ttl),
                ("forget_contacts", source.contact_ttl),
            ):
                connection.execute(_SQL[name], {"source": uuid, "before": (now - span).timestamp()})
        connection.execute(_SQL["forget_ahead"], {"latest": (now + AHEAD).timestamp()})
        before = (now - KEEP_STRANGERS).timestamp()
        connection.execute(_SQL["forget_sources"], {"sources": json.dumps([*self._kept]), "before": before})
        self._cap(connection)

    def _cap(self, connection: sqlite3.Connection) -> None:
        connection.execute(_SQL["forget_oldest"], {"most": CAPACITY})
        self._added = 0

    def _rows(self, batch: Mapping[Asked, Remembered], now: datetime) -> Iterator[dict[str, object]]:
        latest = (now + AHEAD).timestamp()
        for question, remembered in batch.items():
            source, contact = self._kept.get(question.source), remembered.contact
            if source is not None:
                yield {
                    "source": question.source,
                    "number": question.number.key,
                    "extension": question.number.extension or "",
                    "caller": question.caller,
                    "settings": source.settings,
                    "at": remembered.at.timestamp(),
                    "latest": latest,
                    "uid": contact and contact.uid,
                    "display": contact and contact.display,
                    "body": contact and contact.body,
                    "numbers": contact and _listed(contact),
                }

    def _pairs(self, rows: Iterable[Sequence[Any]]) -> Iterator[Pair]:
        """The answers of rows that are of use here; one that makes no sense costs its question."""
        for row in rows:
            source = self._kept.get(row[1])
            if source is not None and row[5] == source.settings:
                with suppress(ValueError, TypeError, OverflowError):
                    yield _pair(row, source.name)


def _pair(row: Sequence[Any], name: str) -> Pair:
    _, source, number, extension, caller, _, at, uid, display, body, numbers = row
    contact = None
    if uid is not None:
        contact = Contact(source=name, uid=uid, body=body, display=display, numbers=_numbers(numbers))
    question = Asked(source, Number(key=number, extension=extension or None), caller)
    return question, Remembered(contact=contact, at=datetime.fromtimestamp(at, UTC))


def _listed(contact: Contact) -> str:
    return json.dumps(
        [(listed.number.key, listed.number.extension or "", listed.rank) for listed in contact.numbers]
    )


def _numbers(text: str) -> tuple[ListedNumber, ...]:
    return tuple(
        ListedNumber(number=Number(key=key, extension=extension or None), rank=rank)
        for key, extension, rank in json.loads(text)
    )


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
