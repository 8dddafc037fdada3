"""One configured directory: every question to it ends in contacts or in a SourceError, and in time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lookupd.boundary import UNLOADING, Asker, Boundary, State
from lookupd.config import LiveSettings
from lookupd.errors import PluginError, SourceError, SourceFailed
from lookupd.freshness import Lifespan
from lookupd.gate import Condition, Gate, SearchCondition
from lookupd.hearing import Heard, Hearing
from lookupd.news import SearchNews, SourceNews
from lookupd.number import spellings
from lookupd.pieces import in_pieces
from lookupd.plugins import QueryArgs, SourceArgs
from lookupd.pullable import Batch, Pullable
from lookupd.row import texts_of
from lookupd.threads import Place, Threads, Urgency, share

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from lookupd.config import SourceSettings
    from lookupd.contact import Contact, Shape
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
#: how long a question waits for that
LOADED_SOON = 0.2
#: first and longest pause before a source that does not load is loaded again, in seconds
RETRY_FIRST, RETRY_LAST = 1.0, 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """A live question to one method of a plugin."""

    method: str
    gate: Gate
    asker: Asker
    limit: timedelta


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
        news = SourceNews(self.name)
        #: who may ask it live about numbers
        self.gate = Gate(news, self.timeout, room, clock)
        #: who may search it live; what comes of that never keeps anybody from asking about numbers
        self.search_gate = Gate(SearchNews(news), self.timeout, ROOM * share(live.threads), clock)
        self._probes: set[asyncio.Task[Any]] = set()
        #: set when it has been loaded for the first time, or could not be
        self._loading: asyncio.Event | None = None

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
        """How the last question to it that was no text search failed; None when it did not."""
        return self._boundary.last_errors.other

    @property
    def last_search_error(self) -> str | None:
        """How the last text search in it failed; None when it did not."""
        return self._boundary.last_errors.search

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
        numbers, searches = self.gate, self.search_gate
        return Condition(
            breaker=numbers.health.breaker,
            retry_in=numbers.retry_in,
            patience=self.patience,
            in_flight=numbers.in_flight,
            stuck_threads=self._threads.stuck,
            search=SearchCondition(
                breaker=searches.health.breaker,
                retry_in=searches.retry_in,
                in_flight=searches.in_flight,
            ),
        )

    @property
    def is_stuck(self) -> bool:
        """Whether no thread is left that could ask the directory."""
        return self._threads.is_exhausted

    async def open(self, patience: float = LOADING) -> None:
        """Load the plugin, within `patience` seconds. May be called again.

        Raises PluginError with the reason, and remembers it.
        """
        try:
            await self._boundary.open(self._plugin, self.load_args(), patience)
        finally:
            loading, self._loading = self._loading, None
            if loading is not None:
                loading.set()

    def is_to_load(self) -> None:
        """It is about to be loaded for the first time: who asks it meanwhile waits for that."""
        self._loading = asyncio.Event()

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
        for probe in self._probes:
            probe.cancel()
        if self._probes:
            await asyncio.wait(self._probes, timeout=UNLOADING)
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
        await self._loaded(timeout)
        spelt = {number: texts async for number in in_pieces(numbers) if (texts := self._spellings(number))}
        if not spelt:
            return {}
        method = "match_all" if self._boundary.has("match_all") else "first_match"
        ask = self._matches if method == "match_all" else self._first_matches
        asker = self._asker(principal, timeout)
        question = _Question(method=method, gate=self.gate, asker=asker, limit=timeout)
        # How long many numbers take at once says nothing about the next one.
        heard = await self._put(question, lambda: ask(spelt, asker), is_typical=len(spelt) == 1)
        for failure in (word for word in heard.values() if isinstance(word, SourceFailed)):
            self._boundary.noted(method, failure)
        return heard

    async def search(self, term: str, principal: Principal, timeout: timedelta) -> list[Contact]:  # noqa: ASYNC109 - the deadline is the point
        """The contacts that hold a text, as the directory finds them. Questions about numbers go first."""
        await self._loaded(timeout)
        asker = self._asker(principal, timeout, Urgency.LOW)

        async def ask() -> list[Contact]:
            return await self._contacts(
                await self._boundary.call("search", term, asker=asker), "search", asker
            )

        question = _Question(method="search", gate=self.search_gate, asker=asker, limit=timeout)
        return await self._put(question, ask, is_typical=False)

    async def by_uid(
        self,
        uids: Sequence[str],
        principal: Principal,
        timeout: timedelta,  # noqa: ASYNC109 - the deadline is the point
    ) -> list[Contact]:
        """The contacts with these unique ids; unknown ids are left out."""
        await self._loaded(timeout)
        asker = self._asker(principal, timeout)
        async with self._boundary.asking("list", timeout, asker):
            rows = await self._boundary.call("list", [*uids], asker=asker)
            return await self._contacts(rows, "list", asker)

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

    async def _loaded(self, limit: timedelta) -> None:
        """Wait until it is loaded, if that is under way; it may come to nothing, or take too long."""
        if self._loading is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(min(limit.total_seconds(), LOADED_SOON)):
                    await self._loading.wait()

    def _spellings(self, number: Number) -> tuple[str, ...]:
        return spellings(number, self.rules, self._spelt)

    def _asker(self, principal: Principal, limit: timedelta, urgency: Urgency = Urgency.HIGH) -> Asker:
        """Tells the plugin of the one who asks, and how long that one will wait from then on."""
        clock, args = self.gate.clock, principal.query_args()
        end = clock() + limit.total_seconds()
        return Asker(
            args=lambda: QueryArgs(**{**args, "deadline": max(0.0, end - clock())}),
            place=Place(urgency=urgency),
        )

    async def _put(self, question: _Question, ask: Callable[[], Awaitable[T]], *, is_typical: bool) -> T:
        """Put a live question to the directory, if that may be asked now.

        The probe of an open breaker is finished even if nobody waits for it any more.
        """
        self._boundary.method(question.method)
        entry = question.gate.enter(is_typical=is_typical)

        async def let_in() -> T:
            with entry:
                async with self._boundary.asking(question.method, question.limit, question.asker):
                    return await ask()

        if not entry.is_probe:
            return await let_in()
        probe = asyncio.create_task(let_in(), name=f"probe-{self.name}")
        self._probes.add(probe)
        probe.add_done_callback(self._probes.discard)
        probe.add_done_callback(_read)
        await asyncio.wait([probe])
        return probe.result()

    async def _matches(self, spelt: Mapping[Number, Sequence[str]], asker: Asker) -> Heard:
        """All numbers in all their spellings in one question."""
        every = [text for texts in spelt.values() for text in texts]
        rows = await self._boundary.call("match_all", every, asker=asker)
        if not isinstance(rows, Mapping):
            raise TypeError(f"returned {type(rows).__name__}, not rows by number")
        hearing = Hearing(self.name, self.shape, "match_all")
        async for number, texts in in_pieces(spelt.items()):
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

    async def _contacts(self, rows: object, method: str, asker: Asker) -> list[Contact]:
        lists = (
            [rows]
            if isinstance(rows, list)
            else [batch async for batch in self._boundary.batches(rows, asker=asker)]
        )
        checked = [self._checked(rows) for rows in lists]
        for reason in (reason for batch in checked for reason in batch.refused):
            logger.warning("source %r: a row from %s is left out: %s", self.name, method, reason)
        found = [row for batch in checked for row in batch.rows]
        return [self.shape.contact(row) async for row in in_pieces(found)]


def _read(task: asyncio.Task[Any]) -> None:
    """Nobody may be left to read how it ended."""
    if not task.cancelled():
        task.exception()
