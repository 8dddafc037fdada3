"""Is everything right? What is wrong with the sources' settings, and with the directories behind them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from lookupd import configfile
from lookupd.errors import ConfigError, LookupdError, PluginError, PluginMissing
from lookupd.inspection import Inspection
from lookupd.loader import Loader
from lookupd.principal import Principal
from lookupd.secret import without_secrets
from lookupd.setting import hint, switch
from lookupd.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from lookupd.config import Config, Keys
    from lookupd.profiles import Profile
    from lookupd.source import Source

#: how long one directory may take to answer everything that is asked of it here
PATIENCE = timedelta(seconds=30)


#: what every back-end is told beside its own settings, and so no back-end can have for its own
_GENERIC = frozenset(
    {
        "name",
        "uuid",
        "backend",
        "tenant_uuid",
        "unique_column",
        "searched_columns",
        "first_matched_columns",
        "format_columns",
        "region",
    }
)


def read(file: Path) -> Config:
    """The configuration, its sources' settings included. Raises ConfigError."""
    config = configfile.read(file)
    loader = Loader()
    found = mistakes(config, Sources(config, loader), loader) + view_mistakes(config, loader)
    if found:
        raise ConfigError(found)
    return config


def mistakes(config: Config, sources: Sources, loader: Loader) -> list[str]:
    """What is wrong with the settings of each source's back-end, a line each; no network is touched."""
    return [
        config.mistake(("sources", position, *keys), text)
        for position, settings in enumerate(config.sources)
        for keys, text in _mistakes(sources.get(settings.tenant_uuid, settings.name), loader)
    ]


def view_mistakes(config: Config, loader: Loader) -> list[str]:
    """What is wrong with the settings of views that are installed, a line each."""
    return [
        config.mistake(("views", name, *keys), text)
        for name, section in config.views.items()
        for keys, text in _view_mistakes(config, name, switch(section), loader)
    ]


def doubts(config: Config) -> Iterator[str]:
    """What is no mistake, and yet leaves callers without names, a line each."""
    if not config.sources or not config.profiles:
        yield config.mistake((), "without sources and profiles nobody has a name")
    profiles = config.profiles.values()
    for position, source in enumerate(config.sources):
        own = [profile for profile in profiles if profile.tenant_uuid == source.tenant_uuid]
        is_asked = any(source.name in profile.reverse.sources for profile in own)
        if not is_asked and not any(source.name in profile.lookup.sources for profile in own):
            yield config.mistake(("sources", position), "is in no profile, so nobody asks it")
        if is_asked and source.sync is not None and not source.first_matched_columns:
            where = ("sources", position, "first_matched_columns")
            yield config.mistake(where, "is empty, so no number leads to its contacts")
        if (source.region or config.region) is None:
            yield config.mistake(
                ("region",), f"is not set, so source {source.name!r} has no national numbers"
            )
    for key, profile in config.profiles.items():
        if not profile.reverse.sources:
            yield config.mistake(("profiles", key, "reverse", "sources"), "is empty: no caller has a name")


def unusable(config: Config, loader: Loader) -> list[str]:
    """Sources and views whose plugin is not installed or cannot be imported, a line each."""
    views = loader.names("view")
    found = [
        config.mistake(("views", name), f"{PluginMissing('view', name, views)}{hint(name, {*views})}")
        for name in config.views
        if name not in views
    ]
    for position, settings in enumerate(config.sources):
        try:
            loader.plugin_class("backend", settings.backend)
        except PluginError as error:
            found.append(config.mistake(("sources", position, "backend"), str(error)))
    return found


