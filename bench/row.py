"""One measured figure, and how figures of several rounds become one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: what a figure says it is compared with, where there is nothing to compare it with
ABSOLUTE = "none: an absolute figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure, the lowest and the highest of its rounds, and what it is a ratio to."""

    name: str
    value: float
    low: float
    high: float
    floor: str
    #: `ratio`, or the unit of an absolute figure
    unit: str = "ratio"
    #: what was measured of lookupd and of the floor, for a reader
    ours: str = ""
    theirs: str = ""

    def as_json(self) -> dict[str, object]:
        """Everything but the name, figures with four digits."""
        told = {key: value for key, value in asdict(self).items() if key != "name"}
        return {key: _short(value) for key, value in told.items()}


def ratio(name: str, ours: Sequence[float], floors: Sequence[float], floor: str, unit: str) -> Row:
    """The median of the ratios of each round; `unit` is that of both sides."""
    ratios = [own / other for own, other in zip(ours, floors, strict=True)]
    return Row(
        name=name,
        value=median(ratios),
        low=min(ratios),
        high=max(ratios),
        floor=floor,
        ours=f"{figure(median(ours))} {unit}",
        theirs=f"{figure(median(floors))} {unit}",
    )


def absolute(name: str, values: Sequence[float], unit: str, *, ours: str = "", theirs: str = "") -> Row:
    """The median of the figures of each round."""
    return Row(
        name=name,
        value=median(values),
        low=min(values),
        high=max(values),
        floor=ABSOLUTE,
        unit=unit,
        ours=ours,
        theirs=theirs,
    )


def figure(value: float) -> str:
    """A figure with three or four digits that say something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 or not value else f"{value:.2g}"


def label(size: int) -> str:
    """A number of contacts in names: 10k, 1m."""
    for unit, letter in ((1_000_000, "m"), (1000, "k")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{letter}"
    return str(size)


def _short(value: object) -> object:
    return float(f"{value:.4g}") if isinstance(value, float) else value
