"""Is everything right? What is wrong with the sources' settings, and with the directories behind them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from lookupd import configfile
from lookupd.errors import ConfigError, LookupdError, PluginError
from lookupd.loader import Loader
from lookupd.principal import Principal
from lookupd.secret import without_secrets
from lookupd.setting import hint
from lookupd.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from lookupd.config import Config, Keys
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
    found = mistakes(config, Sources(config, loader), loader)
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


def unusable(config: Config, loader: Loader) -> list[str]:
    """The sources whose back-end is not installed or cannot be imported, a line each."""
    found = []
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
    if model.model_config.get("extra") != "allow":
        known = _keys(model)
        unknown = [key for key in own if key not in known | _GENERIC]
        yield from ((("config", key), f"unknown key{hint(key, known - _GENERIC)}") for key in unknown)
    try:
        model.model_validate(source.load_args()["config"])
    except ValidationError as error:
        # A key that is too many is told above, or is one of those that every back-end is told.
        details = [detail for detail in error.errors() if detail["type"] != "extra_forbidden"]
        yield from ((_where(detail["loc"]), without_secrets(_what(detail), own)) for detail in details)
    except Exception as error:  # noqa: BLE001 - the settings of a plugin are its code too
        yield ("config",), f"cannot be checked: its back-end raised {type(error).__name__}"


def _where(keys: Keys) -> Keys:
    return keys if keys and keys[0] in _GENERIC else ("config", *keys)


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


async def ask(source: Source, patience: timedelta = PATIENCE) -> Report:
    """Try a source for real: load, one search, count everything. Never raises for what the directory does."""
    hits = rows = search_ms = list_seconds = error = None
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await source.open()
            begun = time.perf_counter()
            hits = len(await source.search("a", Principal(tenant=source.settings.tenant_uuid), patience))
            search_ms = 1000 * (time.perf_counter() - begun)
            if source.settings.sync is not None:
                begun = time.perf_counter()
                rows = sum([len(batch.rows) + len(batch.refused) async for batch in source.pull()])
                list_seconds = time.perf_counter() - begun
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
    )
