"""Fakes that work: a directory in memory behind a real back-end, its loader, a clock, an office."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from lookupd.config import DEFAULT_TENANT, Config
from lookupd.contact import Shape
from lookupd.errors import PluginError, PluginMissing
from lookupd.front import Load
from lookupd.index import database
from lookupd.index.reader import Reader
from lookupd.live import Live
from lookupd.loader import Loader
from lookupd.memory import Memory
from lookupd.principal import Principal
from lookupd.profiles import Profiles
from lookupd.services.catalog import Catalog
from lookupd.services.lookup import Lookup
from lookupd.services.reverse import Reverse
from lookupd.services.status import Status
from lookupd.source import Source
from lookupd.sources import Sources
from lookupd.sync.paths import Paths
from lookupd.sync.run import Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

#: one person, as a row
ADA = {"id": "1", "name": "Ada Bélanger", "number": "+33 1 99 00 12 34", "mobile": "06 39 98 12 34"}
BOB = {"id": "2", "name": "Bob Müller", "number": "01 99 00 56 78", "mobile": None}

#: how the rows above are read
COLUMNS: dict[str, Any] = {
    "unique_column": "id",
    "searched_columns": ["name"],
    "first_matched_columns": ["number", "mobile"],
    "format_columns": {"reverse": "{name}"},
}


@dataclass(kw_only=True)
class Directory:
    """A directory in memory; what goes wrong with it is set from outside."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    #: raised by every question while it is set
    error: Exception | None = None
    #: questions wait for it while it is set
    gate: asyncio.Event | None = None
    #: every question that came: (method, argument)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    load_error: Exception | None = None
    depends_on_caller: bool = False

    async def answer(self, method: str, argument: object) -> None:
        self.asked.append((method, argument))
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error


class FakeBackend:
    """An async back-end on a Directory; finds numbers written exactly as asked, as most directories do."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.depends_on_caller = directory.depends_on_caller

    async def load(self, args):
        if self._directory.load_error is not None:
            raise self._directory.load_error
        self._columns = args["config"]["first_matched_columns"]

    async def unload(self):
        pass

    async def search(self, term, args):
        await self._directory.answer("search", term)
        return [row for row in self._directory.rows if term.casefold() in str(row.get("name")).casefold()]

    async def first_match(self, exten, args):
        return (await self.match_all([exten], args)).get(exten)

    async def match_all(self, extens, args):
        await self._directory.answer("match_all", list(extens))
        return {
            exten: row
            for exten in extens
            for row in reversed(self._directory.rows)
            if exten in [row.get(column) for column in self._columns]
        }

    async def list(self, uids, args):
        await self._directory.answer("list", list(uids))
        return [row for row in self._directory.rows if str(row.get("id")) in uids]

    async def list_all(self) -> AsyncIterator[dict[str, Any]]:
        await self._directory.answer("list_all", None)
        for row in list(self._directory.rows):
            yield row


class FakeLoader(Loader):
    """Finds fake back-ends by the names of their directories, and whatever is really installed."""

    def __init__(self, **directories: Directory) -> None:
        super().__init__()
        self._directories = directories

    def names(self, kind):
        return sorted([*super().names(kind), *(self._directories if kind == "backend" else ())])

    def plugin(self, kind, name):
        if kind == "backend" and name in self._directories:
            return FakeBackend(self._directories[name])
        return super().plugin(kind, name)

    def plugin_class(self, kind, name):
        if kind == "backend" and name in self._directories:
            return FakeBackend
        if kind == "backend" and name == "missing":
            raise PluginMissing(kind, name, [])
        return super().plugin_class(kind, name)


@dataclass
class Paper:
    """Where remembered answers are kept, or not."""

    problem: str | None = None


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)


def config_of(*sources: dict[str, Any], **more: Any) -> Config:
    """A configuration with these sources, and a profile `default` that uses them in this order."""
    names = [source["name"] for source in sources]
    tree = {
        "region": "FR",
        "sources": [{"backend": source["name"], **COLUMNS, **source} for source in sources],
        "profiles": {"default": {"reverse": {"sources": names}, "lookup": {"sources": names}}},
    }
    return Config.model_validate({**tree, **more})


def source_of(directory: Directory, **settings: Any) -> Source:
    """A source named `fake` on a directory; not opened yet."""
    config = config_of({"name": "fake", **settings})
    [own] = config.sources
    return Source(own, Shape(own, config.rules(own)), FakeLoader(fake=directory), {})


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    """Wait for something to become true; TimeoutError when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)


#: a machine of the default tenant
NOBODY = Principal(tenant=DEFAULT_TENANT)


class Office:
    """Directories, a real index and the services on both; `async with` opens and closes it.

    Its clock is moved by hand, but never stands behind a pull, which takes the time from the system.
    """

    def __init__(self, folder: Path, config: Config, **directories: Directory) -> None:
        loader = FakeLoader(**directories)
        self.clock = Clock(datetime.now(UTC))
        self.paths = Paths(index=folder / "index.db", staging=folder / "staging")
        self.sources = Sources(config, loader)
        self.profiles = Profiles(config, self.sources)
        self.live = Live(Memory(self.clock), self.clock)
        self.catalog = Catalog(self.profiles, self.sources, loader)

    async def __aenter__(self) -> Self:
        database.prepare(self.paths.index)
        self.index = await Reader.open(self.paths.index)
        self.reverse = Reverse(self.profiles, self.index, self.live, self.clock)
        self.lookup = Lookup(self.profiles, self.index, self.clock)
        self.status = Status(
            all_sources=self.sources,
            index=self.index,
            answers=Paper(),
            broken_plugins={},
            front=Load(),
            clock=self.clock,
            began=self.clock(),
        )
        for source in self.sources:
            with suppress(PluginError):
                await source.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.live.close()
        await self.index.close()
        await self.sources.close()

    async def sync(self, *names: str) -> None:
        """Pull the sources of these names, or every one that is synced."""
        for source in self.sources:
            if source.settings.sync is not None and (not names or source.name in names):
                try:
                    await Run(source, source.settings.sync, self.paths).run()
                finally:
                    self.clock.now = max(self.clock.now, datetime.now(UTC))
