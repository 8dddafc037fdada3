"""Asking the sources now: all at once, equal questions once, under a deadline; what they say is kept."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from lookupd.contact import Contact
from lookupd.errors import SourceError, SourceTimeout
from lookupd.memory import Memory, Remembered, asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from lookupd.memory import Asked
    from lookupd.number import Number
    from lookupd.principal import Principal
    from lookupd.source import Heard, Source

logger = logging.getLogger(__name__)

#: a number is refreshed behind at most this often
REFRESH_EVERY = timedelta(seconds=30)

#: what one source said about some numbers: a contact, None for nobody, or why it could not be asked
Said = dict["Number", "Contact | SourceError | None"]
#: one question to one source on its way, about one number or more
Flight: TypeAlias = "asyncio.Task[Heard]"


class Live:
    """The one that asks sources about numbers."""

    def __init__(self, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._clock = clock
        self._flying: dict[Asked, Flight] = {}
        self._refreshed: dict[Asked, datetime] = {}
        self._tasks: set[Flight] = set()

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
        for, and left out while they have said nothing. A question that is being asked already is not asked
        again. One that is not answered in time goes on to its source's own deadline, and is remembered for
        the next who asks.
        """
        flights = {source: self._fly(source, numbers, principal) for source, numbers in wanted.items()}
        end = asyncio.get_running_loop().time() + max(patience, 0)
        while waiting := _waiting(flights.values()):
            left = end - asyncio.get_running_loop().time()
            done, _ = await asyncio.wait(waiting, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
            if not done:
                break
        return {
            source: {
                number: self._said(source, number, task, patience)
                for number, task in flight.items()
                if task.done() or task in waiting
            }
            for source, flight in flights.items()
        }

    def soon(self, source: Source, number: Number, principal: Principal) -> None:
        """Ask behind, so that the next answer is fresh; at most once in REFRESH_EVERY for each number."""
        question, now = asked(source, number, principal), self._clock()
        self._forget_refreshes(now)
        if question not in self._refreshed:
            self._refreshed[question] = now
            self._fly(source, [number], principal)

    async def close(self) -> None:
        """End every question that is still open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _fly(self, source: Source, numbers: Sequence[Number], principal: Principal) -> dict[Number, Flight]:
        """The task that answers each number: one for all that are not being asked already."""
        questions = {number: asked(source, number, principal) for number in numbers}
        new = [number for number, question in questions.items() if question not in self._flying]
        if new:
            task = asyncio.create_task(self._answers(source, new, principal), name=f"ask-{source.name}")
            self._tasks.add(task)
            self._flying.update((questions[number], task) for number in new)
            task.add_done_callback(lambda done: self._landed(done, [questions[number] for number in new]))
        return {number: self._flying[question] for number, question in questions.items()}

    async def _answers(self, source: Source, numbers: Sequence[Number], principal: Principal) -> Heard:
        live = source.settings.live
        heard = await source.reverse_many(numbers, principal, live.timeout if live else timedelta(seconds=1))
        now = self._clock()
        for number in numbers:
            word = heard.get(number)
            if not isinstance(word, SourceError):
                self._memory.put(asked(source, number, principal), word, now)
        return heard

    def _landed(self, task: Flight, questions: Sequence[Asked]) -> None:
        self._tasks.discard(task)
        for question in questions:
            self._flying.pop(question, None)
        if (
            not task.cancelled()
            and (error := task.exception()) is not None
            and not isinstance(error, SourceError)
        ):
            logger.error("%s failed", task.get_name(), exc_info=error)

    def _said(
        self, source: Source, number: Number, task: Flight, patience: float
    ) -> Contact | SourceError | None:
        if not task.done() or task.cancelled():
            return SourceTimeout(source.name, timedelta(seconds=max(patience, 0)))
        error = task.exception()
        if error is None:
            return task.result().get(number)
        if isinstance(error, SourceError):
            return error
        raise error

    def _forget_refreshes(self, now: datetime) -> None:
        """The oldest stand first, so only what is over is looked at."""
        while self._refreshed and now - next(iter(self._refreshed.values())) >= REFRESH_EVERY:
            del self._refreshed[next(iter(self._refreshed))]


def _waiting(flights: Iterable[Mapping[Number, Flight]]) -> set[Flight]:
    """The open questions that still count: for each number, those before the first source that has it."""
    waiting: set[Flight] = set()
    found: set[Number] = set()
    for flight in flights:
        waiting |= {task for number, task in flight.items() if number not in found and not task.done()}
        found |= {number for number, task in flight.items() if _has(task, number)}
    return waiting


def _has(task: Flight, number: Number) -> bool:
    if not task.done() or task.cancelled() or task.exception() is not None:
        return False
    return isinstance(task.result().get(number), Contact)
