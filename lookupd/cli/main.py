"""The command `lookupd` and what its commands share."""

from __future__ import annotations

import sqlite3
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import uvloop
from typing_extensions import override

from lookupd import checkup, configfile, log
from lookupd.cli import output, owner
from lookupd.errors import (
    ConfigError,
    DataError,
    LookupdError,
    PluginError,
    QuestionError,
    SourceError,
    SyncError,
)
from lookupd.heap import growing

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from lookupd.config import Config

T = TypeVar("T")

NOT_FOUND, WRONG, FAILED, UNUSABLE = 1, 2, 3, 4
#: the module of each command, beside this one: no other is imported, since the daemon is to be there soon
MODULES = {
    "check": "check",
    "explain": "ask",
    "lookup": "ask",
    "phone-config": "phone_config",
    "reverse": "ask",
    "serve": "serve",
    "sources": "sources",
    "state": "state",
    "sync": "sync",
    "token": "token",
}


class _Told(click.Group):
    """A command group that tells errors as one line each, and as an exit code."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*MODULES]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in MODULES:
            with growing():
                import_module(f"lookupd.cli.{MODULES[cmd_name]}")
        return super().get_command(ctx, cmd_name)

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LookupdError as error:
            output.say(str(error), err=True)
            ctx.exit(_exit_code(error))
        except BrokenPipeError:
            raise
        except (OSError, sqlite3.Error) as error:
            output.say(f"a data file cannot be used: {error} (see data in the configuration)", err=True)
            ctx.exit(UNUSABLE)


def _exit_code(error: LookupdError) -> int:
    match error:
        case ConfigError() | QuestionError():
            return WRONG
        case SourceError() | SyncError() | PluginError():
            return FAILED
        case DataError() | _:
            return UNUSABLE


@click.group(cls=_Told, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="LOOKUPD_CONFIG",
    default=configfile.DEFAULT_PATH,
    show_default=True,
    help="Configuration file; also LOOKUPD_CONFIG.",
)
@click.version_option(package_name="lookupd")
@click.pass_context
def main(ctx: click.Context, file: Path) -> None:
    """Who is calling? What is Ann's number? Answers from every directory a company has.

    Exit codes: 0 done or found, 1 nothing found, 2 wrong usage or configuration, 3 a directory or a sync
    failed, 4 a data file or an address cannot be used.
    """
    ctx.obj = file


def read(ctx: click.Context) -> Config:
    """The configuration, its sources' settings included. Raises ConfigError."""
    file: Path = ctx.obj
    return checkup.read(file)


def enter(ctx: click.Context) -> Config:
    """The same, to work on its data: as whoever they belong to, where root runs the command."""
    config = read(ctx)
    owner.become(config.data)
    return config


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Run what is async; what a command could not do it says itself, so nothing is logged beside it."""
    log.configure("critical")
    return uvloop.run(coroutine)
