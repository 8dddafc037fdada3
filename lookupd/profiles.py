"""Profiles with their sources: what each name that clients use stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookupd.config import Column
from lookupd.errors import UnknownProfile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookupd.config import Config, ProfileSettings
    from lookupd.dial import DialRules
    from lookupd.number import NumberRules
    from lookupd.source import Source
    from lookupd.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one group of clients sees."""

    name: str
    tenant: str
    settings: ProfileSettings
    #: how the numbers its clients ask are read
    rules: NumberRules
    #: how its telephones dial
    dial: DialRules
    #: the columns of its lookups
    columns: tuple[Column, ...]
    #: the sources of each service, in their order of priority
    lookup: tuple[Source, ...]
    reverse: tuple[Source, ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of all services, each once."""
        return tuple(dict.fromkeys((*self.lookup, *self.reverse)))


class Profiles:
    """Every profile, by tenant and name."""

    def __init__(self, config: Config, sources: Sources) -> None:
        self._by_name = {
            (settings.tenant_uuid, settings.name or key): _profile(
                settings.name or key, settings, config, sources
            )
            for key, settings in config.profiles.items()
        }

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._by_name.values())

    def get(self, tenant: str, name: str) -> Profile:
        """A profile of a tenant. Raises UnknownProfile."""
        try:
            return self._by_name[tenant, name]
        except KeyError:
            raise UnknownProfile(name) from None


def _profile(name: str, settings: ProfileSettings, config: Config, sources: Sources) -> Profile:
    tenant = settings.tenant_uuid
    return Profile(
        name=name,
        tenant=tenant,
        settings=settings,
        rules=config.asked_rules(settings),
        dial=settings.dial.rules(settings.region or config.region),
        columns=config.displays[settings.display] if settings.display else _plain(config, settings),
        lookup=tuple(sources.get(tenant, source) for source in settings.lookup.sources),
        reverse=tuple(sources.get(tenant, source) for source in settings.reverse.sources),
    )


def _plain(config: Config, settings: ProfileSettings) -> tuple[Column, ...]:
    """A display for a profile that names none: what its sources search and match, each column once."""
    names: dict[str, Column] = {}
    numbers: dict[str, Column] = {}
    for wanted in settings.lookup.sources:
        source = config.source(settings.tenant_uuid, wanted)
        columns = ["name"] if "name" in source.format_columns else source.searched_columns
        for index, name in enumerate(columns):
            names.setdefault(name, Column(title=name, field=name, type=None if index else "name"))
        for name in source.first_matched_columns:
            numbers.setdefault(name, Column(title=name, field=name, type="number"))
    return (*names.values(), *numbers.values())
