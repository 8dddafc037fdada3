"""Asking the sources now: all at once, equal questions once, under a deadline; what they say is kept."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from lookupd.contact import Contact
from lookupd.errors import SourceError, SourceTimeout
from lookupd.memory import Memory, Remembered, asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from lookupd.memory import Asked
    from lookupd.number import Number
    from lookupd.principal import Principal
    from lookupd.source import Heard, Source

logger = logging.getLogger(__name__)

#: a number is refreshed behind at most this often
REFRESH_EVERY = timedelta(seconds=30)
#: questions of one source that nobody waits for, and that go on for the next who asks
LEFT_ALONE = 16
#: how long questions may take to end when they are told to, in seconds
ENDING = 1.0

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


class Live:
    """The one that asks sources about numbers."""

    def __init__(self, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._clock = clock
        self._flying: dict[Asked, Flight] = {}
        #: of each source, the flights that nobody waits for
        self._alone: defaultdict[Source, set[Flight]] = defaultdict(set)
        self._refreshed: dict[Asked, datetime] = {}
        self._tasks: set[asyncio.Task[Heard]] = set()

    def knows(self, number: Number) -> bool:
        """Whether any source said anything about a number earlier."""
        return self._memory.knows(number)

    def remembered(self, source: Source, number: Number, principal: Principal) -> Remembered | None:
        """What a source said earlier: a contact with its age, an absence only while it is to be believed."""
        remembered = self._memory.get(asked(source, number, principal))
        if remembered is None or remembered.contact is not None:
            return remembered
        return remembered if self._clock() - remembered.at <= source.settings.absent_ttl else None

    async def ask(
        self, wanted: Mapping[Source, Sequence[Number]], principal: Principal, patience: float
    ) -> dict[Source, Said]:
        """What each source says about its numbers, all asked at once, within `patience` seconds.

        Of `wanted`, the first source that has a number is the one that counts: those after it are not waited
        for, and left out while they have said nothing. A source that is usually quick is not waited for as
        long. A question that is being asked already is not asked again. One that is not answered in time goes
        on to its source's own deadline, and is remembered for the next who asks.
        """
        flights = {source: self._fly(source, numbers, principal) for source, numbers in wanted.items()}
        waits = {source: _wait(source, numbers, patience) for source, numbers in wanted.items()}
        awaited = {flight for by_number in flights.values() for flight in by_number.values()}
        for flight in awaited:
            self._join(flight)
        try:
            await _answered(flights, waits)
            open_ = _open(flights)
            return {
                source: {
                    number: _said(flight, number, waits[source])
                    for number, flight in by_number.items()
                    if flight.task.done() or flight in open_
                }
                for source, by_number in flights.items()
            }
        finally:
            for flight in awaited:
                self._leave(flight)

    def soon(self, source: Source, number: Number, principal: Principal) -> None:
        """Ask behind, so that the next answer is fresh; at most once in REFRESH_EVERY for each number."""
        question, now = asked(source, number, principal), self._clock()
        self._forget_refreshes(now)
        if question not in self._refreshed and len(self._alone[source]) < LEFT_ALONE:
            self._refreshed[question] = now
            flight = self._fly(source, [number], principal)[number]
            if not flight.waiting:
                self._alone[source].add(flight)

    async def close(self) -> None:
        """End every question that is still open."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=ENDING)

    def _fly(self, source: Source, numbers: Sequence[Number], principal: Principal) -> dict[Number, Flight]:
        """The flight that answers each number: one for all that are not being asked already."""
        questions = {number: asked(source, number, principal) for number in numbers}
        new = {number: question for number, question in questions.items() if question not in self._flying}
        if new:
            task = asyncio.create_task(self._answers(source, new, principal), name=f"ask-{source.name}")
            flight = Flight(source=source, questions=tuple(new.values()), task=task)
            self._tasks.add(task)
            self._flying.update(dict.fromkeys(flight.questions, flight))
            task.add_done_callback(lambda _: self._landed(flight))
        return {number: self._flying[question] for number, question in questions.items()}

    async def _answers(self, source: Source, numbers: Mapping[Number, Asked], principal: Principal) -> Heard:
        heard = await source.reverse_many([*numbers], principal, source.timeout)
        now = self._clock()
        for number, question in numbers.items():
            word = heard.get(number)
            if not (isinstance(word, SourceError) or source.is_replaced):
                self._memory.put(question, word, now)
        return heard

    def _join(self, flight: Flight) -> None:
        flight.waiting += 1
        self._alone[flight.source].discard(flight)

    def _leave(self, flight: Flight) -> None:
        """Somebody waits no more. What nobody waits for goes on, but only so many of one source."""
        flight.waiting -= 1
        if flight.waiting or flight.task.done():
            return
        alone = self._alone[flight.source]
        if len(alone) < LEFT_ALONE:
            alone.add(flight)
        else:  # this one: those before it have waited longer, and may be about to be answered
            flight.task.cancel()
            self._forget(flight)

    def _landed(self, flight: Flight) -> None:
        self._tasks.discard(flight.task)
        self._forget(flight)
        if flight.task.cancelled():
            return
        error = flight.task.exception()
        if error is not None and not isinstance(error, SourceError):
            logger.error("%s failed", flight.task.get_name(), exc_info=error)

    def _forget(self, flight: Flight) -> None:
        self._alone[flight.source].discard(flight)
        for question in flight.questions:
            if self._flying.get(question) is flight:
                del self._flying[question]

    def _forget_refreshes(self, now: datetime) -> None:
        """The oldest stand first, so only what is over is looked at."""
        while self._refreshed and now - next(iter(self._refreshed.values())) >= REFRESH_EVERY:
            del self._refreshed[next(iter(self._refreshed))]


def _wait(source: Source, numbers: Sequence[Number], patience: float) -> float:
    """How long to wait for a source, in seconds: how quick it is with one number says nothing of many."""
    own = source.patience if len(numbers) == 1 else source.timeout
    return max(0.0, min(patience, own.total_seconds()))


async def _answered(flights: Mapping[Source, Mapping[Number, Flight]], waits: Mapping[Source, float]) -> None:
    """Wait until every answer that counts is there, or was waited for as long as its source is."""
    time = asyncio.get_running_loop().time
    began = time()
    waited: set[Source] = set()
    while open_ := {flight for flight in _open(flights) if flight.source not in waited}:
        end = began + min(waits[flight.source] for flight in open_)
        tasks = [flight.task for flight in open_]
        await asyncio.wait(tasks, timeout=max(0.0, end - time()), return_when=asyncio.FIRST_COMPLETED)
        waited |= {source for source, wait in waits.items() if time() >= began + wait}


def _open(flights: Mapping[Source, Mapping[Number, Flight]]) -> set[Flight]:
    """The open questions that still count: for each number, those before the first source that has it."""
    open_: set[Flight] = set()
    found: set[Number] = set()
    for by_number in flights.values():
        open_ |= {
            flight for number, flight in by_number.items() if number not in found and not flight.task.done()
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
