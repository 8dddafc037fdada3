"""How long a request would have to wait that comes now, and whether that is too long.

A request waits from when it is read until its handler begins. While any waits, the time that passes for each
that begins is what one costs, with all that is done besides; so many waiting times that is the delay.
Requests that are answered as they are read delay all that are read after them in the same turn of the loop.
A burst may wait for longer than a standing queue, since it is over by itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lookupd.front.kind import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.front.limits import Limits

#: so many begun make one measurement, and so many waiting are never too many
SAMPLE = 8
#: the weight of a measurement
_WEIGHT = 1 / 32
#: what a request costs until that is known, and at most (a pause of the process is no cost), in seconds
_FIRST_COST = 0.00025
_MOST_COST = 0.01


class Queue:
    """Requests that are read and not begun."""

    __slots__ = (
        "_clock",
        "_cost",
        "_last_long",
        "_limits",
        "_long_since",
        "_reading_since",
        "_reverse_refused_at",
        "alarm",
        "begun",
        "is_reading",
        "measured_at",
        "waiting",
    )

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        #: how many wait
        self.waiting = 0
        #: how many have begun since the last measurement; `SAMPLE` are enough for another
        self.begun = 0
        #: when that was, or when the first came after a time without any
        self.measured_at = 0.0
        #: whether this turn of the loop has read a request that may be answered at once, and since when
        self.is_reading = False
        self._reading_since = 0.0
        self._long_since = self._last_long = self._reverse_refused_at = -math.inf
        self._cost = _FIRST_COST
        #: while fewer wait than this, none is too many, and nobody needs to ask
        self.alarm = self._least_alarm()

    @property
    def cost(self) -> float:
        """What a request costs, in seconds."""
        return self._cost

    def starts(self, now: float) -> None:
        """Nobody has waited until now."""
        self.measured_at = now
        self.begun = 0

    def reads(self, now: float) -> None:
        """The first in this turn of the loop is read."""
        self.is_reading = True
        self._reading_since = now

    def has_read(self) -> None:
        """The next turn of the loop begins."""
        self.is_reading = False

    def has_read_long(self, now: float) -> bool:
        """Whether reading alone may be too long for some."""
        return now - self._reading_since > self._limits.delay / 2

    def measure(self) -> None:
        """Learn what those cost that have begun since the last time."""
        now = self._clock()
        cost = min((now - self.measured_at) / SAMPLE, _MOST_COST)
        self._cost += (cost - self._cost) * _WEIGHT
        self.measured_at = now
        self.begun = 0
        if self.alarm:
            self.alarm = self._least_alarm()

    def is_too_long(self, kind: Kind, now: float) -> bool:
        """Whether a request of this kind has to be turned away."""
        if kind is Kind.REVERSE:
            if not self._exceeds(1.0, now):
                if not self.alarm and now - self._reverse_refused_at >= self._limits.calm_time:
                    self.alarm = self._least_alarm()
                return False
            self._reverse_refused_at = now
            self.alarm = 0
            return True
        has_calmed = now - self._reverse_refused_at >= self._limits.calm_time
        return kind is Kind.LOOKUP and (not has_calmed or self._exceeds(0.5, now))

    def _exceeds(self, share: float, now: float) -> bool:
        """Whether the delay is over this share of what it may be."""
        limits = self._limits
        delay = self.waiting * self._cost if self.waiting >= SAMPLE else 0.0
        if self.is_reading:
            delay += now - self._reading_since
        if delay <= share * limits.delay:
            return False
        if now - self._last_long > limits.calm_time:
            self._long_since = now
        self._last_long = now
        return delay > share * limits.burst_delay or now - self._long_since > limits.burst_time

    def _least_alarm(self) -> int:
        return max(SAMPLE, int(self._limits.delay / 2 / self._cost))
