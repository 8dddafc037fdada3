"""Reading the index: a number in microseconds on the caller's thread, words in a thread of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import aiosqlite

from lookupd.contact import Contact, ListedNumber
from lookupd.index import database, ranking
from lookupd.number import Number, Tier, match
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from pathlib import Path

_SQL = statements("lookupd.index", "queries.sql")
#: contacts that are ranked at most for one search: as many as are ever returned
CANDIDATES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What the index knows about a source as a whole."""

    id: int
    uuid: str
    name: str
    #: how many runs changed something
    generation: int
    contacts: int
    #: when the last good pull began: what it holds was true then; None before the first
    synced_at: datetime | None
    #: when the last good pull of everything began
    full_at: datetime | None
    #: where the back-end goes on telling changes
    cursor: str | None
    #: why the last run was held, until one succeeds
    held: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One past sync run of a source."""

    started_at: datetime
    seconds: float
    #: succeeded, failed or held
    outcome: str
    is_full: bool
    added: int
    changed: int
    removed: int
    unchanged: int
    #: rows left out, as no contact can hold them
    refused: int
    #: what was odd about the rows, a text each
    oddities: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A contact of the index that a number led to."""

    contact: Contact
    synced: Synced
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of contacts that some words led to."""

    contacts: tuple[tuple[Contact, Synced], ...]
    #: how many match, counted up to CANDIDATES
    total: int
    #: whether more match than were counted and ranked
    is_cut: bool


class Reader:
    """The index, read-only. Notices by itself when a sync run has changed it, or when it was made anew."""

    def __init__(self, path: Path, file: int | None, texts: aiosqlite.Connection) -> None:
        self._path = path
        #: which file each connection has open
        self._points_file = self._texts_file = file
        self._points = database.connect_reader(path)
        self._texts = texts
        self._version: int | None = None
        self._by_id: Mapping[int, Synced] = {}

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open the index at `path`, which must have been prepared."""
        return cls(path, _file(path), await _connect_texts(path))

    async def close(self) -> None:
        """Close both connections."""
        self._points.close()
        await self._texts.close()

    def sources(self) -> dict[str, Synced]:
        """The sources that were ever synced, by uuid."""
        self._follow()
        return {synced.uuid: synced for synced in self._sources().values()}

    def reverse(
        self, number: Number, keys: Sequence[tuple[Tier, str]], sources: Container[str]
    ) -> list[Candidate]:
        """The contacts found under the keys of the best tier that finds any, in the sources with these uuids.

        Of each source the one whose first column has the number comes first, then by uid. A few microseconds.
        """
        self._follow()
        self._points.execute("BEGIN")
        try:
            wanted = {id_: synced for id_, synced in self._sources().items() if synced.uuid in sources}
            for tier, key in keys:
                rows = self._points.execute(_SQL["number"], (key,)).fetchall()
                found = [_candidate(row, tier, number, wanted[row[0]]) for row in rows if row[0] in wanted]
                if candidates := [candidate for candidate in found if candidate is not None]:
                    return candidates
        finally:
            self._points.execute("COMMIT")
        return []

    async def search(self, term: str, sources: Sequence[int], *, limit: int, offset: int = 0) -> Found:
        """The best contacts for what somebody typed, among the sources with these ids, in this order.

        Ranked: whole words before beginnings of words, earlier columns before later ones, then the order of
        `sources`, then the name. An empty term browses; a term without a letter or digit finds nothing.
        """
        if not term.strip():
            return await self._browse(sources, limit=limit, offset=offset)
        expression = ranking.match_expression(term)
        if expression is None:
            return Found(contacts=(), total=0, is_cut=False)
        wanted = {"match": expression, "sources": json.dumps(sources), "candidates": CANDIDATES + 1}
        words = json.dumps(ranking.query_words(term))
        rows = await self._fetch(_SQL["search"], {**wanted, "words": words, "limit": limit, "offset": offset})
        matches = next((row[6] for row in rows), None)
        if matches is None:  # a page behind the last one
            [(matches,)] = await self._fetch(_SQL["matches"], wanted)
        return Found(
            contacts=self._contacts(rows), total=min(matches, CANDIDATES), is_cut=matches > CANDIDATES
        )

    async def runs(self, uuid: str, limit: int = 20) -> list[Run]:
        """The last runs of a source, newest first."""
        rows = await self._fetch(_SQL["runs"], (uuid, limit))
        return [_run(row) for row in rows]

    async def _browse(self, sources: Sequence[int], *, limit: int, offset: int) -> Found:
        wanted = json.dumps(sources)
        rows = await self._fetch(_SQL["browse"], {"sources": wanted, "limit": limit, "offset": offset})
        [(total,)] = await self._fetch(_SQL["size"], {"sources": wanted})
        return Found(contacts=self._contacts(rows), total=total, is_cut=False)

    async def _fetch(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - as sqlite3 takes them
        """The rows of a statement, in the file that is the index now."""
        file = _file(self._path)
        if file not in {self._texts_file, None}:
            texts = await _connect_texts(self._path)
            former, self._texts, self._texts_file = self._texts, texts, file
            await former.close()
        return [*await self._texts.execute_fetchall(statement, values)]

    def _follow(self) -> None:
        """Turn to the file that is the index now."""
        file = _file(self._path)
        if file not in {self._points_file, None}:
            self._points_file, self._version = file, None
            self._points.close()
            self._points = database.connect_reader(self._path)

    def _contacts(self, rows: Any) -> tuple[tuple[Contact, Synced], ...]:  # noqa: ANN401 - rows of sqlite3
        sources = self._sources()
        return tuple((_contact(row[1:5], sources[row[0]], row[5]), sources[row[0]]) for row in rows)

    def _sources(self) -> Mapping[int, Synced]:
        """The sources by id, read again only when somebody wrote the index."""
        version = self._points.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            rows = self._points.execute(_SQL["sources"]).fetchall()
            self._by_id = {row[0]: synced(row) for row in rows}
            self._version = version
        return self._by_id


async def _connect_texts(path: Path) -> aiosqlite.Connection:
    texts = await aiosqlite.connect(path, isolation_level=None)
    for statement in database.READING:
        await texts.execute(statement)
    await texts.create_function("rank_of", 2, ranking.rank_of, deterministic=True)
    return texts


def _file(path: Path) -> int | None:
    """Which file lies at a path; None when there is none at this moment."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def synced(row: Sequence[Any]) -> Synced:
    """A row of the statements `source` and `sources`."""
    return Synced(
        id=row[0],
        uuid=row[1],
        name=row[2],
        generation=row[3],
        contacts=row[4],
        synced_at=_instant(row[5]),
        full_at=_instant(row[6]),
        cursor=row[7],
        held=row[8],
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _run(row: Sequence[Any]) -> Run:
    return Run(
        started_at=datetime.fromtimestamp(row[0], UTC),
        seconds=row[1],
        outcome=row[2],
        is_full=bool(row[3]),
        added=row[4],
        changed=row[5],
        removed=row[6],
        unchanged=row[7],
        refused=row[8],
        oddities=tuple(json.loads(row[9])),
        error=row[10],
    )


def _candidate(row: Sequence[Any], tier: Tier, asked: Number, source: Synced) -> Candidate | None:
    if tier is Tier.EXACT:
        extension = row[1] or None
        exact = match(asked, Number(key=asked.key, extension=extension))
        if exact is None:  # the same line, but another person's extension
            return None
        tier = exact
    return Candidate(contact=_contact(row[2:], source, ""), synced=source, tier=tier)


def _contact(row: Sequence[Any], source: Synced, terms: str) -> Contact:
    uid, display, body, numbers = row
    return Contact(
        source=source.name, uid=uid, body=body, display=display, numbers=_numbers(numbers), terms=terms
    )


def _numbers(text: str) -> tuple[ListedNumber, ...]:
    return tuple(
        ListedNumber(number=Number(key=key, extension=extension or None), rank=rank)
        for key, extension, rank in json.loads(text)
        if not key.startswith("~")
    )
