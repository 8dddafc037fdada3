"""Searches that are over at once, on the thread of the loop.

Most searches take a fraction of a millisecond, less than the way to another thread and back: there they would
wait for the interpreter again and again while requests come in. What turns out to take longer is ended, and
the caller has it done in the thread of `texts`, from its beginning.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self, TypeVar

from typing_extensions import override

from lookupd.index import database
from lookupd.index.texts import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

T = TypeVar("T")

#: how long the loop may be kept, in seconds
BRIEF = 0.001
#: rows of a statement: whoever finds more takes longer, and it is told early so
ROWS = 128
#: terms that are remembered
CAPACITY = 4096
#: steps of SQLite's machine between two looks at the clock: a search takes some 15 for a row
STEPS = 500


class TakesLong(Exception):
    """It is not over at once."""


class _FindsMany(TakesLong):
    """Nor will it be the next time."""


class Briefly:
    """A connection for short turns, which turns to the file that is the index."""

    def __init__(self, path: Path, which: Callable[[], object], span: float) -> None:
        """`which` says which file lies at `path`, None while there is none; turns last `span` seconds."""
        self._path = path
        self._which = which
        self._span = span
        self._open = which()
        #: terms that found many: there are not so many of these, and they are typed again and again
        self._broad: set[str] = set()
        self._connection = database.connect_reader(path)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def done(self, term: str, work: Callable[[Turn], T]) -> T:
        """What `work` makes of its turn, for a term. Raises TakesLong."""
        if term in self._broad:
            raise TakesLong
        self._follow()
        try:
            with _ShortTurn(self._connection, time.perf_counter() + self._span) as turn:
                return work(turn)
        except _FindsMany:
            if len(self._broad) >= CAPACITY:
                self._broad.clear()
            self._broad.add(term)
            raise

    def _follow(self) -> None:
        now = self._which()
        if now not in {self._open, None}:
            connection = database.connect_reader(self._path)
            self._connection.close()
            self._connection, self._open = connection, now
            self._broad.clear()


class _ShortTurn(Turn):
    """A turn that ends at `end`, by the clock of `time.perf_counter`."""

    def __init__(self, connection: sqlite3.Connection, end: float) -> None:
        super().__init__()
        self._lent = connection
        self._end = end
        self._is_late = False

    def __enter__(self) -> Self:
        self.begin(self._lent)
        self._lent.set_progress_handler(self._is_over, STEPS)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._lent.set_progress_handler(None, STEPS)
        self.end()
        if self._is_late and isinstance(error, sqlite3.OperationalError):
            raise TakesLong from error

    @override
    def chunks(self, statement: str, values: Any) -> Generator[list[Any]]:
        with closing(self._lent.execute(statement, values)) as cursor:
            rows = cursor.fetchmany(ROWS)
        if len(rows) == ROWS:
            raise _FindsMany
        if self._is_over():
            raise TakesLong
        yield rows

    def _is_over(self) -> bool:
        self._is_late = self._is_late or time.perf_counter() > self._end
        return self._is_late
