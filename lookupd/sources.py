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

    def __init__(self, config: Config, loader: Loader) -> None:
        shown = main_config(config)
        suffix = config.suffix_sources()
        self._by_name = {
            (settings.tenant_uuid, settings.name): Source(
                settings,
                Shape(settings, config.rules(settings), with_suffix=settings.uuid in suffix),
                loader,
                shown,
            )
            for settings in config.sources
        }
        #: the tasks that load them, each done when its source is loaded
        self.opening: list[asyncio.Task[None]] = []

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
        """Begin to load every source; one that does not load is tried again and again."""
        self.opening = [
            asyncio.create_task(source.keep_opening(), name=f"open-{source.name}") for source in self
        ]

    async def close(self) -> None:
        """Unload every source."""
        for task in self.opening:
            task.cancel()
        for task in self.opening:
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(source.close() for source in self))


def main_config(config: Config) -> dict[str, Any]:
    """The whole configuration as plugins may see it: secrets masked, and the folder it lies in."""
    shown: dict[str, Any] = config.model_dump(mode="json")
    for source in shown["sources"]:
        source["config"] = masked(source["config"])
    return {**shown, "views": masked(shown["views"]), "config_dir": str(config.folder)}
