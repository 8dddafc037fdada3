"""Whether a source is worth asking, and how long to wait for it: a breaker and an adapted timeout; pure.

The breaker opens after some failures in a row, lets one question through after 1, 2, 4 ... 300 s, and closes
when that one is answered. The timeout follows the observed latency as TCP's does (RFC 6298): srtt + 4 rttvar.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: failures in a row that open the breaker
FAILURES = 3
#: first and longest pause of an open breaker
PAUSE_FIRST, PAUSE_LAST = timedelta(seconds=1), timedelta(seconds=300)
#: share of a pause that chance adds at most, so that many do not come back at once
JITTER = 0.1
#: the shortest wait, however quick a source has been
PATIENCE_LEAST = timedelta(milliseconds=50)
#: weights of the newest latency in the averages (RFC 6298)
ALPHA, BETA, SPREAD = 1 / 8, 1 / 4, 4


class Breaker(StrEnum):
    """Whether questions go through."""

    CLOSED = "closed"  #: all of them
    OPEN = "open"  #: none
    PROBING = "probing"  #: one went through, and is not answered yet


class Health:
    """What the last questions to a source tell about it. Instants are seconds of a monotonic clock."""

    def __init__(self, longest: timedelta, chance: Callable[[], float]) -> None:
        """`longest` is the wait while nothing is known, and at most; `chance` gives numbers from 0 to 1."""
        self._longest = longest.total_seconds()
        self._chance = chance
        self._failures = 0
        self._openings = 0
        self._retry_at = 0.0
        self._srtt: float | None = None
        self._rttvar = 0.0
        self.breaker = Breaker.CLOSED

    @property
    def patience(self) -> timedelta:
        """How long to wait for the next answer."""
        if self._srtt is None:
            return timedelta(seconds=self._longest)
        wait = self._srtt + SPREAD * self._rttvar
        return timedelta(seconds=min(self._longest, max(wait, PATIENCE_LEAST.total_seconds())))

    def retry_in(self, now: float) -> timedelta:
        """How long the breaker stays open before it lets a question through; zero when it lets one now."""
        return timedelta(seconds=max(0.0, self._retry_at - now) if self.breaker is Breaker.OPEN else 0.0)

    def admits(self, now: float) -> bool:
        """Whether a question may go to the source now; the one that may while it is open is the probe."""
        if self.breaker is Breaker.CLOSED:
            return True
        if self.breaker is Breaker.OPEN and now >= self._retry_at:
            self.breaker = Breaker.PROBING
            return True
        return False

    def answered(self, latency: float | None) -> None:
        """A question was answered after so many seconds; None for one that is no measure for others."""
        if latency is not None:
            self._learn(latency)
        self.breaker, self._failures, self._openings = Breaker.CLOSED, 0, 0

    def failed(self, now: float) -> None:
        """A question was not answered."""
        self._failures += 1
        if self.breaker is Breaker.CLOSED and self._failures < FAILURES:
            return
        pause = min(PAUSE_FIRST * 2 ** min(self._openings, 16), PAUSE_LAST).total_seconds()
        self._openings += 1
        self._retry_at = now + pause * (1 + JITTER * self._chance())
        self.breaker = Breaker.OPEN
        self._srtt = None  # what it was before says nothing about what it will be after

    def abandoned(self) -> None:
        """A question was given up before anything could be learned: a probe may be made again."""
        if self.breaker is Breaker.PROBING:
            self.breaker = Breaker.OPEN

    def _learn(self, latency: float) -> None:
        if self._srtt is None:
            self._srtt, self._rttvar = latency, latency / 2
        else:
            self._rttvar += BETA * (abs(latency - self._srtt) - self._rttvar)
            self._srtt += ALPHA * (latency - self._srtt)
