"""One configured directory: the boundary where a plugin's code becomes ours.

Deadline, threads, translation of errors and the check of rows happen here; nothing above it sees a plugin.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from lookupd.contact import Contact, RowRefused
from lookupd.errors import (
    LookupdError,
    PluginBroken,
    PluginError,
    SourceBusy,
    SourceClosed,
    SourceError,
    SourceFailed,
    SourceTimeout,
)
from lookupd.freshness import Lifespan
from lookupd.method import Method, methods_of
from lookupd.number import ALL, Tier, match, spellings
from lookupd.plugins import Changes, QueryArgs, SourceArgs
from lookupd.threads import Threads, TooManyWaiting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from lookupd.config import SourceSettings
    from lookupd.contact import Shape
    from lookupd.loader import Loader
    from lookupd.number import Number, NumberRules
    from lookupd.principal import Principal

logger = logging.getLogger(__name__)

#: what a source says about each number it has something to say about: the contact, or why it cannot tell
Heard: TypeAlias = "dict[Number, Contact | SourceFailed]"

#: rows handed over at a time while a directory is pulled
BATCH = 1000
#: first and longest pause before a source that does not load is loaded again, in seconds
RETRY_FIRST, RETRY_LAST = 1.0, 300.0


class State(StrEnum):
    """Whether a source can be asked."""

    CLOSED = "closed"  #: not loaded yet, or unloaded
    LOADED = "loaded"
    FAILED = "failed"  #: its plugin is missing, broken, or does not load: `reason` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a pull, checked; and what had to be refused."""

    rows: list[dict[str, object]]
    #: why, one text for each row that was left out
    refused: list[str]


