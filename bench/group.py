"""What every group of rows is given, and what it has to give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from bench.load import Questions
from bench.place import Place
from bench.row import Row

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How to measure."""

    build: Path
    #: contacts of the rows that are about one index
    size: int
    #: contacts of the indexes that throughput is compared between, the smallest first
    sizes: tuple[int, ...]
    seconds: float
    rounds: int

    def place(self, contacts: int | None = None) -> Place:
        """An index that is ready to be served."""
        return Place.at(self.build, contacts or self.size).ready()

    def questions(self) -> Questions:
        """Files of reverse questions."""
        return Questions(self.build, self.seconds)


#: prints what it does, and gives one row after the other
Group: TypeAlias = Callable[[Setting], Iterator[Row]]
