"""Writing the index: for `lookupd.sync` only, as an import contract says."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lookupd.index import database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: how long a writer waits for another, in seconds
PATIENCE = 300.0
#: what pages may take in memory, and the rows to be sorted as much again, in KiB
CACHE = 16_384


def connect(path: Path) -> sqlite3.Connection:
    """A connection for the one that writes; may be used from one thread at a time."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA cache_size = -{CACHE}")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    database.sort_on_disk(connection, path.parent)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "") -> Iterator[None]:
    """All of it or nothing of it."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
