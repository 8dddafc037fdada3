"""`lookupd state`: a backup of what users own, and its way back."""

from __future__ import annotations

from pathlib import Path

import click

from lookupd.cli import output, owner
from lookupd.cli.main import main, read
from lookupd.state import backup as backups

_FILE = click.Path(path_type=Path, dir_okay=False)


@main.group()
def state() -> None:
    """Back up and restore `state.db`, which nothing else can make again."""


@state.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.pass_context
def backup(ctx: click.Context, file: Path, *, force: bool) -> None:
    """Write a backup; a running daemon goes on. Keep it safe: it holds the hashes of all tokens."""
    path = read(ctx).data / "state.db"
    backups.back_up(path, file, overwrite=force)
    output.say(f"backed up {path} in {file}")


@state.command()
@click.argument("file", type=_FILE)
@click.pass_context
def restore(ctx: click.Context, file: Path) -> None:
    """Put a backup back; a running daemon goes on with it within 5 seconds. The state before is kept."""
    data = read(ctx).data
    path = data / "state.db"
    whose = owner.of(data)
    try:
        kept = backups.restore(path, file)
    finally:
        owner.give(whose, *data.glob("state.db*"))
    output.say(f"restored {path} from {file}")
    if kept is not None:
        output.say(f"the state before is kept in {kept}")
