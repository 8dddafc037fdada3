"""When a question must be over: every wait for a server has its own limit, and ends by then."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import ldap

if TYPE_CHECKING:
    from lookupd import QueryArgs

_KEPT = 0.1  # seconds kept for each server behind the one that is asked; quick ones need far less


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock, in seconds; by default there is none."""

    at: float = math.inf

    @classmethod
    def of(cls, args: QueryArgs) -> Self:
        """When the one who asks stops waiting, if that is told."""
        seconds = args.get("deadline")
        return cls() if seconds is None else cls(time.monotonic() + seconds)

    def left(self, most: float) -> float:
        """How long to wait now, in seconds, `most` at most. Raises ldap.TIMEOUT when it is over."""
        seconds = min(most, self.at - time.monotonic())
        if seconds <= 0:  # to libldap, that would be no limit at all
            raise ldap.TIMEOUT
        return seconds

    def share(self, servers: int) -> Deadline:
        """When the first of so many servers is given up, so that the others have time to answer, too.

        An even share is the least, but a slow answer is worth more than a long wait for each of the others.
        """
        now = time.monotonic()
        left = self.at - now
        return Deadline(now + max(left / servers, left - _KEPT * (servers - 1)))


#: for pulls, whose run has a deadline
NEVER = Deadline()
