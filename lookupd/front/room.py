"""How many text searches may be under way: as many as are over soon, since each waits for those before it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.front.limits import Limits
    from lookupd.front.load import Load


class Room:
    """Bounds that follow what a search costs: on a slow machine, or in a large index, fewer begin."""

    __slots__ = ("_cost", "_limits", "_load", "each", "most", "waiting")

    def __init__(self, limits: Limits, load: Load, cost: Callable[[], float] | None) -> None:
        """`cost` says how many seconds a search takes; without, bounds stay as high as they may be."""
        self._limits = limits
        self._load = load
        self._cost = cost
        #: searches under way, of all clients and of one
        self.most = self.each = 0
        #: searches that are read and not begun
        self.waiting = 0
        self.measure()

    def measure(self) -> None:
        """Follow what a search costs now."""
        limits = self._limits
        most = limits.lookups
        if self._cost is not None:
            most = min(most, max(limits.lookups_least, int(limits.lookups_time / self._cost())))
        self.most = self._load.most_lookups = most
        self.each = math.ceil(limits.lookups_each * most / limits.lookups)
