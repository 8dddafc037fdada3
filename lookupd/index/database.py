"""Opening the index: made when missing, set aside and made anew when it is not ours to read."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

#: says in the file's header whose it is: "lkpd"
APPLICATION_ID = 0x6C6B7064
#: format of the file: another one is set aside, and everything pulled again
VERSION = 1
#: how long a writer waits for another, in seconds
PATIENCE = 300.0
#: what every reading connection is set to
READING = ("PRAGMA query_only = ON", "PRAGMA mmap_size = 1073741824")


def prepare(path: Path) -> None:
    """Make sure that a usable index lies at `path`; raises OSError when the folder cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and (problem := _problem(path)):
        aside = path.with_name(f"{path.name}.damaged")
        logger.error("%s cannot be used (%s): moved to %s, everything is pulled again", path, problem, aside)
        path.replace(aside)
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
    if not path.exists():
        _create(path)


def connect_writer(path: Path) -> sqlite3.Connection:
    """A connection for the one that writes; may be used from one thread at a time."""
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "") -> Iterator[None]:
    """All of it or nothing of it."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for statement in READING:
        connection.execute(statement)
    return connection


def _create(path: Path) -> None:
    """Under another name first, so that nobody ever finds half a schema."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.executescript(files("lookupd.index").joinpath("schema.sql").read_text(encoding="utf-8"))
    new.replace(path)


def _problem(path: Path) -> str | None:
    """Why a file cannot be used as the index, or None."""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            connection.execute("SELECT count(*) FROM source").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # locked, or the disk: no reason to throw it away
            raise
        return str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    if owner != APPLICATION_ID:
        return "it is not an index of lookupd"
    return None if version == VERSION else f"it has format {version}, not {VERSION}"
