"""What a term finds, kept for some minutes: the pages of one search are parts of one list, whatever happens.

A phone that turns a page sends the same question again. If a directory were asked again, and were slow or
down this time, rows would be shown twice, or never.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from lookupd.views.phones import rows
from lookupd.views.phones.turn import aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lookupd.answer import Hit, Page
    from lookupd.config import Column
    from lookupd.contact import Contact
    from lookupd.principal import Principal
    from lookupd.views.phones.rows import Entry, Row

#: contacts asked for at once, and in all: as far as pages of a lookup reach
_CHUNK: Final = 1000
REACH: Final = 10_000
#: contacts made into entries before others have their turn
_TURN: Final = 50
#: how long a list is given to every phone that asks the same, and to those that turn its pages, in seconds
FRESH: Final = 5.0
KEPT: Final = 300.0
#: entries that are kept in all
MOST: Final = 50_000
#: entries that a list counts as, besides its own: so lists of nobody are not many either
OVERHEAD: Final = 25


class Lookup(Protocol):
    """What is needed of the lookup service."""

    async def find(
        self, principal: Principal, profile: str, term: str, *, limit: int | None = None, offset: int = 0
    ) -> Page:
        """A page of contacts. Raises UnknownProfile, QuestionTooLarge."""
        ...


class Catalog(Protocol):
    """What is needed of the catalog."""

    def columns(self, principal: Principal, profile: str) -> Sequence[Column]:
        """The columns a profile shows. Raises UnknownProfile."""
        ...

    def dialling(self, principal: Principal, profile: str) -> Callable[[str, str], Iterable[str]]:
        """What phones of a profile dial, by source and text. Raises UnknownProfile."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everybody who was found, and can be called."""

    entries: Sequence[Entry]
    #: whether some directory could not be asked, or time was up: others may be missing
    is_partial: bool
    #: rows that were made of them, by how many numbers a row has, and how long they may be
    _rows: dict[tuple[int, int], list[Row]] = field(default_factory=dict, compare=False, repr=False)

    async def rows(self, *, per_row: int, longest: int) -> list[Row]:
        """The lines for a phone."""
        kind = (per_row, longest)
        if kind not in self._rows:
            make = partial(rows.rows, self.entries, per_row=per_row, longest=longest)
            self._rows[kind] = await aside(make, len(self.entries))
        return self._rows[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    found: Found
    at: float


class Finder:
    """Searches for phones, and remembers what it found for those who go on."""

    def __init__(self, lookup: Lookup, catalog: Catalog, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._lookup = lookup
        self._catalog = catalog
        self._clock = clock
        #: the oldest first
        self._kept: dict[tuple[Principal, str, str], _Kept] = {}
        self._asking: dict[tuple[Principal, str, str], asyncio.Task[Found]] = {}

    async def find(self, principal: Principal, profile: str, term: str, *, is_going_on: bool) -> Found:
        """Who is found; for a phone that turns a page, the list that it began with.

        With a term the best come first, without one everybody in the order of names. Raises UnknownProfile,
        QuestionTooLarge.
        """
        question = (principal, profile, term)
        kept = self._kept.get(question)
        if kept and self._clock() - kept.at <= (KEPT if is_going_on else FRESH):
            return kept.found
        task = self._asking.get(question)
        if task is None:
            task = asyncio.create_task(self._ask(question), name="phone-search")
            task.add_done_callback(lambda _: self._asking.pop(question, None))
            self._asking[question] = task
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ask no more."""
        tasks = [*self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, question: tuple[Principal, str, str]) -> Found:
        found = await self._all(*question)
        now = self._clock()
        kept = self._kept.get(question)
        if found.is_partial and kept and not kept.found.is_partial and now - kept.at <= KEPT:
            return kept.found
        self._kept.pop(question, None)
        self._kept[question] = _Kept(found=found, at=now)
        self._forget(now)
        return found

    def _forget(self, now: float) -> None:
        size = sum(map(_size, self._kept.values()))
        for question, kept in [*self._kept.items()]:
            if size <= MOST and now - kept.at <= KEPT:
                break
            size -= _size(kept)
            del self._kept[question]

    async def _all(self, principal: Principal, profile: str, term: str) -> Found:
        columns = self._catalog.columns(principal, profile)
        dial = self._catalog.dialling(principal, profile)
        entries: dict[str, Entry] = {}
        offset, is_partial = 0, False
        while True:
            page = await self._lookup.find(principal, profile, term, limit=_CHUNK, offset=offset)
            is_partial = is_partial or page.is_partial or bool(page.failed)
            for entry in await _entries(page.hits, columns, dial):
                entries.setdefault(entry.identity, entry)
            offset += len(page.hits)
            if not page.hits or offset >= min(page.total, REACH):
                break
        if term:
            return Found(entries=[*entries.values()], is_partial=is_partial)
        order = partial(rows.in_order_of_names, [*entries.values()])
        return Found(entries=await aside(order, len(entries)), is_partial=is_partial)


def _size(kept: _Kept) -> int:
    return len(kept.found.entries) + OVERHEAD


async def _entries(
    hits: Sequence[Hit], columns: Sequence[Column], dial: Callable[[str, str], Iterable[str]]
) -> list[Entry]:
    found = []
    for at, hit in enumerate(hits):
        if at % _TURN == 0:
            await asyncio.sleep(0)
        entry = entry_of(hit.contact, columns, dial)
        if entry is not None:
            found.append(entry)
    return found


def entry_of(
    contact: Contact, columns: Sequence[Column], dial: Callable[[str, str], Iterable[str]]
) -> Entry | None:
    """A contact as phones show it; None where it has nothing to dial."""
    return rows.entry(contact, columns, lambda text: dial(contact.source, text))
