"""Searches that are over at once, on the thread of the loop.

Most searches take a fraction of a millisecond, less than the way to another thread and back: there they would
wait for the interpreter again and again while requests come in. What turns out to take longer is ended, and
the caller has it done in the thread of `texts`, from its beginning.
"""

from __future__ import annotations

import sqlite3
import time
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
#: steps of SQLite's machine between two looks at the clock: a search takes some 15 for a row
STEPS = 500


class TakesLong(Exception):
    """It is not over at once."""


class Briefly:
    """A connection for short turns, which turns to the file that is the index."""

    def __init__(self, path: Path, which: Callable[[], object], span: float) -> None:
        """`which` says which file lies at `path`, None while there is none; turns last `span` seconds."""
        self._path = path
        self._which = which
        self._span = span
        self._open = which()
        self._connection = database.connect_reader(path)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def done(self, work: Callable[[Turn], T]) -> T:
        """What `work` makes of its turn. Raises TakesLong."""
        self._follow()
        with _ShortTurn(self._connection, time.perf_counter() + self._span) as turn:
            return work(turn)

    def _follow(self) -> None:
        now = self._which()
        if now not in {self._open, None}:
            connection = database.connect_reader(self._path)
            self._connection.close()
            self._connection, self._open = connection, now


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
        for chunk in super().chunks(statement, values):
            yield chunk
            if self._is_over():
                raise TakesLong

    def _is_over(self) -> bool:
        self._is_late = self._is_late or time.perf_counter() > self._end
        return self._is_late