class Source:
    """One directory, loaded or not; every question to it has a deadline and ends in rows or a SourceError."""

    def __init__(
        self,
        settings: SourceSettings,
        shape: Shape,
        loader: Loader,
        main_config: Mapping[str, Any],
    ) -> None:
        self.settings = settings
        self.shape = shape
        self.name = settings.name
        self.uuid = settings.uuid
        self.state = State.CLOSED
        self.reason: str | None = None
        self.last_error: str | None = None
        self._loader = loader
        self._main_config = main_config
        self._methods: dict[str, Method] = {}
        #: whether what the directory says depends on who asks: then answers are not shared between callers
        self.depends_on_caller = True
        self._asks_live_when_synced = True
        self.lifespan = Lifespan(fresh_for=settings.freshness_span, max_stale=settings.max_stale)
        threads = settings.live.threads if settings.live is not None else 2
        self._threads = Threads(f"source-{self.name}", threads)

    @property
    def rules(self) -> NumberRules:
        """How this directory writes numbers."""
        return self.shape.rules

    @property
    def asks_live(self) -> bool:
        """Whether questions may go to the directory itself, beside or instead of the index."""
        settings = self.settings
        if settings.live is None:
            return False
        is_explicit = "live" in settings.model_fields_set
        return is_explicit or settings.sync is None or self._asks_live_when_synced

    async def open(self) -> None:
        """Load the plugin. Raises PluginError with the reason, and remembers it; may be called again."""
        try:
            plugin = self._loader.plugin("backend", self.settings.backend)
            self._name(plugin)
            methods = methods_of(plugin)
            await self._run(methods["load"], self.load_args())
        except PluginError as error:
            self._fail(str(error))
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, LookupdError) else f"{type(error).__name__}: {error}"
            self._fail(reason)
            raise PluginBroken(f"source {self.name!r} does not load: {reason}") from error
        self._methods = methods
        self.depends_on_caller = getattr(plugin, "depends_on_caller", True)
        self._asks_live_when_synced = getattr(plugin, "asks_live_when_synced", True)
        self.state, self.reason, self.last_error = State.LOADED, None, None

    async def keep_opening(self) -> None:
        """Load the plugin, trying again with growing pauses for as long as it does not load."""
        pause = RETRY_FIRST
        while self.state is not State.LOADED:
            known = self.reason
            try:
                await self.open()
            except PluginError as error:
                if self.reason != known:
                    logger.error("source %r cannot be asked: %s", self.name, error)  # noqa: TRY400 - it says all
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_LAST)

    async def close(self) -> None:
        """Unload the plugin and let its threads end."""
        methods, self._methods = self._methods, {}
        self.state = State.CLOSED
        if "unload" in methods:
            try:
                async with asyncio.timeout(1.0):
                    await self._run(methods["unload"])
            except Exception:
                logger.exception("source %r: unload failed", self.name)
        self._threads.close()

    async def reverse(self, number: Number, principal: Principal, timeout: timedelta) -> Contact | None:  # noqa: ASYNC109 - the deadline is the point
        """The contact with this number, or None when the directory says that there is none."""
        heard = (await self.reverse_many([number], principal, timeout)).get(number)
        if isinstance(heard, SourceError):
            raise heard
        return heard

    async def reverse_many(
        self,
        numbers: Sequence[Number],
        principal: Principal,
        timeout: timedelta,  # noqa: ASYNC109 - the deadline is the point
    ) -> Heard:
        """The contacts with these numbers; a number the directory does not know is left out."""
        spelt = {number: texts for number in numbers if (texts := self._spellings(number))}
        if not spelt:
            return {}
        method = "match_all" if "match_all" in self._methods else "first_match"
        ask = self._matches if method == "match_all" else self._first_matches
        async with self._asking(method, timeout):
            heard = await ask(spelt, principal.query_args())
        for failure in (word for word in heard.values() if isinstance(word, SourceFailed)):
            self._noted(failure)
        return heard

    async def search(self, term: str, principal: Principal, timeout: timedelta) -> list[Contact]:  # noqa: ASYNC109 - the deadline is the point
        """The contacts that hold a text, as the directory finds them."""
        async with self._asking("search", timeout):
            rows = await self._call("search", term, principal.query_args())
            return await self._contacts(rows, "search")

    async def by_uid(
        self,
        uids: Sequence[str],
        principal: Principal,
        timeout: timedelta,  # noqa: ASYNC109 - the deadline is the point
    ) -> list[Contact]:
        """The contacts with these unique ids; unknown ids are left out."""
        async with self._asking("list", timeout):
            rows = await self._call("list", [*uids], principal.query_args())
            return await self._contacts(rows, "list")

    @property
    def lists_all(self) -> bool:
        """Whether the back-end lists its whole directory, so that what it leaves out is gone."""
        return "list_all" in self._methods

    @property
    def finds_by_id(self) -> bool:
        """Whether the back-end can be asked for contacts by their unique ids."""
        return "list" in self._methods

    @property
    def reports_changes(self) -> bool:
        """Whether the back-end can tell what changed since a cursor."""
        return "changes" in self._methods

    async def pull(self) -> AsyncIterator[Batch]:
        """Every row of the directory in batches. Raises SourceError; the caller sets the deadline."""
        if self.lists_all:
            async for batch in self._batches("list_all", await self._ask("list_all")):
                yield batch
            return
        sync = self.settings.sync
        for term in sync.search_terms if sync is not None else ("",):
            async for batch in self._batches("search", await self._ask("search", term, QueryArgs())):
                yield batch

    async def changes(self, cursor: str | None) -> Changes:
        """What changed since a cursor. Raises SourceError, CursorExpired among them."""
        async with self._asking("changes"):
            changes = await self._call("changes", cursor)
            if not isinstance(changes, Changes):
                raise TypeError(f"returned {type(changes).__name__}, not Changes")
            return changes

    def changed(self, changes: Changes) -> AsyncIterator[Batch]:
        """The rows of some changes, in batches."""
        return self._batches("changes", changes.rows)

    def load_args(self) -> SourceArgs:
        """What the plugin is loaded with: generic keys and its own in one flat section."""
        own = self.settings
        generic = {
            "name": own.name,
            "uuid": own.uuid,
            "backend": own.backend,
            "tenant_uuid": own.tenant_uuid,
            "unique_column": own.unique_column,
            "searched_columns": list(own.searched_columns),
            "first_matched_columns": list(own.first_matched_columns),
            "format_columns": dict(own.format_columns),
            "region": self.rules.region,
        }
        return SourceArgs(config={**own.config, **generic}, main_config=dict(self._main_config))

    def _name(self, plugin: Any) -> None:  # noqa: ANN401 - a stranger's object
        """Tell the plugin its names, unless it has methods of its own there."""
        for attribute, value in (("name", self.name), ("backend", self.settings.backend)):
            if not callable(getattr(plugin, attribute, None)):
                with suppress(AttributeError):  # a property, or no place for it
                    setattr(plugin, attribute, value)

    def _fail(self, reason: str) -> None:
        self.state, self.reason = State.FAILED, reason

    def _spellings(self, number: Number) -> tuple[str, ...]:
        live = self.settings.live
        return spellings(number, self.rules, live.spellings if live is not None else ALL)

    async def _matches(self, spelt: Mapping[Number, Sequence[str]], args: QueryArgs) -> Heard:
        """All numbers in all their spellings in one question."""
        rows = await self._call("match_all", [text for texts in spelt.values() for text in texts], args)
        if not isinstance(rows, Mapping):
            raise TypeError(f"returned {type(rows).__name__}, not rows by number")
        heard: Heard = {}
        for number, texts in spelt.items():
            for row in (rows[text] for text in texts if rows.get(text)):
                self._hear(heard, number, row, "match_all")
        return heard

    async def _first_matches(self, spelt: Mapping[Number, Sequence[str]], args: QueryArgs) -> Heard:
        """Spelling by spelling, until a number is found."""
        heard: Heard = {}
        for number, texts in spelt.items():
            for text in texts:
                if row := await self._call("first_match", text, args):
                    self._hear(heard, number, row, "first_match")
                if isinstance(heard.get(number), Contact):
                    break
        return heard

    def _hear(self, heard: Heard, number: Number, row: object, method: str) -> None:
        """Take in a row found for a number: the first that really has it counts.

        A row that cannot be read is no absence: where nothing better is found, it is a failure.
        """
        if isinstance(heard.get(number), Contact):
            return
        try:
            contact = self.shape.contact(self.shape.checked(row))
        except RowRefused as error:
            heard[number] = SourceFailed(self.name, method, error)
        else:
            if _has(contact, number):
                heard[number] = contact

    async def _ask(self, method: str, *args: object) -> Any:  # noqa: ANN401 - checked by the caller
        """Call a method of the plugin without a deadline of our own."""
        async with self._asking(method):
            return await self._call(method, *args)

    async def _call(self, name: str, *args: object) -> Any:  # noqa: ANN401 - checked by the caller
        if self.state is not State.LOADED:
            raise SourceClosed(self.name, self.reason or "not loaded yet")
        if name not in self._methods:
            raise SourceFailed(self.name, name, NotImplementedError("its back-end has no such method"))
        return await self._run(self._methods[name], *args)

    async def _run(self, method: Method, *args: object) -> Any:  # noqa: ANN401 - as the plugin returns it
        """A plugin's method: on the loop if it is async, else in this source's threads."""
        accepted = args[: method.arity]
        try:
            if method.is_async:
                return await method.function(*accepted)
            result = await self._threads.run(lambda: method.function(*accepted))
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("something it waited for was cancelled") from error

    async def _batches(self, method: str, rows: object) -> AsyncIterator[Batch]:
        async with self._asking(method):
            batches = self._read(rows)
        while True:
            async with self._asking(method):
                batch = await anext(batches, None)
                checked = self._checked(batch) if batch is not None else None
            if checked is None:
                return
            yield checked

    def _read(self, rows: object) -> AsyncIterator[list[object]]:
        """Whatever a plugin returned as rows, in lists; what may block is read in this source's threads."""
        if isinstance(rows, AsyncIterable):
            return _async_batches(rows)
        if isinstance(rows, Iterable) and not isinstance(rows, str | bytes | Mapping):
            return self._threaded_batches(rows)
        raise TypeError(f"returned {type(rows).__name__}, not rows")

    async def _threaded_batches(self, rows: Iterable[object]) -> AsyncIterator[list[object]]:
        iterator = await self._threads.run(lambda: iter(rows))
        while batch := await self._threads.run(lambda: [*islice(iterator, BATCH)]):
            yield batch

    def _checked(self, rows: Sequence[object]) -> Batch:
        good, refused = [], []
        for row in rows:
            try:
                good.append(self.shape.checked(row))
            except RowRefused as error:
                refused.append(str(error))
        return Batch(rows=good, refused=refused)

    async def _contacts(self, rows: object, method: str) -> list[Contact]:
        batches = [rows] if isinstance(rows, list) else [batch async for batch in self._read(rows)]
        checked = [self._checked(batch) for batch in batches]
        for reason in (reason for batch in checked for reason in batch.refused):
            logger.warning("source %r: a row from %s is left out: %s", self.name, method, reason)
        return [self.shape.contact(row) for batch in checked for row in batch.rows]

    @asynccontextmanager
    async def _asking(self, method: str, limit: timedelta | None = None) -> AsyncIterator[None]:
        """A question to the plugin, under its deadline; whatever goes wrong comes out as a SourceError."""
        deadline = asyncio.timeout(limit.total_seconds() if limit is not None else None)
        try:
            async with deadline:
                yield
        except SourceError as error:
            self.last_error = str(error)
            raise
        except TooManyWaiting:
            raise self._noted(SourceBusy(self.name)) from None
        except Exception as error:
            if limit is not None and deadline.expired():
                raise self._noted(SourceTimeout(self.name, limit)) from None
            raise self._noted(SourceFailed(self.name, method, error)) from error
        self.last_error = None

    def _noted(self, error: SourceError) -> SourceError:
        self.last_error = str(error)
        return error


async def _async_batches(rows: AsyncIterable[object]) -> AsyncIterator[list[object]]:
    batch = []
    async for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _has(contact: Contact, number: Number) -> bool:
    """Whether a contact found live is the one: a directory that matched loosely must not name a stranger."""
    tiers = [match(number, listed.number) for listed in contact.numbers]
    return not tiers or Tier.EXACT in tiers or Tier.EXTENSION in tiers
