"""Asking the sources now: all at once, equal questions once, under a deadline; what they say is kept."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from lookupd.doubt import confirmed
from lookupd.errors import SourceError
from lookupd.memory import Memory, Remembered, asked
from lookupd.vigil import Flight, Said, Vigil

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from lookupd.answer import Known
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

#: whom sources are known to have, by numbers
Held: TypeAlias = "Mapping[Source, Mapping[Number, Known]]"
NOTHING: Held = MappingProxyType({})


class Live:
    """The one that asks sources about numbers."""

    def __init__(self, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._clock = clock
        #: under the source itself, as another one may have taken its place under the same uuid
        self._flying: dict[tuple[Source, Asked], Flight] = {}
        #: of each source, the flights that nobody waits for, if there are any
        self._alone: dict[Source, set[Flight]] = {}
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
        self,
        wanted: Mapping[Source, Sequence[Number]],
        principal: Principal,
        patience: float,
        *,
        held: Held = NOTHING,
        named: Collection[Number] = (),
    ) -> dict[Source, Said]:
        """What each source says about its numbers, all asked at once, within `patience` seconds.

        Of `wanted`, the first source that has a number is the one that counts: those after it are not waited
        for, and left out while they have said nothing. A source that is usually quick is not waited for as
        long, where there is somebody to show: for the numbers `named`, or as another source has said. A
        question that is being asked already is not asked again. One that is not answered in time goes on to
        its source's own deadline, and is remembered for the next who asks.

        Who contradicts what is `held` is asked once more (see `confirmed`).
        """
        flights = {
            source: self._fly(source, numbers, principal, held.get(source, {}))
            for source, numbers in wanted.items()
        }
        vigil = Vigil(flights, patience, named)
        awaited = {flight for by_number in flights.values() for flight in by_number.values()}
        for flight in awaited:
            self._join(flight)
        try:
            await vigil.keep()
            return vigil.said()
        finally:
            for flight in awaited:
                self._leave(flight)

    def soon(self, source: Source, number: Number, principal: Principal, held: Known | None = None) -> None:
        """Ask behind, so that the next answer is fresh; at most once in REFRESH_EVERY for each number.

        `held` is who was known to have it.
        """
        question, now = asked(source, number, principal), self._clock()
        self._forget_refreshes(now)
        if question not in self._refreshed and self._has_room(source):
            self._refreshed[question] = now
            known = {} if held is None else {number: held}
            flight = self._fly(source, [number], principal, known)[number]
            if not flight.waiting:
                self._leave_alone(flight)

    async def close(self) -> None:
        """End every question that is still open."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=ENDING)

    def _fly(
        self,
        source: Source,
        numbers: Sequence[Number],
        principal: Principal,
        held: Mapping[Number, Known],
    ) -> dict[Number, Flight]:
        """The flight that answers each number: one for all that are not being asked already."""
        questions = {number: asked(source, number, principal) for number in numbers}
        new = {
            number: question
            for number, question in questions.items()
            if (source, question) not in self._flying
        }
        if new:
            task = asyncio.create_task(self._answers(source, new, principal, held), name=f"ask-{source.name}")
            flight = Flight(source=source, questions=tuple(new.values()), task=task)
            self._tasks.add(task)
            self._flying.update({(source, question): flight for question in flight.questions})
            task.add_done_callback(lambda _: self._landed(flight))
        return {number: self._flying[source, question] for number, question in questions.items()}

    async def _answers(
        self,
        source: Source,
        numbers: Mapping[Number, Asked],
        principal: Principal,
        held: Mapping[Number, Known],
    ) -> Heard:
        time = asyncio.get_running_loop().time
        end = time() + source.timeout.total_seconds()
        heard = await source.reverse_many([*numbers], principal, source.timeout)
        if held:
            doubted = {number: known for number, known in held.items() if number in numbers}
            left = timedelta(seconds=max(0.0, end - time()))
            heard = await confirmed(source, heard, doubted, principal, left)
        now = self._clock()
        for number, question in numbers.items():
            word = heard.get(number)
            if not (isinstance(word, SourceError) or source.is_replaced):
                self._memory.put(question, word, now)
        return heard

    def _join(self, flight: Flight) -> None:
        flight.waiting += 1
        self._accompany(flight)

    def _leave(self, flight: Flight) -> None:
        """Somebody waits no more. What nobody waits for goes on, but only so many of one source."""
        flight.waiting -= 1
        if flight.waiting or flight.task.done():
            return
        if self._has_room(flight.source):
            self._leave_alone(flight)
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
        self._accompany(flight)
        for question in flight.questions:
            if self._flying.get((flight.source, question)) is flight:
                del self._flying[flight.source, question]

    def _has_room(self, source: Source) -> bool:
        """Whether one more question of a source may go on for nobody."""
        return len(self._alone.get(source, ())) < LEFT_ALONE

    def _leave_alone(self, flight: Flight) -> None:
        self._alone.setdefault(flight.source, set()).add(flight)

    def _accompany(self, flight: Flight) -> None:
        """It is no longer one that nobody waits for."""
        alone = self._alone.get(flight.source, set())
        alone.discard(flight)
        if not alone:
            self._alone.pop(flight.source, None)

    def _forget_refreshes(self, now: datetime) -> None:
        """The oldest stand first, so only what is over is looked at.

        What lies ahead was noted before the clock was set back.
        """
        while self._refreshed and not self._is_lately(next(iter(self._refreshed.values())), now):
            del self._refreshed[next(iter(self._refreshed))]

    @staticmethod
    def _is_lately(instant: datetime, now: datetime) -> bool:
        return timedelta(0) <= now - instant < REFRESH_EVERY
