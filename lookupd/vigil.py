"""How long the sources that were asked are waited for, and what they have said by then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from lookupd.contact import Contact
from lookupd.errors import SourceError, SourceTimeout

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from lookupd.memory import Asked
    from lookupd.number import Number
    from lookupd.source import Heard, Source

#: what one source said about some numbers: a contact, None for nobody, or why it could not be asked
Said: TypeAlias = "dict[Number, Contact | SourceError | None]"


@dataclass(slots=True, eq=False, kw_only=True)
class Flight:
    """One question to one source on its way, about one number or more."""

    source: Source
    questions: tuple[Asked, ...]
    task: asyncio.Task[Heard]
    #: how many wait for it
    waiting: int = 0


class Vigil:
    """Waits for some flights, by source and number, sources in the order of the profile."""

    def __init__(
        self,
        flights: Mapping[Source, Mapping[Number, Flight]],
        patience: float,
        named: Collection[Number],
    ) -> None:
        """`patience` in seconds; for the numbers `named` there is somebody to show whatever is said."""
        self._flights = flights
        self._patience = patience
        self._named = frozenset(named)

    async def keep(self) -> None:
        """Wait until every answer that counts is there, or was waited for as long as its source is."""
        time = asyncio.get_running_loop().time
        began = time()
        waited: set[Source] = set()
        while open_ := {flight for flight in self._open() if flight.source not in waited}:
            end = began + min(self._wait(flight.source) for flight in open_)
            tasks = [flight.task for flight in open_]
            await asyncio.wait(tasks, timeout=max(0.0, end - time()), return_when=asyncio.FIRST_COMPLETED)
            waited |= {source for source in self._flights if time() >= began + self._wait(source)}

    def said(self) -> dict[Source, Said]:
        """What there is; a source that counts and has said nothing has failed by that."""
        open_ = self._open()
        return {
            source: {
                number: _said(flight, number, self._wait(source))
                for number, flight in by_number.items()
                if flight.task.done() or flight in open_
            }
            for source, by_number in self._flights.items()
        }

    def _wait(self, source: Source) -> float:
        """How long to wait for a source, in seconds.

        It gets all of its time where nobody is known yet. How quick it is with one number says nothing of
        many.
        """
        numbers = self._flights[source]
        is_short = len(numbers) == 1 and self._somebody_has(*numbers)
        own = source.patience if is_short else source.timeout
        return max(0.0, min(self._patience, own.total_seconds()))

    def _somebody_has(self, number: Number) -> bool:
        flights = (by_number.get(number) for by_number in self._flights.values())
        return number in self._named or any(
            flight is not None and _has(flight.task, number) for flight in flights
        )

    def _open(self) -> set[Flight]:
        """The open questions that still count: of each number, those before the first source that has it."""
        open_: set[Flight] = set()
        found: set[Number] = set()
        for by_number in self._flights.values():
            open_ |= {
                flight
                for number, flight in by_number.items()
                if number not in found and not flight.task.done()
            }
            found |= {number for number, flight in by_number.items() if _has(flight.task, number)}
        return open_


def _has(task: asyncio.Task[Heard], number: Number) -> bool:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return False
    return isinstance(task.result().get(number), Contact)


def _said(flight: Flight, number: Number, wait: float) -> Contact | SourceError | None:
    if not flight.task.done() or flight.task.cancelled():
        return SourceTimeout(flight.source.name, timedelta(seconds=wait))
    error = flight.task.exception()
    if error is None:
        return flight.task.result().get(number)
    if isinstance(error, SourceError):
        return error
    raise error
