"""Rows as the table that people read, and as the JSON that programs read."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Row

COLUMNS = ("promise", "promised", "measured", "how", "holds")
WIDTHS = (18, 26, 44, 38, 5)
#: what stands between these two lines of the page is written anew by each whole run
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def printed(rows: Sequence[Row]) -> str:
    """A table for a terminal."""
    lines = [_line(COLUMNS), _line(["-" * width for width in WIDTHS])]
    return "\n".join([*lines, *(_lines(_cells(row)) for row in rows)])


def markdown(rows: Sequence[Row]) -> str:
    """A table for a page."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *([_escaped(cell) for cell in _cells(row)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """What the figures depend on."""
    return (
        f"{os.cpu_count()} CPUs, Linux, {platform.python_implementation()} {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}"
    )


def write_json(rows: Sequence[Row], file: Path) -> None:
    """`{promise: {promised, measured, holds}}`."""
    tree = {row.key: {"promised": row.promised, "measured": row.measured, "holds": row.holds} for row in rows}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{json.dumps(tree, indent=2, ensure_ascii=False)}\n", encoding="utf-8")


def write_page(rows: Sequence[Row], page: Path) -> None:
    """The table, and the machine it was made on, between the two marks of a page. Raises ValueError."""
    text = page.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(
        f"{text[:begin]}\n\nMeasured on: {machine()}. Load and servers share the machine.\n\n"
        f"{markdown(rows)}\n\n{text[end:]}",
        encoding="utf-8",
    )


def _cells(row: Row) -> tuple[str, ...]:
    return row.key, row.promised, row.measured, row.how, "yes" if row.holds else "NO"


def _lines(cells: Sequence[str]) -> str:
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, WIDTHS, strict=True)]
    height = max(map(len, wrapped))
    padded = [[*lines, *[""] * (height - len(lines))] for lines in wrapped]
    return "\n".join(_line(cells_) for cells_ in zip(*padded, strict=True))


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
