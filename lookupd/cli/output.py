"""What commands print: tables and bars on a terminal, tab-separated lines or JSON for programs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

Line = "Mapping[str, object]"

as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


def say(text: str, *, err: bool = False) -> None:
    """A text of one or more lines; what directories sent cannot steer the terminal."""
    for line in text.splitlines():
        click.echo(_shown(line), err=err)


def table(lines: Sequence[Mapping[str, object]], *, is_json: bool) -> None:
    """Lines with the same keys, which are the headings."""
    if is_json:
        click.echo(json.dumps(lines, default=str, indent=2))
    elif sys.stdout.isatty():
        _show(lines)
    else:
        for line in lines:
            click.echo("\t".join(_shown(value) for value in line.values()))


def record(line: Mapping[str, Any], *, is_json: bool) -> None:
    """One thing, key by key."""
    if is_json:
        click.echo(json.dumps(line, default=str, indent=2))
    else:
        for key, value in line.items():
            click.echo(f"{key}: {_shown(value)}")


def moment(instant: datetime | None) -> str | None:
    """An instant in local time, to the second."""
    return None if instant is None else instant.astimezone().isoformat(sep=" ", timespec="seconds")


def _show(lines: Sequence[Mapping[str, object]]) -> None:
    # Not needed by the daemon, which is to be there soon.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in lines[0] if lines else ():
        shown.add_column(heading, overflow="fold")
    for line in lines:
        shown.add_row(*(Text(_shown(value)) for value in line.values()))
    Console().print(shown)


def _shown(value: object) -> str:
    if value is None:
        return "-"
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return "".join(char if char.isprintable() else " " for char in text)
