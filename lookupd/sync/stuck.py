"""When a source's threads all hang in its back-end: nothing ends a thread but the end of its process."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lookupd.source import Source

#: a process that is replaced for it has lived that long, as the next one may end in the same way
REPLACE_AFTER = timedelta(minutes=10)
#: how long a run may take beyond the time in which it may pull, before it is broken off for others' sake
GRACE = timedelta(minutes=1)


def patience(sources: Iterable[Source]) -> timedelta:
    """How long it may take until the runs of these sources have ended by themselves."""
    longest = max((one.settings.sync.timeout for one in sources if one.settings.sync), default=timedelta(0))
    return longest + GRACE
