"""One configured directory: every question to it ends in contacts or in a SourceError, and in time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from lookupd.boundary import UNLOADING, Boundary, State
from lookupd.config import LiveSettings
from lookupd.errors import PluginError, SourceError, SourceFailed
from lookupd.freshness import Lifespan
from lookupd.gate import Condition, Gate
from lookupd.hearing import Heard, Hearing
from lookupd.number import spellings
from lookupd.plugins import QueryArgs, SourceArgs
from lookupd.pullable import Batch, Pullable
from lookupd.row import texts_of
from lookupd.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from lookupd.boundary import Asker
    from lookupd.config import SourceSettings
    from lookupd.contact import Contact, Shape
    from lookupd.gate import Entry
    from lookupd.loader import Loader
    from lookupd.number import Number, NumberRules
    from lookupd.principal import Principal

__all__ = ["Batch", "Heard", "Source", "State"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: questions that may be on their way at once, for each of a source's threads
ROOM = 16
#: how long a plugin may take to load, in seconds
LOADING = 30.0
#: first and longest pause before a source that does not load is loaded again, in seconds
RETRY_FIRST, RETRY_LAST = 1.0, 300.0


class Source(Pullable):
    """One directory, loaded or not. Nothing above it sees a plugin."""

    def __init__(
        self,
        settings: SourceSettings,
        shape: Shape,
        loader: Loader,
        main_config: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        live = settings.live or LiveSettings()
        room = ROOM * live.threads
        self._threads = Threads(f"source-{settings.name}", live.threads, waiting=room)
        super().__init__(settings, shape, Boundary(settings.name, settings.backend, self._threads))
        self._loader = loader
        self._main_config = main_config
        #: whether what the directory says depends on who asks: then answers are not shared between callers
        self.depends_on_caller = True
        self._asks_live_when_synced = True
        self.lifespan = Lifespan(fresh_for=settings.freshness_span, max_stale=settings.max_stale)
        self._spelt = live.spellings
        #: whether other settings stand in its place, so that what it says is not to be remembered
        self.is_replaced = False
        #: the longest time that one live question to it takes
        self.timeout = live.timeout
        #: who may ask it live
        self.gate = Gate(self.name, self.timeout, room, clock)
        self._probe: asyncio.Task[Any] | None = None

    @property
    def rules(self) -> NumberRules:
        """How this directory writes numbers."""
        return self.shape.rules

    @property
    def state(self) -> State:
        """Whether it can be asked."""
        return self._boundary.state

    @property
    def reason(self) -> str | None:
        """Why its plugin does not load."""
        return self._boundary.reason

    @property
    def last_error(self) -> str | None:
        """How the last question to it failed; None when it did not."""
        return self._boundary.last_error

    @property
    def asks_live(self) -> bool:
        """Whether questions may go to the directory itself, beside or instead of the index."""
        settings = self.settings
        if settings.live is None:
            return False
        is_explicit = "live" in settings.model_fields_set
        return is_explicit or settings.sync is None or self._asks_live_when_synced

    @property
    def patience(self) -> timedelta:
        """How long the next answer about a number is waited for."""
        return self.gate.health.patience

    @property
    def condition(self) -> Condition:
        """How it takes questions just now."""
        health = self.gate.health
        return Condition(
            breaker=health.breaker,
            retry_in=self.gate.retry_in,
            patience=self.patience,
            in_flight=self.gate.in_flight,
            stuck_threads=self._threads.stuck,
        )

    async def open(self, patience: float = LOADING) -> None:
        """Load the plugin, within `patience` seconds. May be called again.

        Raises PluginError with the reason, and remembers it.
        """
        await self._boundary.open(self._plugin, self.load_args(), patience)

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
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait([self._probe], timeout=UNLOADING)
        await self._boundary.close()

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
        """The contacts with these numbers; a number the directory does not know is left out.

        Raises SourceDown or SourceBusy at once where it may not be asked, like every live question.
        """
        spelt = {number: texts for number in numbers if (texts := self._spellings(number))}
        if not spelt:
            return {}
        method = "match_all" if self._boundary.has("match_all") else "first_match"
        ask = self._matches if method == "match_all" else self._first_matches
        asker = self._asker(principal, timeout)
        # How long many numbers take at once says nothing about the next one.
        is_typical = len(spelt) == 1
        heard = await self._put(method, timeout, lambda: ask(spelt, asker), is_typical=is_typical)
        for failure in (word for word in heard.values() if isinstance(word, SourceFailed)):
            self._boundary.noted(failure)
        return heard

    async def search(self, term: str, principal: Principal, timeout: timedelta) -> list[Contact]:  # noqa: ASYNC109 - the deadline is the point
        """The contacts that hold a text, as the directory finds them. A live question."""
        asker = self._asker(principal, timeout)

        async def ask() -> list[Contact]:
            return await self._contacts(await self._boundary.call("search", term, asker=asker), "search")

        return await self._put("search", timeout, ask, is_typical=False)

    async def by_uid(
        self,
        uids: Sequence[str],
        principal: Principal,
        timeout: timedelta,  # noqa: ASYNC109 - the deadline is the point
    ) -> list[Contact]:
        """The contacts with these unique ids; unknown ids are left out."""
        async with self._boundary.asking("list", timeout):
            rows = await self._boundary.call("list", [*uids], asker=self._asker(principal, timeout))
            return await self._contacts(rows, "list")

    def finds(self, number: Number, contact: Contact) -> bool:
        """Whether a directory that compares texts finds a contact by its number."""
        cells = (contact.fields.get(column) for column in self.settings.first_matched_columns)
        texts = {text for cell in cells if cell is not None for text in texts_of(cell)}
        return not texts.isdisjoint(self._spellings(number))

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

    def _plugin(self) -> object:
        """A new plugin. What it says of itself counts before it is loaded: answers may be remembered."""
        plugin = self._loader.plugin("backend", self.settings.backend)
        self.depends_on_caller = getattr(plugin, "depends_on_caller", True)
        self._asks_live_when_synced = getattr(plugin, "asks_live_when_synced", True)
        return plugin

    def _spellings(self, number: Number) -> tuple[str, ...]:
        return spellings(number, self.rules, self._spelt)

    def _asker(self, principal: Principal, limit: timedelta) -> Asker:
        """Tells the plugin of the one who asks, and how long that one will wait from then on."""
        clock, args = self.gate.clock, principal.query_args()
        end = clock() + limit.total_seconds()
        return lambda: QueryArgs(**{**args, "deadline": max(0.0, end - clock())})

    async def _put(
        self, method: str, limit: timedelta, ask: Callable[[], Awaitable[T]], *, is_typical: bool
    ) -> T:
        """Put a live question to the directory, if that may be asked now.

        The probe of an open breaker is finished even if nobody waits for it any more.
        """
        self._boundary.method(method)
        entry = self.gate.enter(is_typical=is_typical)
        if not entry.is_probe:
            return await self._let_in(entry, method, limit, ask)
        probe = asyncio.create_task(self._let_in(entry, method, limit, ask), name=f"probe-{self.name}")
        probe.add_done_callback(_read)
        self._probe = probe
        await asyncio.wait([probe])
        return probe.result()

    async def _let_in(
        self, entry: Entry, method: str, limit: timedelta, ask: Callable[[], Awaitable[T]]
    ) -> T:
        with entry:
            async with self._boundary.asking(method, limit):
                return await ask()

    async def _matches(self, spelt: Mapping[Number, Sequence[str]], asker: Asker) -> Heard:
        """All numbers in all their spellings in one question."""
        every = [text for texts in spelt.values() for text in texts]
        rows = await self._boundary.call("match_all", every, asker=asker)
        if not isinstance(rows, Mapping):
            raise TypeError(f"returned {type(rows).__name__}, not rows by number")
        hearing = Hearing(self.name, self.shape, "match_all")
        for number, texts in spelt.items():
            for row in (rows[text] for text in texts if rows.get(text)):
                hearing.take(number, row)
        return hearing.heard

    async def _first_matches(self, spelt: Mapping[Number, Sequence[str]], asker: Asker) -> Heard:
        """Spelling by spelling, until a number is found."""
        hearing = Hearing(self.name, self.shape, "first_match")
        for number, texts in spelt.items():
            for text in texts:
                if row := await self._boundary.call("first_match", text, asker=asker):
                    hearing.take(number, row)
                if hearing.knows(number):
                    break
        return hearing.heard

    async def _contacts(self, rows: object, method: str) -> list[Contact]:
        lists = [rows] if isinstance(rows, list) else [rows async for rows in self._boundary.batches(rows)]
        checked = [self._checked(rows) for rows in lists]
        for reason in (reason for batch in checked for reason in batch.refused):
            logger.warning("source %r: a row from %s is left out: %s", self.name, method, reason)
        return [self.shape.contact(row) for batch in checked for row in batch.rows]


def _read(task: asyncio.Task[Any]) -> None:
    """Nobody may be left to read how it ended."""
    if not task.cancelled():
        task.exception()
