"""Long lists: work on many of them is done in a thread, so that others have their turn meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: so many are worked on at once: it takes a few milliseconds
_AT_ONCE: Final = 300


async def aside(work: Callable[[], T], size: int) -> T:
    """What some work on so many things gives."""
    return await asyncio.to_thread(work) if size > _AT_ONCE else work()
