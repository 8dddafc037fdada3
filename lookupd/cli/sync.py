"""`lookupd sync`: pull sources now, beside a running daemon or without one."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from lookupd.cli import output
from lookupd.cli.main import FAILED, enter, main, run
from lookupd.errors import LookupdError, UnknownSource
from lookupd.index import database
from lookupd.loader import Loader
from lookupd.sources import Sources
from lookupd.sync.behind import step_back
from lookupd.sync.paths import paths
from lookupd.sync.run import Run

if TYPE_CHECKING:
    from lookupd.config import Config
    from lookupd.source import Source


@main.command()
@click.argument("names", nargs=-1, metavar="[SOURCE]...")
@click.option("--accept-loss", is_flag=True, help="Write even what would be held for removing too much.")
@click.option("--full", is_flag=True, help="Pull everything, though what changed would do.")
@output.as_json
@click.pass_context
def sync(ctx: click.Context, names: tuple[str, ...], *, accept_loss: bool, full: bool, is_json: bool) -> None:
    """Pull sources into the index now; all of them if none is named."""
    config = enter(ctx)
    lines = run(_sync(config, names, accept_loss=accept_loss, full=full))
    output.table(lines, is_json=is_json)
    if any(line["error"] for line in lines):
        ctx.exit(FAILED)


async def _sync(config: Config, names: tuple[str, ...], **how: bool) -> list[dict[str, object]]:
    step_back()
    database.prepare(paths(config).index)
    sources = Sources(config, Loader())
    wanted = _wanted(sources, names)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )
    try:
        with bar:
            return [await _one(source, config, bar, **how) for source in wanted]
    finally:
        await sources.close()


def _wanted(sources: Sources, names: tuple[str, ...]) -> list[Source]:
    """The sources with these names, whoever's they are; without names, all that are synced.

    Raises UnknownSource.
    """
    if not names:
        return [source for source in sources if source.settings.sync is not None]
    known = {source.name: source for source in sources}
    for name in names:
        if name not in known:
            raise UnknownSource(name, [*known])
    return [source for source in sources if source.name in names]


async def _one(source: Source, config: Config, bar: Progress, **how: bool) -> dict[str, object]:
    task = bar.add_task(source.name, total=None)
    line: dict[str, object] = {"source": source.name}
    counts = dict.fromkeys(("contacts", "added", "changed", "removed", "unchanged"))
    settings = source.settings.sync
    if settings is None:
        return {
            **line,
            **counts,
            "error": f"source {source.name!r} has sync: false, so it is only asked live",
        }
    try:
        await source.open()
        progress = Run(
            source, settings, paths(config), progress=lambda rows: bar.update(task, completed=rows)
        )
        plan = await progress.run(**how)
    except LookupdError as error:
        return {**line, **counts, "error": str(error)}
    finally:
        bar.update(task, visible=False)
    counts = {
        "contacts": plan.after,
        "added": plan.added,
        "changed": plan.changed,
        "removed": plan.removed,
        "unchanged": plan.unchanged,
    }
    return {**line, **counts, "error": None}
