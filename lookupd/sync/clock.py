"""Whether the wall clock goes with the time that passes: who plans by it must know when it is set."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: what a clock may be wrong by, in seconds, before that is a step: it is set by less all the time
SLACK = 1.0


def _passed() -> float:
    """Seconds that passed since some instant, those included in which the machine slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock:
    """The wall clock beside two others that nobody sets: all that passes, and what passes awake."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        passed: Callable[[], float] = _passed,
        awake: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall, self._passed, self._awake = wall, passed, awake
        self._ahead, self._asleep = self._look()

    def step(self) -> timedelta | None:
        """By how much the wall clock was set since the last step; None when it was not.

        Zero when the machine slept meanwhile, and timers that count the time awake are late.
        """
        ahead, asleep = self._look()
        step = ahead - self._ahead
        if abs(step) < SLACK and asleep - self._asleep < SLACK:
            return None
        self._ahead, self._asleep = ahead, asleep
        return timedelta(seconds=step if abs(step) >= SLACK else 0)

    def _look(self) -> tuple[float, float]:
        """How far the wall clock is ahead of all that passed, and how much of that the machine slept."""
        passed = self._passed()
        return self._wall() - passed, passed - self._awake()
