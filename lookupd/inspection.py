"""What is odd about the rows of a source, though none of it is an error: for whoever sets it up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lookupd.contact import CALLER_NAME
from lookupd.number import parse_cell
from lookupd.oversize import oddities
from lookupd.row import texts_of
from lookupd.template import Template

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lookupd.number import NumberRules
    from lookupd.profiles import Profile
    from lookupd.sourcesettings import SourceSettings


@dataclass(slots=True)
class _Cells:
    """What was found in one column."""

    count: int = 0
    first: str = ""

    def add(self, text: str) -> None:
        """One more."""
        self.count += 1
        self.first = self.first or text


@dataclass(slots=True)
class Inspection:
    """Sees the rows of a source one by one, and tells in the end."""

    source: SourceSettings
    rules: NumberRules
    #: the columns in which any row has something
    _columns: set[str] = field(default_factory=set)
    _no_numbers: dict[str, _Cells] = field(default_factory=dict)
    _outsiders: dict[str, _Cells] = field(default_factory=dict)
    _missed: Counter[str] = field(default_factory=Counter)

    def see(self, row: Mapping[str, object]) -> None:
        """Take in a row."""
        self._columns.update(column for column, value in row.items() if value is not None)
        for column in self.source.first_matched_columns:
            for cell in texts_of(row.get(column)):
                self._read(column, cell)

    def miss(self, columns: Iterable[str]) -> None:
        """Take in which columns rows are kept without, as they were too large."""
        self._missed.update(columns)

    def oddities(self, profiles: Sequence[Profile]) -> Iterator[str]:
        """What somebody should know of the source, and of the profiles that look it up."""
        if not self._columns:
            yield "has no rows"
            return
        there = self._columns | {*self.source.format_columns, *self._missed}
        yield from self._missing(there)
        yield from self._odd_cells()
        yield from oddities(self._missed)
        for profile in profiles:
            shown = [column.field for column in profile.columns if column.field is not None]
            is_of_it = self.source.name in {source.name for source in profile.lookup}
            if is_of_it and shown and there.isdisjoint(shown):
                yield (
                    f"profile {profile.name!r} shows none of its columns, but {', '.join(shown)} "
                    f"(give the source format_columns of these names, or the profile a display)"
                )

    def _missing(self, there: set[str]) -> Iterator[str]:
        source, known = self.source, f" (they have: {', '.join(sorted(self._columns))})"
        for name, text in source.format_columns.items():
            absent = [f"{{{column}}}" for column in Template(text).columns if column not in there]
            if absent:
                yield f"format_columns.{name}: no row has {', '.join(absent)}{known}"
        for column in (*source.searched_columns, *source.first_matched_columns):
            if column not in there:
                yield f"no row has {column!r}{known}"
        if source.first_matched_columns and CALLER_NAME not in there:
            yield f"format_columns has no {CALLER_NAME!r}, so callers have no name"

    def _odd_cells(self) -> Iterator[str]:
        where = self.rules.region or "any country, as no region is configured"
        for column, cells in self._no_numbers.items():
            yield f"{cells.count} of {column!r} hold no telephone number, such as {cells.first!r}"
        for column, cells in self._outsiders.items():
            yield f"{cells.count} of {column!r} are no number of {where}, such as {cells.first!r}"

    def _read(self, column: str, cell: str) -> None:
        if not cell.strip():
            return
        numbers = parse_cell(cell, self.rules)
        if not numbers:
            self._no_numbers.setdefault(column, _Cells()).add(cell)
        elif any(number.may_be_national for number in numbers):
            self._outsiders.setdefault(column, _Cells()).add(cell)
