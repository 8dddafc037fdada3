"""All that answers questions, without the network: sources, index, services. The daemon puts views on it."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import ValidationError

from lookupd.answers.store import Store
from lookupd.answers.table import kept
from lookupd.errors import LookupdError, reason_of
from lookupd.index.reader import Reader
from lookupd.live import Live
from lookupd.loader import Loader
from lookupd.memory import Memory
from lookupd.plugins import ServiceArgs, ViewArgs
from lookupd.profiles import Profiles
from lookupd.sources import Sources, main_config
from lookupd.sync.process import paths

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from lookupd.config import Config

logger = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Desk:
    """Where questions are answered."""

    loader: Loader
    sources: Sources
    #: the services that loaded, by name
    services: dict[str, Any] = field(default_factory=dict)
    #: plugins that did not load: "kind name" -> reason
    broken: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def open(cls, stack: AsyncExitStack, config: Config) -> Self:
        """Open everything on a prepared index; the stack closes it."""
        loader = Loader()
        sources = Sources(config, loader)
        stack.push_async_callback(sources.close)
        sources.open()
        reader = await Reader.open(paths(config).index)
        stack.push_async_callback(reader.close)
        answers = Store(config.data / "answers.db", kept(sources), lambda: datetime.now(UTC))
        stack.push_async_callback(answers.close)
        memory = Memory(keep=answers.keep)
        await answers.start(memory.learn)
        live = Live(memory, lambda: datetime.now(UTC))
        stack.push_async_callback(live.close)
        desk = cls(loader=loader, sources=sources)
        args = ServiceArgs(
            config=main_config(config),
            sources={source.name: source for source in reversed([*sources])},
            all_sources=sources,
            profiles=Profiles(config, sources),
            loader=loader,
            broken_plugins=desk.broken,
            index=reader,
            live=live,
            answers=answers,
            state=None,
        )
        for name in loader.names("service"):
            service = await desk.load(stack, "service", name, args)
            if service is not None:
                desk.services[name] = service[0]
        return desk

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
