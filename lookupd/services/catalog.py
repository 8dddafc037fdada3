"""What is configured and installed: sources, profiles with their columns, back-ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from lookupd.dial import dialable_each
from lookupd.plugins import BaseServicePlugin, ServiceArgs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lookupd.config import Column
    from lookupd.loader import Loader
    from lookupd.principal import Principal
    from lookupd.profiles import Profiles
    from lookupd.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry:
    """A source, as clients list it."""

    uuid: str
    name: str
    backend: str
    tenant_uuid: str


class CatalogService(BaseServicePlugin):
    """Makes the catalog."""

    @override
    def load(self, args: ServiceArgs, /) -> Catalog:
        return Catalog(args["profiles"], args["all_sources"], args["loader"])


class Catalog:
    """Lists what there is; nothing in it asks a directory."""

    def __init__(self, profiles: Profiles, sources: Iterable[Source], loader: Loader) -> None:
        self._profiles = profiles
        self._sources = sources
        self._loader = loader

    def sources(self, principal: Principal) -> list[SourceEntry]:
        """The sources of the caller's tenant, in the order of the configuration."""
        return [_entry(source) for source in self._sources if source.settings.tenant_uuid == principal.tenant]

    def profile_sources(self, principal: Principal, profile: str) -> list[SourceEntry]:
        """The sources a profile uses for anything. Raises UnknownProfile."""
        return [_entry(source) for source in self._profiles.get(principal.tenant, profile).sources]

    def columns(self, principal: Principal, profile: str) -> tuple[Column, ...]:
        """The columns a profile shows. Raises UnknownProfile."""
        return self._profiles.get(principal.tenant, profile).columns

    def dialling(self, principal: Principal, profile: str) -> Callable[[str, str], tuple[str, ...]]:
        """What the telephones of a profile dial, by source and text of a cell. Raises UnknownProfile."""
        seen = self._profiles.get(principal.tenant, profile)
        rules = {source.name: source.rules for source in seen.sources}
        return lambda source, text: dialable_each(text, seen.dial, rules.get(source, seen.rules))

    def backends(self) -> list[str]:
        """The names of the installed back-ends, sorted."""
        return self._loader.names("backend")


def _entry(source: Source) -> SourceEntry:
    return SourceEntry(
        uuid=source.uuid,
        name=source.name,
        backend=source.settings.backend,
        tenant_uuid=source.settings.tenant_uuid,
    )
