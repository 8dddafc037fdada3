"""What scenarios stand on: people with numbers, a directory of them, and the daemon that knows it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.faults.behaviour import OneWay
from tests.faults.signals import eventually
from tests.process import DEADLINE
from tests.servers.slapd import Slapd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from chaos.load import Question
    from tests.faults.wire import Wire
    from tests.process import RunningDaemon, RunningProcess


def gentle(rate: float, scale: float) -> float:
    """A rate, less in a short form, which may run on a machine that does other things."""
    return rate * min(1.0, max(0.1, 4 * scale))


@contextmanager
def apart() -> Iterator[Callable[[RunningProcess], None]]:
    """What is started in the block runs on one CPU, and a process that is handed over on the others.

    So load and directories do not get into the way of the daemon. With a single CPU nothing changes.
    """
    every = os.sched_getaffinity(0)
    ours = {max(every)}
    theirs = every - ours or every

    def hand_over(process: RunningProcess) -> None:
        os.sched_setaffinity(process.pid, theirs)

    os.sched_setaffinity(0, ours)  # of this thread, and of what it starts
    try:
        yield hand_over
    finally:
        os.sched_setaffinity(0, every)


def number(place: int) -> str:
    """The number of a person, as directories hold it."""
    return f"+33199{place:06}"


def dialled(place: int) -> str:
    """The same, as it is dialled."""
    return f"0199{place:06}"


def nobodys(place: int) -> str:
    """A number that nobody has."""
    return f"0198{place:06}"


def name(place: int) -> str:
    """The name of a person."""
    return f"Person {place}"


def known(places: Iterable[int]) -> list[Question]:
    """Questions about people."""
    return [(dialled(place), name(place)) for place in places]


def unknown(places: Iterable[int]) -> list[Question]:
    """Questions about nobody."""
    return [(nobodys(place), None) for place in places]


def person(place: int) -> tuple[str, dict[str, str | bytes | list[str] | list[bytes]]]:
    """An entry of LDAP."""
    return (
        f"uid=p{place},{Slapd.base_dn}",
        {
            "objectClass": "inetOrgPerson",
            "uid": f"p{place}",
            "cn": name(place),
            "sn": "Person",
            "telephoneNumber": number(place),
        },
    )


def people(places: range) -> Iterator[tuple[str, dict[str, str | bytes | list[str] | list[bytes]]]]:
    """Entries of LDAP."""
    return map(person, places)


def rows(places: range) -> list[dict[str, str]]:
    """The same people as rows of a CSV file."""
    return [{"id": f"{place}", "name": name(place), "number": number(place)} for place in places]


def directory(folder: Path, places: range) -> Slapd:
    """An LDAP server that has these people, not started yet."""
    folder.mkdir()
    slapd = Slapd(folder)
    slapd.load(people(places))
    return slapd


def port(slapd: Slapd) -> int:
    """Where it listens."""
    found = urlsplit(slapd.url).port
    if found is None:
        raise RuntimeError(f"{slapd.url} has no port")
    return found


def ldap_source(source: str, at: int, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - as in the file
    """A source on an LDAP server at a port, with the settings that an administrator would leave alone."""
    return {
        "name": source,
        "backend": "ldap",
        "config": {"ldap_uri": f"ldap://127.0.0.1:{at}", "ldap_base_dn": Slapd.base_dn},
        "unique_column": "uid",
        "searched_columns": ["cn"],
        "first_matched_columns": ["telephoneNumber"],
        "format_columns": {"name": "{cn}", "reverse": "{cn}"},
        **settings,
    }


#: of a source that is asked live only
LIVE_ONLY: dict[str, Any] = {"sync": False, "live": {"spellings": ["e164"]}}


def profile(*sources: str) -> dict[str, Any]:
    """A profile of these sources."""
    return {"lookup": {"sources": [*sources]}, "reverse": {"sources": [*sources]}}


def wait_for_sync(daemon: RunningDaemon, source: str) -> None:
    """Until a source was pulled once."""
    eventually(lambda: daemon.get("/0.1/status")[1]["sources"][source]["generation"], within=DEADLINE)


class Tap(OneWay):
    """A behaviour towards the server: as if there were none, but it remembers what the server was asked."""

    def __init__(self) -> None:
        self._streams: list[bytearray] = []

    async def carry(self, wire: Wire) -> None:
        """Note what goes by."""
        stream = bytearray()
        self._streams.append(stream)
        while await wire.fill():
            stream += wire.held
            await wire.send()

    def questions(self, text: str) -> int:
        """How often the server was asked for a number, in the form in which directories hold it."""
        return sum(stream.count(text.encode()) for stream in self._streams)