def _mistakes(source: Source, loader: Loader) -> Iterator[tuple[Keys, str]]:
    try:
        backend = loader.plugin_class("backend", source.settings.backend)
    except PluginError:
        return
    own = source.settings.config
    yield from ((("config", key), "stands beside config, not in it") for key in own if key in _GENERIC)
    model = getattr(backend, "config_model", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return
    yield from ((("config", key), text) for key, text in _unknown(model, own, _GENERIC))
    try:
        for keys, text in _wrong(model, source.load_args()["config"], own):
            yield (keys if keys and keys[0] in _GENERIC else ("config", *keys)), text
    except Exception as error:  # noqa: BLE001 - the settings of a plugin are its code too
        yield ("config",), f"cannot be checked: its back-end raised {type(error).__name__}"


def _view_mistakes(config: Config, name: str, own: object, loader: Loader) -> Iterator[tuple[Keys, str]]:
    try:
        model = getattr(loader.plugin_class("view", name), "config_model", None)
    except PluginError:
        return
    if own is None or not (isinstance(model, type) and issubclass(model, BaseModel)):
        return
    if not isinstance(own, dict):
        yield (), "must be a mapping of keys, or true or false"
        return
    yield from (((key,), text) for key, text in _unknown(model, own))
    try:
        yield from _wrong(model, own, own)
    except Exception as error:  # noqa: BLE001 - as above
        yield (), f"cannot be checked: the view raised {type(error).__name__}"
    profiles = {profile.name or key for key, profile in config.profiles.items()}
    wanted = own.get("profile") if "profile" in model.model_fields else None
    if isinstance(wanted, str) and wanted and wanted not in profiles:
        yield ("profile",), f"no profile is called {wanted!r}{hint(wanted, profiles)}"


def _unknown(
    model: type[BaseModel], own: Mapping[str, object], besides: frozenset[str] = frozenset()
) -> Iterator[tuple[str, str]]:
    """The keys that a model does not take."""
    if model.model_config.get("extra") != "allow":
        known = _keys(model)
        for key in own:
            if key not in known | besides:
                yield key, f"unknown key{hint(str(key), known - besides)}"


def _wrong(
    model: type[BaseModel], section: Mapping[str, object], own: Mapping[str, object]
) -> Iterator[tuple[Keys, str]]:
    """What a model thinks of a section, but for keys that are too many, without the secrets in `own`."""
    try:
        model.model_validate(section)
    except ValidationError as error:
        for detail in error.errors():
            if detail["type"] != "extra_forbidden":
                yield detail["loc"], without_secrets(_what(detail), own)


def _keys(model: type[BaseModel]) -> set[str]:
    """The keys a model takes: each field's name and, where it is a plain one, its alias."""
    aliases = [field.validation_alias for field in model.model_fields.values()]
    return {*model.model_fields, *(alias for alias in aliases if isinstance(alias, str))}


def _what(detail: ErrorDetails) -> str:
    return "is required" if detail["type"] == "missing" else detail["msg"].removeprefix("Value error, ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a directory answered."""

    source: str
    backend: str
    #: whether it could be loaded, connected to and asked
    is_well: bool
    #: contacts one text search found; None when it could not be made
    hits: int | None
    search_ms: float | None
    #: rows it lists; None when it could not be listed, or need not be as it is only asked live
    rows: int | None
    list_seconds: float | None
    error: str | None
    #: what somebody should look at, though it is no error
    oddities: tuple[str, ...]


async def ask(source: Source, patience: timedelta = PATIENCE, profiles: Sequence[Profile] = ()) -> Report:
    """Try a source for real: load, one search, read everything. Never raises for what the directory does."""
    inspection = Inspection(source.settings, source.shape.rules)
    oddities: tuple[str, ...] = ()
    hits = rows = search_ms = list_seconds = error = None
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await source.open()
            begun = time.perf_counter()
            hits = len(await source.search("a", Principal(tenant=source.settings.tenant_uuid), patience))
            search_ms = 1000 * (time.perf_counter() - begun)
            if source.settings.sync is not None:
                begun = time.perf_counter()
                rows = 0
                async for batch in source.pull():
                    rows += len(batch.rows) + len(batch.refused)
                    for row in batch.rows:
                        inspection.see(row)
                    inspection.miss(batch.left_out)
                list_seconds = time.perf_counter() - begun
                oddities = tuple(inspection.oddities(profiles))
    except TimeoutError:
        error = f"no complete answer within {patience.total_seconds():.0f} s"
    except LookupdError as problem:
        error = str(problem)
    return Report(
        source=source.name,
        backend=source.settings.backend,
        is_well=error is None,
        hits=hits,
        search_ms=search_ms,
        rows=rows,
        list_seconds=list_seconds,
        error=error,
        oddities=oddities,
    )
