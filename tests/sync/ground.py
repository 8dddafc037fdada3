"""What tests of syncs and of the index stand on: an index on disk, runs into it, and a close look at it."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import time
from array import array
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

from lookupd.contact import Shape
from lookupd.errors import CursorExpired
from lookupd.index import database
from lookupd.index.caller import SOURCE, number_of, ready
from lookupd.index.callerfile import CallerFile
from lookupd.index.reader import Reader
from lookupd.loader import Loader
from lookupd.number import NumberRules, parse, question_keys
from lookupd.plugins import Changes
from lookupd.source import Source, State
from lookupd.sync.paths import Paths
from lookupd.sync.run import Run
from tests.fakes import Directory, FakeBackend, config_of, source_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from lookupd.sync.plan import Plan

FRANCE = NumberRules(region="FR")
#: longest wait for anything, in seconds; no test takes that long unless it fails
DEADLINE = 10.0
#: what a source's part of the index consists of
PART = ("contact", "number", "search_data", "search_idx")


def _by(id_: int) -> tuple[str, int]:
    return f"+{number_of(id_)}", id_ & SOURCE


class Ground:
    """An index in a folder, and what tests do with it."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(index=folder / "index.db", staging=folder / "staging")
        database.prepare(self.paths.index)
        #: sources that `sync` opened, to be closed at the end
        self.sources: list[Source] = []

    async def sync(self, source: Source, *, accept_loss: bool = False, **more: Any) -> Plan:
        """One run of a source, opened when it is not."""
        if source.state is not State.LOADED:
            await source.open()
            self.sources.append(source)
        async with asyncio.timeout(DEADLINE):
            return await Run(source, source.settings.sync, self.paths, **more).run(accept_loss=accept_loss)

    async def hold(self, *rows: dict[str, Any], **settings: Any) -> Source:
        """A source on a directory with these rows, synced."""
        source = source_of(Directory(rows=list(rows)), **{"backend": "fake", **settings})
        await self.sync(source)
        return source

    async def close(self) -> None:
        """Close every source."""
        for source in self.sources:
            await source.close()

    @asynccontextmanager
    async def reading(self, **settings: float):
        """A reader."""
        reader = await Reader.open(self.paths.index, **settings)
        try:
            yield reader
        finally:
            await reader.close()

    def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        """What a statement gives, on a connection of its own; what it writes is committed."""
        with closing(sqlite3.connect(self.paths.index, isolation_level=None)) as connection:
            return connection.execute(sql, arguments).fetchall()

    def part(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that the index holds of contacts, to compare."""
        return {table: self.rows(f"SELECT * FROM {table}") for table in PART}

    def bodies(self) -> dict[str, dict[str, Any]]:
        """The fields of every contact, by uid."""
        return {uid: json.loads(body) for uid, body in self.rows("SELECT uid, body FROM contact")}

    def names(self) -> list[str]:
        """The name of every contact, sorted."""
        return sorted(body["name"] for body in self.bodies().values())

    def check(self) -> None:
        """Fail unless every table agrees with the contacts."""
        assert self.rows("PRAGMA integrity_check") == [("ok",)]
        self.rows("INSERT INTO search (search) VALUES ('integrity-check')")
        self.rows("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
        numbers = {
            (key, source, rank, contact, extension)
            for contact, source, listed in self.rows("SELECT id, source_id, numbers FROM contact")
            for key, extension, rank in json.loads(listed)
        }
        assert set(self.rows("SELECT key, source_id, rank, contact_id, extension FROM number")) == numbers
        if (file := self.caller_file()) is not None:
            shown, changed = file
            made = self._callers_made(numbers)
            assert {by: one for by, one in shown.items() if by not in changed} == {
                by: one for by, one in made.items() if by not in changed
            }
        counted = "SELECT count(*) FROM contact WHERE source_id = source.id"
        assert self.rows(f"SELECT name FROM source WHERE contacts <> ({counted})") == []

    def caller_file(self) -> tuple[dict[Any, Any], set[Any]] | None:
        """What is ready to be shown, by key and id of the source, and of which that no longer counts."""
        rows = self.rows("SELECT name, is_made, changed, checksum FROM caller_file")
        told = ready(rows[0] if rows else None)
        if told is None or not told.is_made:
            return None
        with closing(CallerFile(self.paths.index.with_name(told.name), b"")) as file:
            found = [one for id_, shown_sum in file.sums() if shown_sum for one in file.find(id_, id_)]
            elsewhere = {_by(id_)[0] for id_, shown_sum in file.sums() if shown_sum is None}
        changed = {_by(id_) for id_ in array("Q", told.changed)}
        changed |= {(key, source) for key in elsewhere for source in range(1, 9)}
        return {_by(id_): tuple(shown) for id_, *shown in found}, changed

    def _callers_made(self, numbers: Iterable[tuple[Any, ...]]) -> dict[tuple[str, int], tuple[Any, ...]]:
        """What should be."""
        contacts = {id_: row for id_, *row in self.rows("SELECT id, uid, display, body FROM contact")}
        best: dict[tuple[str, int], tuple[Any, ...]] = {}
        for key, source, rank, contact, extension in numbers:
            if source <= SOURCE and re.fullmatch(r"\+[1-9][0-9]{0,14}", key):
                uid, *shown = contacts[contact]
                one = (extension != "", rank, uid, tuple(shown))
                best[key, source] = min(one, best.get((key, source), one))
        return {by: shown for by, (*_, shown) in best.items()}

    async def holders(self, number: str, *sources: Source) -> list[str]:
        """The uids of the contacts found by a number, in order; in all sources if none is named."""
        asked = parse(number, FRANCE)
        async with self.reading() as reader:
            uuids = [source.uuid for source in sources] or reader.sources()
            found = reader.reverse(asked, question_keys(asked), uuids)
        return [candidate.contact.uid for candidate in found]

    async def search(self, term: str) -> list[str]:
        """The uids of the contacts found by a text, in order, in all sources."""
        async with self.reading() as reader:
            found = await reader.search(term, [*reader.sources()], limit=1000)
        return [contact.uid for contact, _ in found.contacts]

    async def synced(self):
        """What the index says about its only source."""
        async with self.reading() as reader:
            [synced] = reader.sources().values()
        return synced

    async def runs(self, limit: int = 200):
        """The runs of the only source, newest first."""
        async with self.reading() as reader:
            [uuid] = reader.sources()
            return await reader.runs(uuid, limit)


class ChangingBackend(FakeBackend):
    """Also tells what changed: cursors are positions in a log of steps."""

    def __init__(self, directory: Directory) -> None:
        super().__init__(directory)
        #: each step: rows to tell, and ids that are gone
        self.steps: list[tuple[list[dict[str, Any]], list[str]]] = []
        #: cursors before this one are no longer known
        self.oldest = 0
        #: whether that is noticed only when the rows are read
        self.is_lazy = False

    async def changes(self, cursor):
        await self._directory.answer("changes", cursor)
        if cursor is None:
            return Changes(rows=list(self._directory.rows), cursor=lambda: str(len(self.steps)))
        if int(cursor) < self.oldest and not self.is_lazy:
            raise CursorExpired("too long ago")
        there = {row["id"] for row in self._directory.rows}
        return Changes(
            rows=self._rows(int(cursor)),
            gone=(uid for _, gone in self.steps[int(cursor) :] for uid in gone if uid not in there),
            cursor=str(len(self.steps)),
        )

    async def _rows(self, cursor):
        for rows, _ in self.steps[cursor:]:
            for row in rows:
                yield row
        if cursor < self.oldest:
            raise CursorExpired("too long ago")

    def step(self, rows: Sequence[dict[str, Any]] = (), gone: Sequence[str] = ()) -> None:
        """Change the directory, and remember what changed."""
        told = {row["id"] for row in rows} | set(gone)
        kept = [row for row in self._directory.rows if row["id"] not in told]
        self._directory.rows = [*kept, *rows]
        self.steps.append((list(rows), list(gone)))


class SearchBackend:
    """A back-end as the developer guide has it: it can only search, and find by ids."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        #: ids that a search leaves out
        self.hidden: set[str] = set()

    def load(self, args):
        pass

    def search(self, term, args):
        self._directory.asked.append(("search", term))
        return [
            row
            for row in self._directory.rows
            if row["id"] not in self.hidden and term in str(row["name"]).casefold()
        ]

    def first_match(self, exten, args):
        return None

    def list(self, uids, args):
        self._directory.asked.append(("list", list(uids)))
        return [row for row in self._directory.rows if row["id"] in uids]


class OneLoader(Loader):
    """Finds one plugin, under every name."""

    def __init__(self, plugin: object) -> None:
        super().__init__()
        self._plugin = plugin

    def plugin(self, kind, name):
        return self._plugin


def source_with(plugin: object, *, with_suffix: bool = False, **settings: Any) -> Source:
    """A source named `fake` on a back-end; not opened yet."""
    config = config_of({"name": "fake", **settings}, profiles={})
    [own] = config.sources
    return Source(own, Shape(own, config.rules(own), with_suffix=with_suffix), OneLoader(plugin), {})


def people(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows of so many different persons."""
    return [
        {
            "id": f"{n:04}",
            "name": f"Person{n:04} Somebody",
            "number": f"+33 1 99 00 {n // 100:02} {n % 100:02}",
        }
        for n in range(start, start + count)
    ]


async def until(claim: Callable[[], object], what: str = "it") -> None:
    """Return as soon as a claim holds; fail the test when it does not in time."""
    end = time.monotonic() + DEADLINE
    while not claim():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {DEADLINE:.0f} s")
        await asyncio.sleep(0.002)


def garble_schema(ground: Ground) -> None:
    """Flip a bit in a word of the schema, so that it is no text any more."""
    ground.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    content = ground.paths.index.read_bytes()
    spoilt = content.replace(b"CREATE TABLE run (", b"CREATE T\xc1BLE run (")
    assert spoilt != content
    ground.paths.index.write_bytes(spoilt)


def damage(ground: Ground, table: str) -> None:
    """Spoil all that a table holds, and let everything else be."""
    ground.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    [(size,)] = ground.rows("PRAGMA page_size")
    pages = {page for (page,) in ground.rows("SELECT rootpage FROM sqlite_master WHERE tbl_name = ?", table)}
    content = bytearray(ground.paths.index.read_bytes())
    for page in pages - {0, None}:
        content[(page - 1) * size : page * size] = b"damaged!" * (size // 8)
    ground.paths.index.write_bytes(content)
