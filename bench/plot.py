"""A plot of throughput over the size of the index, as SVG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.row import label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.row import Row

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 40, 50
FONT = 'font-family="sans-serif" font-size="12"'
#: grey enough to be read on white and on black
INK, OURS, FLOOR = "#777", "#1f77b4", "#d95f02"


def svg(by_size: Mapping[int, Row]) -> str:
    """The rows `reverse_hit_*` by contacts: median as a line, lowest to highest as bars, the floor at 1."""
    sizes = sorted(by_size)
    top = max(1.2, *(by_size[size].high for size in sizes))
    low, high = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size: int) -> float:
        share = 0.5 if high == low else (math.log10(size) - low) / (high - low)
        return LEFT + 20 + share * (WIDTH - LEFT - RIGHT - 40)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT} fill="{INK}">',
        "<title>Reverse hits over the size of the index</title>",
        _text(LEFT, 20, "reverse hits/s, as a ratio to a handler that looks nothing up", anchor="start"),
        _text(WIDTH / 2, HEIGHT - 10, "contacts in the index"),
    ]
    for tenth in range(0, math.floor(top * 10) + 1, 2):
        parts.append(_line(LEFT, y(tenth / 10), WIDTH - RIGHT, y(tenth / 10), INK, 0.3))
        parts.append(_text(LEFT - 8, y(tenth / 10) + 4, f"{tenth / 10:.1f}", anchor="end"))
    parts.append(_line(LEFT, y(1), WIDTH - RIGHT, y(1), FLOOR, 1.5))
    points = " ".join(f"{x(size):.1f},{y(by_size[size].value):.1f}" for size in sizes)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{OURS}" stroke-width="2"/>')
    for size in sizes:
        row = by_size[size]
        parts.append(_line(x(size), y(row.low), x(size), y(row.high), OURS, 1.5))
        parts.append(f'<circle cx="{x(size):.1f}" cy="{y(row.value):.1f}" r="4" fill="{OURS}"/>')
        parts.append(_text(x(size) + 8, y(row.value) + 18, f"{row.value:.2f}", anchor="start"))
        parts.append(_text(x(size), HEIGHT - BOTTOM + 18, label(size)))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, ink: str, width: float) -> str:  # noqa: PLR0913, PLR0917 - as in SVG
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{ink}" '
        f'stroke-width="{width}"/>'
    )
