"""Asking the sources now: all at once, equal questions once, under a deadline; what they say is kept."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from lookupd.errors import SourceError, SourceTimeout
from lookupd.memory import Memory, Remembered, asked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from lookupd.contact import Contact
    from lookupd.memory import Asked
    from lookupd.number import Number
    from lookupd.principal import Principal
    from lookupd.source import Source

logger = logging.getLogger(__name__)

#: a number is refreshed behind at most this often
REFRESH_EVERY = timedelta(seconds=30)

#: what one source said about some numbers: a contact, None for nobody, or why it could not be asked
Said = dict["Number", "Contact | SourceError | None"]


class Live:
    """The one that asks sources about numbers."""

    def __init__(self, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._memory = memory
        self._clock = clock
        self._flying: dict[Asked, asyncio.Task[dict[Number, Contact]]] = {}
        self._refreshed: dict[Asked, datetime] = {}
        self._tasks: set[asyncio.Task[dict[Number, Contact]]] = set()

    def remembered(self, source: Source, number: Number, principal: Principal) -> Remembered | None:
        """What a source said earlier, if it is still to be believed."""
        question = asked(source, number, principal)
        remembered = self._memory.get(question)
        if remembered is None:
            return None
        age = self._clock() - remembered.at
        limit = source.settings.absent_ttl if remembered.contact is None else source.settings.max_stale
        return remembered if age <= limit else None

    async def ask(
        self, wanted: Mapping[Source, Sequence[Number]], principal: Principal, patience: float
    ) -> dict[Source, Said]:
        """What each source says about its numbers, all asked at once, within `patience` seconds.

        A question that is being asked already is not asked again. One that is not answered in time goes on
        to its source's own deadline, and is remembered for the next who asks.
        """
        flights = {source: self._fly(source, numbers, principal) for source, numbers in wanted.items()}
        tasks = {task for flight in flights.values() for task in flight.values()}
        if tasks:
            await asyncio.wait(tasks, timeout=max(patience, 0))
        return {
            source: {number: self._said(source, number, task, patience) for number, task in flight.items()}
            for source, flight in flights.items()
        }

    def soon(self, source: Source, number: Number, principal: Principal) -> None:
        """Ask behind, so that the next answer is fresh; at most once in REFRESH_EVERY for each number."""
        question, now = asked(source, number, principal), self._clock()
        if now - self._refreshed.get(question, now - REFRESH_EVERY) < REFRESH_EVERY:
            return
        self._forget_refreshes(now)
        self._refreshed[question] = now
        self._fly(source, [number], principal)

    async def close(self) -> None:
        """End every question that is still open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _fly(
        self, source: Source, numbers: Sequence[Number], principal: Principal
    ) -> dict[Number, asyncio.Task[dict[Number, Contact]]]:
        """The task that answers each number: one for all that are not being asked already."""
        questions = {number: asked(source, number, principal) for number in numbers}
        new = [number for number, question in questions.items() if question not in self._flying]
        if new:
            task = asyncio.create_task(self._answers(source, new, principal), name=f"ask-{source.name}")
            self._tasks.add(task)
            self._flying.update((questions[number], task) for number in new)
            task.add_done_callback(lambda done: self._landed(done, [questions[number] for number in new]))
        return {number: self._flying[question] for number, question in questions.items()}

    async def _answers(
        self, source: Source, numbers: Sequence[Number], principal: Principal
    ) -> dict[Number, Contact]:
        live = source.settings.live
        contacts = await source.reverse_many(
            numbers, principal, live.timeout if live else timedelta(seconds=1)
        )
        now = self._clock()
        for number in numbers:
            self._memory.put(asked(source, number, principal), contacts.get(number), now)
        return contacts

    def _landed(self, task: asyncio.Task[dict[Number, Contact]], questions: Sequence[Asked]) -> None:
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
        self, source: Source, number: Number, task: asyncio.Task[dict[Number, Contact]], patience: float
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
        if len(self._refreshed) > 10_000:  # noqa: PLR2004 - a bound, seldom reached
            self._refreshed = {
                question: at for question, at in self._refreshed.items() if now - at < REFRESH_EVERY
            }
