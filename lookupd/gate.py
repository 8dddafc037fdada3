"""Who may ask a source now: no more at once than it has room for, and nobody while it does not answer.

What each question comes to is learned from, so that a source that hangs soon costs nothing.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lookupd.errors import SourceBusy, SourceClosed, SourceDown, SourceError
from lookupd.health import Breaker, Health

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a source takes its live questions just now."""

    breaker: Breaker
    #: how long it is not asked; zero when it may be asked now
    retry_in: timedelta
    #: how long the next answer about a number is waited for
    patience: timedelta
    #: questions on their way
    in_flight: int
    #: threads that work on something nobody waits for any more
    stuck_threads: int


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
    """Lets questions to one source in, or not, at once."""

    def __init__(self, source: str, longest: timedelta, room: int, clock: Callable[[], float]) -> None:
        """A question takes `longest` at most, `room` of them at once; `clock` gives monotonic seconds."""
        self._source = source
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
            raise SourceBusy(self._source)
        now = self.clock()
        if not self.health.admits(now):
            raise SourceDown(self._source, self.health.retry_in(now))
        self.in_flight += 1
        is_probe = self.health.breaker is Breaker.PROBING
        return Entry(gate=self, is_probe=is_probe, is_typical=is_typical, began=now)

    def left(self, entry: Entry, error: BaseException | None) -> None:
        """A question has ended: with an answer, a failure, or something that tells nothing of the source."""
        self.in_flight -= 1
        now = self.clock()
        if error is None:
            if self.health.answered(now - entry.began if entry.is_typical else None):
                logger.info("source %r answers again", self._source)
        elif isinstance(error, SourceError) and not isinstance(error, SourceBusy | SourceClosed):
            self._failed(entry, error, now)
        elif entry.is_probe:
            self.health.abandoned()

    def _failed(self, entry: Entry, error: SourceError, now: float) -> None:
        """Questions from before the breaker opened say nothing new when they fail one after the other."""
        if not entry.is_probe and self.health.breaker is not Breaker.CLOSED:
            return
        if self.health.failed(now):
            seconds = self.health.retry_in(now).total_seconds()
            logger.warning(
                "source %r does not answer, and is not asked for %.0f s: %s", self._source, seconds, error
            )
