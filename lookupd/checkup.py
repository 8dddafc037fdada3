"""Is everything right? What is wrong with the sources' settings, and with the directories behind them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from lookupd.errors import LookupdError, PluginError, SourceError
from lookupd.principal import Principal
from lookupd.setting import hint

if TYPE_CHECKING:
    from lookupd.loader import Loader
    from lookupd.source import Source
    from lookupd.sources import Sources

#: how long one directory may take to answer everything that is asked of it here
PATIENCE = timedelta(seconds=30)


def mistakes(sources: Sources, loader: Loader) -> list[str]:
    """What is wrong with the settings of each source's back-end, a line each; no network is touched."""
    return [line for source in sources for line in _mistakes(source, loader)]


def unusable(sources: Sources, loader: Loader) -> list[str]:
    """The sources whose back-end is not installed or cannot be imported, a line each."""
    found = []
    for source in sources:
        try:
            loader.plugin_class("backend", source.settings.backend)
        except PluginError as error:
            found.append(f"sources.{source.name}.backend: {error}")
    return found


def _mistakes(source: Source, loader: Loader) -> list[str]:
    key = f"sources.{source.name}"
    try:
        backend = loader.plugin_class("backend", source.settings.backend)
    except PluginError:
        return []
    model = getattr(backend, "config_model", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    known = {field.alias or name for name, field in model.model_fields.items()}
    found = [
        f"{key}.config.{name}: unknown key{hint(name, known)}"
        for name in source.settings.config
        if name not in known
    ]
    try:
        model.model_validate(source.load_args()["config"])
    except ValidationError as error:
        found += [
            f"{key}.config.{_where(detail['loc'])}: {_what(detail['msg'])}" for detail in error.errors()
        ]
    return found


def _where(keys: tuple[int | str, ...]) -> str:
    return ".".join(str(key) for key in keys)


def _what(message: str) -> str:
    return "is required" if message == "Field required" else message.removeprefix("Value error, ")


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
    #: rows it lists; None when it could not be listed
    rows: int | None
    list_seconds: float | None
    error: str | None


async def ask(source: Source) -> Report:
    """Try a source for real: load, one search, count everything. Never raises for what the directory does."""
    hits = rows = search_ms = list_seconds = error = None
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await source.open()
            begun = time.perf_counter()
            hits = len(await source.search("a", Principal(tenant=source.settings.tenant_uuid), PATIENCE))
            search_ms = 1000 * (time.perf_counter() - begun)
            begun = time.perf_counter()
            rows = sum([len(batch.rows) + len(batch.refused) async for batch in source.pull()])
            list_seconds = time.perf_counter() - begun
    except TimeoutError:
        error = f"no complete answer within {PATIENCE.total_seconds():.0f} s"
    except (SourceError, LookupdError) as problem:
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
