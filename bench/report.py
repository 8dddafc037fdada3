"""The figures as a table for a terminal, as JSON, and as the page docs/performance.md with its plot."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from bench import machine, plot
from bench.row import figure, label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.row import Row

#: what stands between these two lines of the page is written anew
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def as_json(rows: Sequence[Row]) -> str:
    """Every row by its name."""
    return json.dumps({row.name: row.as_json() for row in rows}, indent=2) + "\n"


def as_table(rows: Sequence[Row]) -> str:
    """Lines of equal columns."""
    told = [(row.name, _value(row), _spread(row), row.ours, row.theirs, row.floor) for row in rows]
    heads = ("", "value", "low-high", "ours", "floor", "ratio to")
    widths = [max(map(len, column)) for column in zip(heads, *told, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
             for line in (heads, *told)]  # fmt: skip
    return "\n".join(lines)


def publish(docs: Path, rows: Sequence[Row], sizes: Sequence[int], how: str) -> None:
    """Write the measured part of the page, and the plot. The rest of the page stays as it is."""
    page = docs / "performance.md"
    hits = {row.name: row for row in rows}
    by_size = {size: hits[name] for size in sizes if (name := f"reverse_hit_{label(size)}") in hits}
    parts = [
        BEGIN,
        "",
        *(_plotted(docs, by_size) if by_size else ()),
        f"{how} On:",
        "",
        "| | |",
        "|---|---|",
        *(f"| {what} | {told} |" for what, told in machine.description()),
        "",
        "| figure | value | low-high | lookupd | floor | ratio to |",
        "|---|--:|--:|---|---|---|",
        *(
            f"| `{row.name}` | **{_value(row)}** | {_spread(row)} | {row.ours} | {row.theirs} | {row.floor} |"
            for row in rows
        ),
        "",
        END,
    ]
    text = page.read_text(encoding="utf-8")
    measured = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not measured.search(text):
        raise ValueError(f"{page}: has no lines {BEGIN} and {END}")
    page.write_text(measured.sub(lambda _: "\n".join(parts), text), encoding="utf-8")


def _plotted(docs: Path, by_size: Mapping[int, Row]) -> tuple[str, ...]:
    (docs / "performance.svg").write_text(plot.svg(by_size), encoding="utf-8")
    return "![Reverse hits, as a ratio to a bare handler, over the size of the index](performance.svg)", ""


def _value(row: Row) -> str:
    return figure(row.value) if row.unit == "ratio" else f"{figure(row.value)} {row.unit}"


def _spread(row: Row) -> str:
    return f"{figure(row.low)}-{figure(row.high)}"
