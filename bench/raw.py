"""The floors of the index: the same rows written by plain SQLite, and read by it."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from bench import data
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: rows given to one executemany
CHUNK = 10_000


def build(source: Path, target: Path) -> float:
    """Write all contacts, numbers and words of an index into a new file of the same schema.

    Says how many seconds it took.

    One transaction, one executemany to a chunk, FTS5 filled by its own `rebuild`. Getting the rows ready is
    not counted.
    """
    for file in target.parent.glob(f"{target.name}*"):
        file.unlink()
    with (
        closing(sqlite3.connect(source)) as rows,
        closing(sqlite3.connect(target, isolation_level=None)) as into,
    ):
        into.execute("PRAGMA journal_mode = WAL")
        into.execute("PRAGMA synchronous = NORMAL")
        into.execute("PRAGMA cache_size = -65536")
        into.executescript(files("lookupd.index").joinpath("schema.sql").read_text(encoding="utf-8"))
        return sum(_steps(rows, into))


def _steps(rows: sqlite3.Connection, into: sqlite3.Connection) -> Iterator[float]:
    """Seconds of each step."""
    begun = time.perf_counter()
    into.execute("BEGIN")
    yield time.perf_counter() - begun
    for table in ("source", "contact", "number"):
        cursor = rows.execute(f"SELECT * FROM {table}")  # noqa: S608 - one of three names
        places = ", ".join("?" * len(cursor.description))
        while chunk := cursor.fetchmany(CHUNK):
            begun = time.perf_counter()
            into.executemany(f"INSERT INTO {table} VALUES ({places})", chunk)  # noqa: S608 - same
            yield time.perf_counter() - begun
    begun = time.perf_counter()
    into.execute("INSERT INTO search (search) VALUES ('rebuild')")
    into.execute("COMMIT")
    into.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield time.perf_counter() - begun


class Points:
    """A loop of plain point reads: the statement of the index, a read-only connection, nothing around it."""

    def __init__(self, index: Path) -> None:
        self._connection = sqlite3.connect(f"file:{index}?mode=ro", uri=True, isolation_level=None)
        self._connection.execute("PRAGMA mmap_size = 1073741824")
        self._statement = statements("lookupd.index", "queries.sql")["number"]
        self._dice = random.Random(data.SEED)

    def close(self) -> None:
        """Close the index."""
        self._connection.close()

    def per_second(self, contacts: int, count: int) -> float:
        """Reads per second of numbers that are there, each as likely as any other."""
        keys = [(number.e164,) for number in data.uniform(contacts, count, self._dice)]
        begun = time.perf_counter()
        found = sum(self._read(key) for key in keys)
        seconds = time.perf_counter() - begun
        if found < count:
            raise RuntimeError(f"only {found} of {count} numbers are in the index")
        return count / seconds

    def _read(self, key: tuple[Any, ...]) -> bool:
        return bool(self._connection.execute(self._statement, key).fetchall())
