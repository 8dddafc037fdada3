"""Every configured source, by tenant and name."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lookupd.contact import Shape
from lookupd.errors import UnknownSource
from lookupd.secret import masked
from lookupd.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookupd.config import Config
    from lookupd.loader import Loader


class Sources:
    """The sources of a configuration. They load in the background: nothing waits for a directory."""

    def __init__(self, config: Config, loader: Loader, former: Sources | None = None) -> None:
        """Those of `former` that have not changed are in both; see `take_over`."""
        shown = main_config(config)
        suffix = config.suffix_sources()
        self._by_name: dict[tuple[str, str], Source] = {}
        #: the tasks that load them, each done when its source is loaded
        self._opening: dict[Source, asyncio.Task[None]] = {}
        #: those that are closed with these
        self._own: set[Source] = set()
        for settings in config.sources:
            name = settings.tenant_uuid, settings.name
            shape = Shape(settings, config.rules(settings), with_suffix=settings.uuid in suffix)
            source = former._by_name.get(name) if former else None  # noqa: SLF001 - its own kind
            if source is None or not source.shape.is_like(shape):
                source = Source(settings, shape, loader, shown)
                self._own.add(source)
            self._by_name[name] = source

    @property
    def opening(self) -> list[asyncio.Task[None]]:
        """The tasks that load sources."""
        return [*self._opening.values()]

    def __iter__(self) -> Iterator[Source]:
        return iter(self._by_name.values())

    def get(self, tenant: str, name: str) -> Source:
        """A source by its name. Raises UnknownSource."""
        try:
            return self._by_name[tenant, name]
        except KeyError:
            raise UnknownSource(name, self.names(tenant)) from None

    def names(self, tenant: str) -> list[str]:
        """The names of a tenant's sources, in the order of the configuration."""
        return [name for owner, name in self._by_name if owner == tenant]

    def open(self) -> None:
        """Begin to load every source of its own; one that does not load is tried again and again."""
        for source in self:
            if source in self._own:
                source.is_to_load()
                task = asyncio.create_task(source.keep_opening(), name=f"open-{source.name}")
                self._opening[source] = task

    def take_over(self, former: Sources) -> frozenset[str]:
        """Own what both have, from now on. Gives the uuids of what `former` alone has: it counts no more."""
        shared = {*self} & former._own
        former._own -= shared
        self._own |= shared
        for source in shared & former._opening.keys():
            self._opening[source] = former._opening.pop(source)
        for source in former._own:
            source.is_replaced = True
        return frozenset(source.uuid for source in former._own)

    async def close(self) -> None:
        """Unload every source of its own."""
        for task in self.opening:
            task.cancel()
        for task in self.opening:
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(source.close() for source in self._own))


def main_config(config: Config) -> dict[str, Any]:
    """The whole configuration as plugins may see it: secrets masked, and the folder it lies in."""
    shown: dict[str, Any] = config.model_dump(mode="json")
    for source in shown["sources"]:
        source["config"] = masked(source["config"])
    return {**shown, "views": masked(shown["views"]), "config_dir": str(config.folder)}
