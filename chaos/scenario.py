"""One promise put to the test: what is promised, how it is measured, and what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

MILLISECONDS = 1000
#: below so many seconds a span is told in milliseconds
SHORT = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured."""

    text: str
    #: whether it is within what is promised
    holds: bool = True
    #: whether it depends on how busy the machine is
    is_timing: bool = False


class Track(Enum):
    """Beside what a scenario may be played."""

    #: nothing else: its figures are times
    ALONE = auto()
    #: the busy ones: it counts, and waits most of the time
    CALM = auto()
    #: the calm ones, and gives way to them: it counts, and computes all the time
    BUSY = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How one promise is put to the test."""

    #: as the list of promises has it, "R2"
    id: str
    name: str
    promised: str
    how: str
    #: `run(scale, folder)` with an empty folder; a scale of 1 is the whole, 0.05 a short form
    run: Callable[[float, Path], Sequence[Figure]]
    track: Track = Track.ALONE

    @property
    def key(self) -> str:
        """What it is called in the table."""
        return f"{self.id} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What came of a scenario."""

    key: str
    promised: str
    measured: str
    how: str
    holds: bool


def none(count: int, what: str) -> Figure:
    """Something that must not happen, and how often it did."""
    return Figure(text=f"{count:,} {what}", holds=count == 0)


def exactly(count: int, wanted: int, what: str) -> Figure:
    """Something that must happen so often."""
    return Figure(text=f"{count:,} {what}", holds=count == wanted)


def at_most(count: int, most: int, what: str) -> Figure:
    """Something that may happen so often at most."""
    return Figure(text=f"{count:,} {what}", holds=count <= most)


def some(count: int, what: str, *, least: int = 1) -> Figure:
    """Something without which nothing was tested."""
    return Figure(text=f"{count:,} {what}", holds=count >= least)


def within(what: str, seconds: float, limit: float) -> Figure:
    """A span that must not be longer than a limit."""
    return Figure(text=f"{what} {span(seconds)}", holds=seconds <= limit, is_timing=True)


def ratio(what: str, value: float, *, most: float = float("inf"), least: float = 0.0) -> Figure:
    """A ratio of two figures of the same run."""
    return Figure(text=f"{what} {value:.2f}", holds=least <= value <= most, is_timing=True)


def busy(figure: Figure) -> Figure:
    """The same as one that depends on how busy the machine is."""
    return replace(figure, is_timing=True)


def noted(text: str) -> Figure:
    """Something that helps to judge the rest, and is not promised."""
    return Figure(text=text)


def claim(text: str, *, holds: bool) -> Figure:
    """Something that is either so or not."""
    return Figure(text=text if holds else f"NOT: {text}", holds=holds)


def span(seconds: float) -> str:
    """A time, in the unit that suits it."""
    return f"{seconds * MILLISECONDS:.1f} ms" if abs(seconds) < SHORT else f"{seconds:.2f} s"
