"""One configured directory: the boundary where a plugin's code becomes ours.

Deadline, threads, translation of errors and the check of rows happen here; nothing above it sees a plugin.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from lookupd.contact import RowRefused
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
from lookupd.number import ALL, spellings
from lookupd.plugins import QueryArgs, SourceArgs
from lookupd.threads import Threads, TooManyWaiting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from lookupd.config import SourceSettings
    from lookupd.contact import Contact, Shape
    from lookupd.loader import Loader
    from lookupd.number import Number, NumberRules
    from lookupd.plugins import Changes
    from lookupd.principal import Principal

logger = logging.getLogger(__name__)

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
        self.state, self.reason = State.LOADED, None

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
        return (await self.reverse_many([number], principal, timeout)).get(number)

    async def reverse_many(
        self,
        numbers: Sequence[Number],
        principal: Principal,
        timeout: timedelta,  # noqa: ASYNC109 - the deadline is the point
    ) -> dict[Number, Contact]:
        """The contacts with these numbers; a number the directory does not know is left out."""
        wanted = {number: self._spellings(number) for number in numbers}
        async with self._asking("match_all", timeout):
            rows = await self._matches([text for texts in wanted.values() for text in texts], principal)
        found = {}
        for number, texts in wanted.items():
            row = next((rows[text] for text in texts if rows.get(text)), None)
            if row is not None and (contact := self._contact(row, "match_all")) and _has(contact, number):
                found[number] = contact
        return found

    async def search(self, term: str, principal: Principal, timeout: timedelta) -> list[Contact]:  # noqa: ASYNC109 - the deadline is the point
        """The contacts that hold a text, as the directory finds them."""
        async with self._asking("search", timeout):
            rows = await self._call("search", term, principal.query_args())
        return [*self._contacts(rows, "search")]

    async def by_uid(
        self,
        uids: Sequence[str],
        principal: Principal,
        timeout: timedelta,  # noqa: ASYNC109 - the deadline is the point
    ) -> list[Contact]:
        """The contacts with these unique ids; unknown ids are left out."""
        async with self._asking("list", timeout):
            rows = await self._call("list", [*uids], principal.query_args())
        return [*self._contacts(rows, "list")]

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
        changes: Changes = await self._ask("changes", cursor)
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
                setattr(plugin, attribute, value)

    def _fail(self, reason: str) -> None:
        self.state, self.reason = State.FAILED, reason

    def _spellings(self, number: Number) -> tuple[str, ...]:
        live = self.settings.live
        return spellings(number, self.rules, live.spellings if live is not None else ALL)

    async def _matches(self, extens: Sequence[str], principal: Principal) -> Mapping[str, Any]:
        """Rows by spelling: in one question where the back-end can, else spelling by spelling."""
        args = principal.query_args()
        if "match_all" in self._methods:
            matches = await self._call("match_all", extens, args)
            return matches if isinstance(matches, Mapping) else {}
        found = {}
        for exten in extens:
            if row := await self._call("first_match", exten, args):
                found[exten] = row
        return found

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
        if method.is_async:
            return await method.function(*accepted)
        result = await self._threads.run(lambda: method.function(*accepted))
        return await result if inspect.isawaitable(result) else result

    async def _batches(self, method: str, rows: object) -> AsyncIterator[Batch]:
        if isinstance(rows, AsyncIterable):
            batches = _async_batches(rows)
        elif isinstance(rows, Iterable):
            batches = self._threaded_batches(iter(rows))
        else:
            raise SourceFailed(self.name, method, TypeError(f"returned {type(rows).__name__}, not rows"))
        while True:
            async with self._asking(method):
                batch = await anext(batches, None)
            if batch is None:
                return
            yield self._checked(batch)

    async def _threaded_batches(self, rows: Iterator[object]) -> AsyncIterator[list[object]]:
        while batch := await self._threads.run(lambda: [*islice(rows, BATCH)]):
            yield batch

    def _checked(self, rows: Sequence[object]) -> Batch:
        good, refused = [], []
        for row in rows:
            try:
                good.append(self.shape.checked(row))
            except RowRefused as error:
                refused.append(str(error))
        return Batch(rows=good, refused=refused)

    def _contacts(self, rows: object, method: str) -> Iterator[Contact]:
        if not isinstance(rows, Iterable):
            raise SourceFailed(self.name, method, TypeError(f"returned {type(rows).__name__}, not rows"))
        for row in rows:
            if (contact := self._contact(row, method)) is not None:
                yield contact

    def _contact(self, row: object, method: str) -> Contact | None:
        try:
            return self.shape.contact(self.shape.checked(row))
        except RowRefused as error:
            logger.warning("source %r: a row from %s is left out: %s", self.name, method, error)
            return None

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
    return not contact.numbers or any(listed.number.key == number.key for listed in contact.numbers)
