"""`lookupd sources`: how each source is doing, as the index and a running daemon know it."""

from __future__ import annotations

import math
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from lookupd import control
from lookupd.cli import output
from lookupd.cli.main import enter, main, run
from lookupd.desk import Desk
from lookupd.index import database
from lookupd.sync.paths import paths

if TYPE_CHECKING:
    from lookupd.config import Config
    from lookupd.services.status import SourceStatus


@main.command()
@click.option("--runs", "source", metavar="SOURCE", help="The last sync runs of one source.")
@output.as_json
@click.pass_context
def sources(ctx: click.Context, source: str | None, *, is_json: bool) -> None:
    """List the sources: contacts, age, and what is wrong with them."""
    output.table(run(_lines(enter(ctx), source)), is_json=is_json)


async def _lines(config: Config, source: str | None) -> list[dict[str, object]]:
    database.prepare(paths(config).index)
    async with AsyncExitStack() as stack:
        status = (await Desk.open(stack, config)).services["status"]
        if source is None:
            conditions = await _conditions(config)
            return [_line(one, conditions.get(one.uuid)) for one in await status.sources()]
        return [
            {
                "started": output.moment(run.started_at),
                "seconds": run.seconds,
                "outcome": run.outcome,
                "added": run.added,
                "changed": run.changed,
                "removed": run.removed,
                "unchanged": run.unchanged,
                "refused": run.refused,
                "error": run.error or "; ".join(run.oddities) or None,
            }
            for run in await status.runs(source)
        ]


async def _conditions(config: Config) -> dict[str, dict[str, Any]]:
    """What a running daemon says; where it says nothing, that is told, and the index still has its say."""
    try:
        return await control.conditions(config.data) or {}
    except control.NoWord as error:
        output.say(str(error), err=True)
        return {}


def _line(source: SourceStatus, condition: dict[str, Any] | None) -> dict[str, object]:
    return {
        "source": source.name,
        "backend": source.backend,
        "contacts": source.contacts,
        "generation": source.generation,
        "synced": output.moment(source.synced_at),
        "freshness": source.freshness,
        "breaker": condition and _breaker(condition),
        "search_breaker": condition and _breaker(condition["search"]),
        "trouble": condition["trouble"] if condition else source.trouble,
    }


def _breaker(condition: dict[str, Any]) -> str:
    breaker, wait = str(condition["breaker"]), condition["retry_in"]
    if breaker == "open":
        return f"open, asked again {f'in {math.ceil(wait)} s' if wait else 'with the next question'}"
    return breaker
