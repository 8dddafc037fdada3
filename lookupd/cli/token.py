"""`lookupd token`: who may ask."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lookupd.cli import output
from lookupd.cli.main import NOT_FOUND, enter, main
from lookupd.config import DEFAULT_TENANT
from lookupd.state.tokens import DEVICE, Tokens, device_scope

if TYPE_CHECKING:
    import uuid


@main.group()
def token() -> None:
    """Add, list and revoke the tokens that clients send as X-Auth-Token."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("dird.#",),
    show_default=True,
    help="What it may do, such as dird.directories.reverse.#; may be given several times.",
)
@click.option("--tenant", type=click.UUID, default=DEFAULT_TENANT, help="Whose directories it sees.")
@click.option("--user", type=click.UUID, help="The user it stands for.")
@click.option(
    "--device",
    "is_device",
    is_flag=True,
    help="A secret for a telephone or a PBX, which may stand in a URL and opens nothing else.",
)
@click.option("--profile", help="The only profile the device may use.")
@output.as_json
@click.pass_context
def add(  # noqa: PLR0913 - options of a command
    ctx: click.Context,
    name: str,
    *,
    scopes: tuple[str, ...],
    tenant: uuid.UUID,
    user: uuid.UUID | None,
    is_device: bool,
    profile: str | None,
    is_json: bool,
) -> None:
    """Make a token. It is shown once and cannot be shown again."""
    scopes = _scopes(ctx, scopes, profile, is_device=is_device)
    config = enter(ctx)
    there = {one.name or key for key, one in config.profiles.items() if one.tenant_uuid == str(tenant)}
    if profile and profile not in there:
        known = ", ".join(sorted(there)) or "none"
        output.say(f"no profile is called {profile!r} in this tenant yet (configured: {known})", err=True)
    with closing(Tokens(config.data / "state.db")) as tokens:
        added, secret = tokens.add(
            name, tenant=str(tenant), user=str(user) if user else None, scopes=scopes, now=datetime.now(UTC)
        )
    output.record({"id": added.id, "token": secret}, is_json=is_json)


def _scopes(
    ctx: click.Context, scopes: tuple[str, ...], profile: str | None, *, is_device: bool
) -> tuple[str, ...]:
    """The scopes of the token that the options ask for."""
    if not is_device:
        if profile is not None:
            raise click.UsageError("--profile is for --device")
        if any(scope.partition(".")[0] == DEVICE for scope in scopes):
            raise click.UsageError(f"the scope {DEVICE!r} is that of --device")
        return scopes
    if ctx.get_parameter_source("scopes") is not ParameterSource.DEFAULT:
        raise click.UsageError(
            "--scope is not for --device, which reaches what guests may ask and nothing else"
        )
    return (device_scope(profile or None),)


@token.command("list")
@output.as_json
@click.pass_context
def list_(ctx: click.Context, *, is_json: bool) -> None:
    """List the tokens; what they are is not stored."""
    with closing(Tokens(enter(ctx).data / "state.db")) as tokens:
        lines = [
            {
                "id": one.id,
                "name": one.name,
                "tenant": one.tenant,
                "user": one.user,
                "scopes": " ".join(one.scopes),
                "created": output.moment(one.created_at),
                "revoked": output.moment(one.revoked_at),
            }
            for one in tokens.all()
        ]
    output.table(lines, is_json=is_json)


@token.command()
@click.argument("id_", metavar="ID")
@click.pass_context
def revoke(ctx: click.Context, id_: str) -> None:
    """Make a token useless; a running daemon notices within 5 seconds."""
    with closing(Tokens(enter(ctx).data / "state.db")) as tokens:
        if not tokens.revoke(id_, datetime.now(UTC)):
            click.echo(
                f"no token has the id {id_!r}, or it is revoked already (see lookupd token list)", err=True
            )
            ctx.exit(NOT_FOUND)
    click.echo(f"revoked {id_}")
