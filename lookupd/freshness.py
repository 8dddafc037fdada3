"""How old an answer may be: age -> fresh, stale, expired; pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class Freshness(StrEnum):
    """What to do with an answer of some age."""

    FRESH = "fresh"  #: serve it
    STALE = "stale"  #: serve it, say how old it is, and ask again behind
    EXPIRED = "expired"  #: ask first; serve it only if asking fails


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifespan:
    """How long answers of one source stay fresh, and how long they are any good."""

    fresh_for: timedelta
    max_stale: timedelta

    def freshness(self, since: datetime, now: datetime) -> Freshness:
        """The freshness at `now` of what was true at `since`."""
        age = now - since
        if age <= self.fresh_for:
            return Freshness.FRESH
        return Freshness.STALE if age <= self.max_stale else Freshness.EXPIRED
