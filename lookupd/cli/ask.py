"""`lookupd reverse`, `lookup` and `explain`: the daemon's questions, from the command line."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from lookupd.cli import output
from lookupd.cli.main import FAILED, NOT_FOUND, enter, main, run
from lookupd.config import DEFAULT_TENANT
from lookupd.desk import Desk
from lookupd.index import database
from lookupd.principal import Principal
from lookupd.sync.paths import paths

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lookupd.answer import Answer, Page
    from lookupd.config import Column, Config
    from lookupd.contact import Contact

T = TypeVar("T")

#: how long directories may take to be loaded before the question is asked without them, in seconds
LOADING = 2.0

profile_option = click.option("--profile", default="default", show_default=True, help="Which profile to ask.")
tenant_option = click.option("--tenant", type=click.UUID, default=DEFAULT_TENANT, help="Whose profile it is.")


@main.command()
@click.argument("number")
@profile_option
@tenant_option
@output.as_json
@click.pass_context
def reverse(ctx: click.Context, number: str, profile: str, tenant: object, *, is_json: bool) -> None:
    """Tell who has this NUMBER."""
    answer = _reverse(enter(ctx), str(tenant), profile, number)
    if answer.known is None:
        _nobody(ctx, answer)
    known = answer.known
    line = {
        "name": known.contact.display,
        "source": known.contact.source,
        "freshness": known.freshness,
        "as of": output.moment(known.since),
    }
    output.record({**line, "fields": known.contact.fields} if is_json else line, is_json=is_json)


@main.command()
@click.argument("number")
@profile_option
@tenant_option
@click.pass_context
def explain(ctx: click.Context, number: str, profile: str, tenant: object) -> None:
    """Tell how the answer for NUMBER is found, step by step."""
    answer = _reverse(enter(ctx), str(tenant), profile, number)
    for line in answer.story.lines():
        output.say(line)
    if answer.known is None:
        ctx.exit(_absent_or_failed(answer))


@main.command()
@click.argument("term")
@profile_option
@tenant_option
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Contacts at most."
)
@output.as_json
@click.pass_context
def lookup(  # noqa: PLR0913 - options of a command
    ctx: click.Context, term: str, profile: str, tenant: object, *, limit: int, is_json: bool
) -> None:
    """Find the contacts that fit this TERM."""
    principal = Principal(tenant=str(tenant))

    async def find(services: dict[str, Any]) -> tuple[Page, list[dict[str, object]]]:
        page = await services["lookup"].find(principal, profile, term, limit=limit)
        columns = services["catalog"].columns(principal, profile)
        lines = [
            {column.title or str(column.field): _cell(column, hit.contact) for column in columns}
            | {"source": hit.contact.source}
            for hit in page.hits
        ]
        return page, lines

    page, lines = run(_asked(enter(ctx), find))
    if lines or is_json:
        output.table(lines, is_json=is_json)
    for failure in page.failed:
        output.say(failure.reason, err=True)
    if page.is_cut or page.total > len(lines):
        output.say(f"{len(lines)} of {page.total}{' or more' if page.is_cut else ''}", err=True)
    if not lines:
        ctx.exit(_absent_or_failed(page))


def _reverse(config: Config, tenant: str, profile: str, number: str) -> Answer:
    async def who(services: dict[str, Any]) -> Answer:
        answer: Answer = await services["reverse"].who(Principal(tenant=tenant), profile, number)
        return answer

    return run(_asked(config, who))


def _nobody(ctx: click.Context, answer: Answer) -> NoReturn:
    for failure in answer.failed:
        output.say(failure.reason, err=True)
    output.say("nobody is known to have this number" if answer.number else "this is not a number", err=True)
    ctx.exit(_absent_or_failed(answer))


def _absent_or_failed(nothing: Answer | Page) -> int:
    """The exit code of nothing found: it says something only if every directory could be asked."""
    return FAILED if nothing.failed else NOT_FOUND


def _cell(column: Column, contact: Contact) -> object:
    value = contact.fields.get(column.field) if column.field is not None else None
    return column.default if value is None else value


async def _asked(config: Config, question: Callable[[dict[str, Any]], Awaitable[T]]) -> T:
    """Ask the services of a desk of our own, on the index that the daemon uses."""
    database.prepare(paths(config).index)
    async with AsyncExitStack() as stack:
        desk = await Desk.open(stack, config)
        if desk.sources.opening:
            await asyncio.wait(desk.sources.opening, timeout=LOADING)
        return await question(desk.services)
