"""How much each guest may still be told: a bucket for each, which fills up again with time. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: guests remembered at a time; one who was not heard of for the longest time starts afresh
CAPACITY = 10_000


class Buckets:
    """A bucket of tokens for each name, in bounded memory; they start full."""

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float], *, capacity: int = CAPACITY
    ) -> None:
        """`rate` tokens a second flow in, up to `burst`; `clock` gives monotonic seconds."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._capacity = capacity
        #: what is in each, and as of when; the one touched last stands last
        self._left: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._left)

    def wait(self, name: str) -> float:
        """How many seconds until there is a whole token again; 0 if there is one."""
        return max(0.0, (1.0 - self._now(name)) / self._rate)

    def take(self, name: str, count: float = 1.0) -> None:
        """Take tokens out, more than there are if need be: then it takes longer to be filled again."""
        self._put(name, self._now(name) - count)

    def give_back(self, name: str, count: float) -> None:
        """Put tokens back that were taken and not used."""
        self._put(name, min(self._burst, self._now(name) + count))

    def _now(self, name: str) -> float:
        left, at = self._left.get(name, (self._burst, 0.0))
        return min(self._burst, left + (self._clock() - at) * self._rate) if name in self._left else left

    def _put(self, name: str, left: float) -> None:
        self._left.pop(name, None)
        if left >= self._burst:
            return  # a full one is like one nobody knows
        if len(self._left) >= self._capacity:
            del self._left[next(iter(self._left))]
        self._left[name] = left, self._clock()
