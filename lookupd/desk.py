"""All that answers questions, without the network: sources, index, services. The daemon puts views on it."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ValidationError

from lookupd.errors import LookupdError, reason_of
from lookupd.front import Load
from lookupd.loader import Loader
from lookupd.plugins import ServiceArgs, ViewArgs
from lookupd.profiles import Profiles
from lookupd.records import Records
from lookupd.sources import Sources, main_config
from lookupd.state.state import State

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from lookupd.config import Config

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Desk:
    """Where questions are answered."""

    loader: Loader
    sources: Sources
    records: Records
    #: the services that loaded, by name
    services: dict[str, Any] = field(default_factory=dict)
    #: plugins that did not load: "kind name" -> reason
    broken: dict[str, str] = field(default_factory=dict)
    #: counts the connections and requests of the front before it, if there is one
    load_now: Load = field(default_factory=Load)
    #: what users own
    state: State = field(default_factory=State)

    @classmethod
    async def open(cls, stack: AsyncExitStack, config: Config, lasting: AsyncExitStack | None = None) -> Self:
        """Open everything on a prepared index; the stack closes it, and `lasting`, if given, the records."""
        loader = Loader()
        sources = Sources(config, loader)
        records = await Records.open(lasting or stack, config, sources)
        desk = cls(loader=loader, sources=sources, records=records)
        await desk.start(stack, config)
        return desk

    async def again(self, stack: AsyncExitStack, config: Config) -> Self:
        """Another desk on the same records, with this one's sources where they have not changed.

        They are still this one's, until the records follow the other.
        """
        loader = Loader()
        sources = Sources(config, loader, self.sources)
        desk = type(self)(loader=loader, sources=sources, records=self.records)
        await desk.start(stack, config)
        return desk

    async def start(self, stack: AsyncExitStack, config: Config) -> None:
        """Open its own sources and the services; the stack closes them."""
        sources, records = self.sources, self.records
        stack.push_async_callback(sources.close)
        sources.open()
        args = ServiceArgs(
            config=main_config(config),
            sources={source.name: source for source in reversed([*sources])},
            all_sources=sources,
            profiles=Profiles(config, sources),
            loader=self.loader,
            broken_plugins=self.broken,
            index=records.index,
            live=records.live,
            answers=records.answers,
            load=self.load_now,
            state=self.state,
        )
        for name in self.loader.names("service"):
            service = await self.load(stack, "service", name, args)
            if service is not None:
                self.services[name] = service[0]

    async def load(
        self, stack: AsyncExitStack, kind: Literal["service", "view"], name: str, args: ServiceArgs | ViewArgs
    ) -> tuple[Any] | None:
        """What a plugin's `load` returned, in a tuple; None when it cannot be used, which is told once."""
        try:
            plugin = self.loader.plugin(kind, name)
            loaded = plugin.load(args)
            if inspect.isawaitable(loaded):
                loaded = await loaded
        except Exception as error:
            reason = reason_of(error)
            # What pydantic refused would stand in the traceback, and may be a secret.
            trace = None if isinstance(error, LookupdError | ValidationError) else error
            logger.exception("%s %r does not load and is not used: %s", kind, name, reason, exc_info=trace)
            self.broken[f"{kind} {name}"] = reason
            return None
        stack.push_async_callback(_unload, plugin, kind, name)
        return (loaded,)


async def _unload(plugin: Any, kind: str, name: str) -> None:  # noqa: ANN401 - a stranger's object
    unload = getattr(plugin, "unload", None)
    if unload is None:
        return
    try:
        left = unload()
        if inspect.isawaitable(left):
            await left
    except Exception:
        logger.exception("%s %r: unload failed", kind, name)
