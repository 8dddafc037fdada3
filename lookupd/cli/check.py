"""`lookupd check`: whether the configuration is right, and with --online, whether each directory answers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

import click

from lookupd import checkup
from lookupd.cli import output
from lookupd.cli.main import FAILED, enter, main, run
from lookupd.loader import Loader
from lookupd.sources import Sources


@main.command()
@click.option(
    "--online", is_flag=True, help="Also ask every directory: connect, one search, count everything."
)
@output.as_json
@click.pass_context
def check(ctx: click.Context, *, online: bool, is_json: bool) -> None:
    """Say what is wrong with the configuration; without --online no network is touched."""
    config = enter(ctx)
    loader = Loader()
    problems = checkup.unusable(config, loader)
    for line in problems:
        output.say(line, err=True)
    if online:
        reports = run(_ask(Sources(config, loader)))
        output.table([asdict(report) for report in reports], is_json=is_json)
        problems += [report.source for report in reports if not report.is_well]
    elif is_json:
        counts = {"sources": len(config.sources), "profiles": len(config.profiles)}
        output.record({**counts, "mistakes": problems}, is_json=True)
    elif not problems:
        output.say(
            f"{ctx.obj}: {len(config.sources)} sources and {len(config.profiles)} profiles, no mistakes"
        )
    if problems:
        ctx.exit(FAILED)


async def _ask(sources: Sources) -> list[checkup.Report]:
    try:
        return await asyncio.gather(*(checkup.ask(source) for source in sources))
    finally:
        await sources.close()
