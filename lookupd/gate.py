"""Who may ask a source now: no more at once than it has room for, and nobody while it does not answer.

What each question comes to is learned from, so that a source that hangs soon costs nothing. Text searches
have a gate of their own: many a directory is slow with texts and quick with numbers, and names come first.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from lookupd.errors import SourceBusy, SourceClosed, SourceError
from lookupd.health import Breaker, Health

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from lookupd.errors import SourceDown


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCondition:
    """How a source takes text searches just now."""

    breaker: Breaker
    #: how long it gets none; zero when it may be asked now
    retry_in: timedelta
    #: searches on their way
    in_flight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a source takes its live questions just now: those about numbers, and text searches."""

    breaker: Breaker
    #: how long it is not asked; zero when it may be asked now
    retry_in: timedelta
    #: how long the next answer about a number is waited for
    patience: timedelta
    #: questions on their way
    in_flight: int
    #: threads that work on something nobody waits for any more, searches included
    stuck_threads: int
    search: SearchCondition


class News(Protocol):
    """What a gate needs to tell people how its source fares."""

    #: the name of the source
    source: str

    def fails(self, error: SourceError, pause: timedelta) -> None:
        """It has failed, and is not asked for a while. Told once, until it answers again."""
        ...

    def answers(self) -> None:
        """It has answered."""
        ...

    def down(self, retry_in: timedelta) -> SourceDown:
        """The error for those who may not ask."""
        ...


@dataclass(slots=True, kw_only=True)
class Entry:
    """A question that was let in, until its block ends."""

    gate: Gate
    #: whether it is the one that finds out if the source answers again
    is_probe: bool
    #: whether its latency tells how long others will take
    is_typical: bool
    began: float

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.gate.left(self, error)


class Gate:
    """Lets questions of one kind to one source in, or not, at once."""

    def __init__(self, news: News, longest: timedelta, room: int, clock: Callable[[], float]) -> None:
        """A question takes `longest` at most, `room` of them at once; `clock` gives monotonic seconds."""
        self._news = news
        self._room = room
        self.clock = clock
        self.health = Health(longest, random.random)
        #: questions on their way
        self.in_flight = 0

    @property
    def retry_in(self) -> timedelta:
        """How long the source is not asked; zero when it may be asked now."""
        return self.health.retry_in(self.clock())

    def enter(self, *, is_typical: bool) -> Entry:
        """Let a question in. Raises SourceBusy where there is no room, SourceDown where nobody may ask."""
        if self.in_flight >= self._room:
            raise SourceBusy(self._news.source)
        now = self.clock()
        if not self.health.admits(now):
            raise self._news.down(self.health.retry_in(now))
        self.in_flight += 1
        is_probe = self.health.breaker is Breaker.PROBING
        return Entry(gate=self, is_probe=is_probe, is_typical=is_typical, began=now)

    def left(self, entry: Entry, error: BaseException | None) -> None:
        """A question has ended: with an answer, a failure, or something that tells nothing of the source."""
        self.in_flight -= 1
        now = self.clock()
        if error is None:
            self.health.answered(now - entry.began if entry.is_typical else None)
            self._news.answers()
        elif isinstance(error, SourceError) and not isinstance(error, SourceBusy | SourceClosed):
            self._failed(entry, error, now)
        elif entry.is_probe:
            self.health.abandoned()

    def _failed(self, entry: Entry, error: SourceError, now: float) -> None:
        """Questions from before the breaker opened say nothing new when they fail one after the other."""
        if not entry.is_probe and self.health.breaker is not Breaker.CLOSED:
            return
        self.health.failed(now)
        if self.health.breaker is Breaker.OPEN:
            self._news.fails(error, self.health.retry_in(now))
