"""Reading the index on the caller's thread: numbers, and words too where that takes little more."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Self

from lookupd.datafile import SQLITE, which
from lookupd.errors import IndexUnusable
from lookupd.index import database, record
from lookupd.index.brief import BRIEF, Briefly, TakesLong
from lookupd.index.caller import SOURCE, Caller, span
from lookupd.index.candidates import CANDIDATES
from lookupd.index.checksum import Damaged
from lookupd.index.cost import Cost
from lookupd.index.readycallers import ReadyCallers
from lookupd.index.record import Candidate, Found, Run, Synced
from lookupd.index.repair import Repair
from lookupd.index.search import LATE, Page
from lookupd.index.texts import Texts
from lookupd.number import Tier, question_keys
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lookupd.number import Number

__all__ = ["CANDIDATES", "PATIENCE", "Caller", "Candidate", "Found", "Reader", "Run", "Synced"]

_SQL = statements("lookupd.index", "queries.sql")
_NUMBER, _BLOCKS = _SQL["number"], _SQL["blocks"]
#: how many keys `blocks` takes
_KEYS = 4
#: so many blocks are kept in memory: where there are more, the index is asked for them
BLOCKS = 1000
#: how long a search takes at most, in seconds
PATIENCE = 0.25
#: how long a look at the index serves all who ask, in seconds
HOLD = 0.004


class Reader:
    """The index, read-only. Notices by itself when a sync run has changed it, or when it was made anew.

    Everything that it gives is what was stored. What cannot be read raises IndexUnusable, and is looked at
    behind: a damaged index is set aside, and an empty one made.
    """

    def __init__(self, path: Path, repair: Repair, texts: Texts, hold: float, brief: float) -> None:
        self._path = path
        self._hold = hold
        self._repair = repair
        self._texts = texts
        self._briefly = Briefly(path, self._which, brief)
        self._points_open = self._which()
        self._points = database.connect_reader(path)
        self._loop = asyncio.get_running_loop()
        self._cost = Cost()
        #: whether a transaction is open, and until when it is not too old
        self._is_looking = False
        self._looks_until = 0.0
        self._version: int | None = None
        self._by_id: Mapping[int, Synced] = {}
        self._by_uuid: Mapping[str, Synced] = {}
        #: all blocks that there are; None where they are too many
        self._blocks: frozenset[str] | None = None
        self._ready = ReadyCallers(path)

    @classmethod
    async def open(cls, path: Path, hold: float = 0.0, brief: float = BRIEF) -> Self:
        """Open the index at `path`, which must have been prepared.

        What is written to it shows after `hold` seconds at the latest, or in the next turn of the loop. A
        search that is over in `brief` seconds keeps the loop waiting for it, any other one has a thread.
        """
        repair = Repair(path)
        async with AsyncExitStack() as stack:
            texts = await Texts.open(path, partial(_which, path, repair))
            stack.push_async_callback(texts.close)
            reader = cls(path, repair, texts, hold, brief)
            stack.pop_all()
        return reader

    async def close(self) -> None:
        """Close all connections."""
        self._look_away()
        self._points.close()
        self._ready.close()
        self._briefly.close()
        await self._texts.close()
        await asyncio.to_thread(self._repair.close)

    def sources(self) -> Mapping[str, Synced]:
        """The sources that were ever synced, by uuid: the same mapping until one of them changes.

        Raises IndexUnusable.
        """
        try:
            self._look()
        except (*SQLITE, Damaged) as error:
            raise self._unusable(error) from error
        return self._by_uuid

    def reverse(
        self, number: Number, keys: Iterable[tuple[Tier, str]], sources: Container[str]
    ) -> list[Candidate]:
        """The contacts found under the keys of the best tier that finds any, in the sources with these uuids.

        Of each source the one whose first column has the number comes first, then by uid. A few microseconds.
        Raises IndexUnusable.
        """
        try:
            self._look()
            return self._found(number, iter(keys), sources)
        except (*SQLITE, Damaged) as error:
            raise self._unusable(error) from error

    def callers(self, number: Number, sources: Container[str], *, with_suffix: bool) -> list[Caller]:
        """The same under any key, as far as it is shown when the number calls: of each source the first.

        Who has a number without an extension comes before who has it with one.
        """
        try:
            self._look()
            callers = self._callers(number, sources)
            if callers is None:
                keys = question_keys(number, with_suffix=with_suffix)
                found = self._found(number, iter(keys), sources)
                found.sort(key=_is_by_extension)
            elif callers or (self._blocks == frozenset() and not with_suffix):
                return callers
            else:
                keys = question_keys(number, with_suffix=with_suffix)[1:]
                found = self._farther(number, [*keys], sources)
            return [_shown(candidate) for candidate in found]
        except (*SQLITE, Damaged) as error:
            raise self._unusable(error) from error

    async def search(
        self, term: str, sources: Sequence[str], *, limit: int, offset: int = 0, patience: float = PATIENCE
    ) -> Found:
        """The best contacts for what somebody typed, among the sources with these uuids, in this order.

        Ranked: whole words before beginnings of words, earlier columns before later ones, then the order of
        `sources`, then the name. An empty term browses; a term without a letter or digit finds nothing. What
        is not found within `patience` seconds is left out, and that is said. Raises IndexUnusable.
        """
        page = Page(term, sources=sources, limit=limit, offset=offset)
        came = time.monotonic()
        await asyncio.sleep(0)  # all that have come in this turn are counted before one is worked on
        began = time.monotonic()
        try:
            if patience > 0:
                with suppress(TakesLong):
                    return self._briefly.done(term, page.read)
            return await self._texts.within(patience - (time.monotonic() - came), page.read, LATE)
        except (*SQLITE, Damaged) as error:
            raise self._unusable(error) from error
        finally:
            self._cost.learn(began, time.monotonic())

    def search_cost(self) -> float:
        """What a search takes at the moment, in seconds."""
        return self._cost.seconds

    async def runs(self, uuid: str, limit: int = 20) -> list[Run]:
        """The last runs of a source, newest first. Raises IndexUnusable."""
        try:
            return [record.run(row) for row in await self._texts.rows(_SQL["runs"], (uuid, limit))]
        except (*SQLITE, Damaged) as error:
            raise self._unusable(error) from error

    def _callers(self, number: Number, sources: Container[str]) -> list[Caller] | None:
        """Who has a number itself, as the file of callers says; None where it does not know."""
        ids = span(number.key) if number.extension is None else None
        shown = None if ids is None else self._ready.find(*ids)
        if shown is None:
            return None
        return [
            Caller(display, body, source)
            for id_, display, body in shown
            if (source := self._by_id.get(id_ & SOURCE)) is not None and source.uuid in sources
        ]

    def _found(
        self, number: Number, keys: Iterator[tuple[Tier, str]], sources: Container[str]
    ) -> list[Candidate]:
        """Mostly the first key finds somebody: the others are looked for if not."""
        for tier, key in keys:
            rows = self._points.execute(_NUMBER, (key,)).fetchall()
            return self._candidates(rows, tier, number, sources) or self._farther(number, [*keys], sources)
        return []

    def _farther(
        self, number: Number, keys: list[tuple[Tier, str]], sources: Container[str]
    ) -> list[Candidate]:
        """All blocks are looked for at once, if there are some."""
        known, blocks = self._blocks, dict[str, list[Any]]()
        wanted = [key for tier, key in keys if tier is Tier.COMPANY and (known is None or key in known)]
        if wanted:
            blocks = {key: [] for key in wanted}
            for row in self._points.execute(_BLOCKS, [*wanted, *[None] * _KEYS][:_KEYS]).fetchall():
                blocks[row[0]].append(row)
        for tier, key in keys:
            if tier is Tier.COMPANY:
                rows = blocks.get(key, [])
            else:
                rows = self._points.execute(_NUMBER, (key,)).fetchall()
            if found := self._candidates(rows, tier, number, sources):
                return found
        return []

    def _candidates(
        self, rows: list[Any], tier: Tier, number: Number, sources: Container[str]
    ) -> list[Candidate]:
        found = []
        for row in rows:
            source = self._by_id.get(row[1])
            if source is not None and source.uuid in sources:
                candidate = record.candidate(row, tier, number, source)
                if candidate is not None:
                    found.append(((source.id, row[3], row[5]), candidate))  # by source, column, and uid
        found.sort(key=itemgetter(0))
        return [candidate for _, candidate in found]

    def _look(self) -> None:
        """See the index as it is now, or was just now.

        Following the file and beginning to read cost more than looking up a number: many share them. A writer
        is not kept waiting for long.
        """
        now = time.monotonic()
        if self._is_looking:
            if now < self._looks_until:
                return
            self._look_away()
        self._follow()
        if not self._points.in_transaction:
            self._points.execute("BEGIN")
        self._is_looking = True
        self._looks_until = now + self._hold
        if self._hold:
            self._loop.call_later(self._hold, self._look_away)
        else:
            self._loop.call_soon(self._look_away)
        self._read_sources()

    def _look_away(self) -> None:
        if self._is_looking:
            self._is_looking = False
            if self._points.in_transaction:
                self._points.execute("COMMIT")

    def _which(self) -> object:
        return _which(self._path, self._repair)

    def _follow(self) -> None:
        """Turn to the file that is the index now."""
        now = self._which()
        if now not in {self._points_open, None}:
            points = database.connect_reader(self._path)
            self._points.close()
            self._points, self._points_open, self._version = points, now, None

    def _read_sources(self) -> None:
        """Read the sources again if somebody wrote the index."""
        version = self._points.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            rows = self._points.execute(_SQL["sources"]).fetchall()
            self._by_id = {row[0]: record.synced(row) for row in rows}
            self._by_uuid = {source.uuid: source for source in self._by_id.values()}
            blocks = self._points.execute(_SQL["some_blocks"], (BLOCKS + 1,)).fetchall()
            self._blocks = frozenset(key for (key,) in blocks) if len(blocks) <= BLOCKS else None
            # Sources of higher ids have no callers there.
            self._ready.follow(self._points, is_of_use=max(self._by_id, default=0) <= SOURCE)
            self._version = version

    def _unusable(self, error: Exception) -> IndexUnusable:
        with suppress(*SQLITE):
            self._look_away()
        self._repair.start(error)
        return IndexUnusable(str(error))


def _shown(candidate: Candidate) -> Caller:
    return Caller(candidate.contact.display, candidate.contact.body, candidate.synced)


def _is_by_extension(candidate: Candidate) -> bool:
    return candidate.tier is Tier.EXTENSION


def _which(path: Path, repair: Repair) -> object:
    """Which file lies at a path; another one too when the same is to be opened anew. None when none does."""
    file = which(path)
    return None if file is None else (file, repair.in_vain)
