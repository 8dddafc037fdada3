"""What was too large for the contacts of a source: told once for each column, not with each row."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lookupd.row import LONGEST_CELL, LONGEST_ROW, MOST_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger(__name__)

#: columns that are told; more of them are no columns that anybody configured
COLUMNS = 20
#: what is shown of a column's name
SHOWN = 60


class Oversize:
    """Logs which columns of one source were too large."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._told: set[str] = set()

    def note(self, columns: Iterable[str]) -> None:
        """Log these, unless that was done."""
        for column in map(named, columns):
            if column not in self._told and len(self._told) < COLUMNS:
                self._told.add(column)
                logger.warning("source %r: %s", self._source, _told(column, "a contact is"))


def oddities(counts: Mapping[str, int]) -> list[str]:
    """What to tell of columns that were too large so many times."""
    return [_told(named(column), f"{count} contacts are") for column, count in [*counts.items()][:COLUMNS]]


def named(column: str) -> str:
    """The name of a column, as it is told."""
    return repr(column if len(column) <= SHOWN else f"{column[:SHOWN]}…")


def _told(column: str, who: str) -> str:
    limits = f"at most {LONGEST_CELL} characters in a cell, {LONGEST_ROW} in all, {MOST_COLUMNS} columns"
    return f"{who} kept without {column}, which holds too much ({limits})"
