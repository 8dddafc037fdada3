"""A page of rows: as many as a phone takes, by their number and by the bytes of the document. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lookupd.views.phones.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows of all that were found."""

    rows: Sequence[Row]
    #: how many stand before them
    offset: int = 0
    #: how many were found
    total: int = 0
    #: offsets of the pages around it
    next: int | None = None
    previous: int | None = None

    @property
    def contacts(self) -> int:
        """How many contacts it tells of."""
        return len({row.entry.identity for row in self.rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of the rows that is wanted."""

    offset: int
    #: rows at most
    most: int
    #: bytes at most; None where the phone takes any
    size: int | None = None


def cut(rows: Sequence[Row], window: Window, measure: Callable[[Page], int]) -> Page:
    """The page in a window. `measure` gives the bytes of a document, and is used only where they count.

    The page before ends where this one begins; each is as long as it may be.
    """
    offset = min(max(0, window.offset), len(rows))
    most = max(0, window.most)
    before = _fitting(min(most, offset), window, lambda n: _page(rows, offset - n, offset), measure)
    previous = offset - before if before else None

    def page(count: int) -> Page:
        made = _page(rows, offset, offset + count)
        return Page(rows=made.rows, offset=offset, total=made.total, next=made.next, previous=previous)

    return page(_fitting(min(most, len(rows) - offset), window, page, measure))


def _fitting(most: int, window: Window, page: Callable[[int], Page], measure: Callable[[Page], int]) -> int:
    """How many rows of at most so many fit; at least one, which no limit of ours is too small for."""
    size = window.size
    if size is None or most == 0 or measure(page(most)) <= size:
        return most
    return max(1, bisect_right(range(most + 1), size, key=lambda count: measure(page(count))) - 1)


def _page(rows: Sequence[Row], start: int, end: int) -> Page:
    """Rows with links to both sides, as far as there is something."""
    return Page(
        rows=rows[start:end],
        offset=start,
        total=len(rows),
        next=end if start < end < len(rows) else None,
        previous=0 if start > 0 else None,
    )
