"""What a search takes, as lately measured: while many are under way, the time from one end to the next."""

from __future__ import annotations

from typing import Final

#: what one takes until that is known, and at most (a pause of the process is no cost), in seconds
FIRST: Final = 0.004
MOST: Final = 0.25
#: the weight of one search
WEIGHT: Final = 1 / 16


class Cost:
    """Learns from each search that ends."""

    __slots__ = ("_last_end", "seconds")

    def __init__(self) -> None:
        #: what a search takes
        self.seconds = FIRST
        self._last_end = 0.0

    def learn(self, began: float, ended: float) -> None:
        """One search has ended; while another was before it, it only waited."""
        took = min(ended - max(began, self._last_end), MOST)
        self._last_end = ended
        self.seconds += (took - self.seconds) * WEIGHT
