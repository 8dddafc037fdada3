"""Where a plugin's code becomes ours: threads, deadlines, and whatever goes wrong as a SourceError."""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any

from lookupd.errors import (
    PluginBroken,
    PluginError,
    SourceBusy,
    SourceClosed,
    SourceError,
    SourceFailed,
    SourceTimeout,
    reason_of,
)
from lookupd.method import methods_of
from lookupd.threads import TooManyWaiting

if TYPE_CHECKING:
    from datetime import timedelta

    from lookupd.method import Method
    from lookupd.plugins import QueryArgs, SourceArgs
    from lookupd.threads import Place, Threads

logger = logging.getLogger(__name__)

#: things handed over at a time while a directory is pulled
BATCH = 1000
#: a plugin that fails so shortly before its deadline was about to miss it, in seconds
GIVING_UP = 0.01
#: how long a plugin may take to unload, in seconds
UNLOADING = 1.0


class State(StrEnum):
    """Whether a source can be asked."""

    CLOSED = "closed"  #: not loaded yet, or unloaded
    LOADED = "loaded"
    FAILED = "failed"  #: its plugin is missing, broken, or does not load: `reason` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks a question."""

    #: what a plugin is told of that one, made when it is called, as time goes on before that
    args: Callable[[], QueryArgs]
    #: where the question stands among those that wait for a thread
    place: Place

    def is_late(self) -> bool:
        """Whether a plugin that gives up now does so as its time is up."""
        return self.args().get("deadline", math.inf) <= GIVING_UP


@dataclass(slots=True, kw_only=True)
class Errors:
    """How the last question of each kind failed; None when it did not."""

    search: str | None = None
    other: str | None = None

    def note(self, method: str, error: str | None) -> None:
        """How a question to this method of the plugin ended."""
        if method == "search":
            self.search = error
        else:
            self.other = error


class Boundary:
    """One source's plugin, loaded or not. What is async runs on the loop, the rest in threads."""

    def __init__(self, source: str, backend: str, threads: Threads) -> None:
        self._source = source
        self._backend = backend
        self._threads = threads
        self._methods: dict[str, Method] = {}
        self.state = State.CLOSED
        #: why it does not load
        self.reason: str | None = None
        self.last_errors = Errors()

    async def open(self, make: Callable[[], object], args: SourceArgs, patience: float) -> object:
        """Load the plugin that `make` gives, in `patience` seconds. Raises PluginError with the reason."""
        deadline = asyncio.timeout(patience)
        try:
            plugin = make()
            self._name(plugin)
            methods = methods_of(plugin)
            async with deadline:
                await self.run(methods["load"], args)
        except PluginError as error:
            self.state, self.reason = State.FAILED, str(error)
            raise
        except Exception as error:
            reason = f"it takes longer than {patience:g} s" if deadline.expired() else reason_of(error)
            self.state, self.reason = State.FAILED, reason
            raise PluginBroken(f"source {self._source!r} does not load: {reason}") from error
        self._methods = methods
        self.state, self.reason, self.last_errors = State.LOADED, None, Errors()
        return plugin

    async def close(self) -> None:
        """Unload the plugin and let its threads end."""
        methods, self._methods = self._methods, {}
        self.state = State.CLOSED
        if "unload" in methods:
            try:
                async with asyncio.timeout(UNLOADING):
                    await self.run(methods["unload"])
            except Exception:
                logger.exception("source %r: unload failed", self._source)
        self._threads.close()

    def has(self, name: str) -> bool:
        """Whether the loaded plugin has a method of this name."""
        return name in self._methods

    def method(self, name: str) -> Method:
        """A method of the loaded plugin. Raises SourceError where there is none."""
        if self.state is not State.LOADED:
            raise self.noted(name, SourceClosed(self._source, self.reason or "not loaded yet"))
        if name not in self._methods:
            missing = NotImplementedError("its back-end has no such method")
            raise self.noted(name, SourceFailed(self._source, name, missing))
        return self._methods[name]

    async def call(self, name: str, *args: object, asker: Asker | None = None) -> Any:  # noqa: ANN401 - checked by the caller
        """What the method of this name returns; the last of its arguments is what `asker` tells."""
        return await self.run(self.method(name), *args, asker=asker)

    async def run(self, method: Method, *args: object, asker: Asker | None = None) -> Any:  # noqa: ANN401 - same
        """What some method returns."""

        def function() -> Any:  # noqa: ANN401 - same
            told = args if asker is None else (*args, asker.args())
            return method.function(*told[: method.arity])

        try:
            if method.is_async:
                return await function()
            result = await self._threads.run(function, asker.place if asker is not None else None)
            return await result if inspect.isawaitable(result) else result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise RuntimeError("something it waited for was cancelled") from error

    @asynccontextmanager
    async def asking(
        self, method: str, limit: timedelta | None = None, asker: Asker | None = None
    ) -> AsyncIterator[None]:
        """A question to the plugin, under its deadline; whatever goes wrong comes out as a SourceError.

        One that is late because a search had the thread it needed says nothing of the directory: SourceBusy.
        """
        deadline = asyncio.timeout(limit.total_seconds() if limit is not None else None)
        try:
            async with deadline:
                yield
        except SourceError as error:
            if limit is not None and asker is not None and asker.is_late():
                raise self.noted(method, self._late(limit, asker, str(error))) from error
            self.noted(method, error)
            raise
        except TooManyWaiting:
            raise self.noted(method, SourceBusy(self._source)) from None
        except Exception as error:
            if limit is not None and deadline.expired():
                raise self.noted(method, self._late(limit, asker)) from None
            raise self.noted(method, SourceFailed(self._source, method, error)) from error
        self.last_errors.note(method, None)

    def _late(self, limit: timedelta, asker: Asker | None, reason: str = "") -> SourceError:
        is_held_up = asker is not None and asker.place.is_held_up
        return SourceBusy(self._source) if is_held_up else SourceTimeout(self._source, limit, reason)

    def noted(self, method: str, error: SourceError) -> SourceError:
        """The same error, remembered as the last one of its kind."""
        self.last_errors.note(method, str(error))
        return error

    def batches(
        self, things: object, what: str = "rows", asker: Asker | None = None
    ) -> AsyncIterator[list[object]]:
        """Whatever a plugin returned as rows or ids, in lists; what may block is read in its threads."""
        if isinstance(things, AsyncIterable):
            return _async_batches(things)
        if isinstance(things, Iterable) and not isinstance(things, str | bytes | Mapping):
            return self._threaded_batches(things, asker.place if asker is not None else None)
        raise TypeError(f"returned {type(things).__name__}, not {what}")

    def _name(self, plugin: Any) -> None:  # noqa: ANN401 - a stranger's object
        """Tell the plugin its names, unless it has methods of its own there."""
        for attribute, value in (("name", self._source), ("backend", self._backend)):
            if not callable(getattr(plugin, attribute, None)):
                with suppress(AttributeError):  # a property, or no place for it
                    setattr(plugin, attribute, value)

    async def _threaded_batches(
        self, things: Iterable[object], place: Place | None
    ) -> AsyncIterator[list[object]]:
        iterator = await self._threads.run(lambda: iter(things), place)
        while batch := await self._threads.run(lambda: [*islice(iterator, BATCH)], place):
            yield batch


async def _async_batches(things: AsyncIterable[object]) -> AsyncIterator[list[object]]:
    batch = []
    async for thing in things:
        batch.append(thing)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
