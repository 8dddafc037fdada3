"""`lookupd check`: whether the configuration is right, and with --online, whether each directory answers."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lookupd import checkup
from lookupd.cli import output
from lookupd.cli.main import FAILED, enter, main, run
from lookupd.loader import Loader
from lookupd.profiles import Profiles
from lookupd.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lookupd.config import Config


@main.command()
@click.option(
    "--online", is_flag=True, help="Also ask every directory: connect, one search, read everything."
)
@output.as_json
@click.pass_context
def check(ctx: click.Context, *, online: bool, is_json: bool) -> None:
    """Say what is wrong with the configuration; without --online no network is touched."""
    config = enter(ctx)
    loader = Loader()
    problems, doubts = checkup.unusable(config, loader), [*checkup.doubts(config)]
    told = [] if is_json else [f"{line} (no mistake)" for line in doubts]
    for line in (*problems, *told):
        output.say(line, err=True)
    if online:
        reports = run(_ask(config, Sources(config, loader)))
        output.table(_lines(reports, is_json=is_json), is_json=is_json)
        problems += [report.source for report in reports if not report.is_well]
    elif is_json:
        counts = {"sources": len(config.sources), "profiles": len(config.profiles)}
        output.record({**counts, "mistakes": problems, "doubts": doubts}, is_json=True)
    elif not problems:
        output.say(
            f"{ctx.obj}: {len(config.sources)} sources and {len(config.profiles)} profiles, no mistakes"
        )
    if problems:
        ctx.exit(FAILED)


def _lines(reports: Sequence[checkup.Report], *, is_json: bool) -> list[dict[str, Any]]:
    """The table; what is odd is no part of it, unless a program reads it."""
    lines = [asdict(report) for report in reports]
    if not is_json:
        for line in lines:
            for oddity in line.pop("oddities"):
                output.say(f"{line['source']}: {oddity}", err=True)
    return lines


async def _ask(config: Config, sources: Sources) -> list[checkup.Report]:
    profiles = [*Profiles(config, sources)]
    try:
        return await asyncio.gather(*(checkup.ask(source, profiles=profiles) for source in sources))
    finally:
        await sources.close()
