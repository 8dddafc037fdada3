"""Long work on the loop, done piece by piece: whoever else wants something has a turn in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

T = TypeVar("T")

#: things that are done in a turn: some 5 ms of numbers
PIECE = 25


async def in_pieces(things: Iterable[T], size: int = PIECE) -> AsyncIterator[T]:
    """Each thing; after so many of them others have a turn."""
    for place, thing in enumerate(things):
        if place and not place % size:
            await asyncio.sleep(0)
        yield thing
