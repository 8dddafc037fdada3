"""Opening the index: made when missing, set aside and made anew when it is not ours to read."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

from lookupd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

#: says in the file's header whose it is: "lkpd"
APPLICATION_ID = 0x6C6B7064
#: format of the file: another one is set aside, and everything pulled again
VERSION = 2
#: how long a locked file is waited for when it is opened, in seconds
OPENING = 10.0
#: the kinds of errors that a damaged file gives; we break no constraints, but words that lost their order do
DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT})
#: what every reading connection is set to
READING = ("PRAGMA query_only = ON", "PRAGMA mmap_size = 1073741824")


def prepare(path: Path, patience: float = OPENING) -> None:
    """Make sure that a usable index lies at `path`. Raises DataError when that is impossible now.

    A file that is only locked is waited for, `patience` seconds, and never set aside.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path.parent):
            if path.exists() and (problem := _problem(path, patience)):
                _set_aside(path, problem)
            if not path.exists():
                _create(path)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{path}: cannot be used now: {reason} (lookupd must be able to write in the folder 'data')"
        ) from error


def replace_if_damaged(path: Path, error: sqlite3.Error) -> bool:
    """Whether an error came from damage in the index; then it was set aside, and an empty one made.

    Takes its time: all of the index is looked at, as the error may have come from another file.
    """
    if _kind(error) not in DAMAGE:
        return False
    with _alone(path.parent):
        problem = _damage(path)
        if problem is not None:
            _set_aside(path, problem)
            _create(path)
    return problem is not None


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for statement in READING:
        connection.execute(statement)
    return connection


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process looks at the index, sets it aside or makes it meanwhile."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _set_aside(path: Path, problem: str) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    logger.error("%s cannot be used (%s): moved to %s, everything is pulled again", path, problem, aside)
    path.replace(aside)


def _create(path: Path) -> None:
    """Under another name first, so that nobody ever finds half a schema."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    for side in ("-wal", "-shm"):  # the log of an earlier file would be played into the new one
        path.with_name(path.name + side).unlink(missing_ok=True)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        schema = files("lookupd.index").joinpath("schema.sql").read_text(encoding="utf-8")
        connection.executescript(f"BEGIN; {schema} COMMIT;")
    new.replace(path)


def _kind(error: sqlite3.Error) -> int:
    """SQLite's code of an error without its details; 0 where it is none of SQLite's."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF


def _damage(path: Path) -> str | None:
    """What is damaged in an index that can be opened, or None."""
    try:
        with closing(sqlite3.connect(path, timeout=OPENING, isolation_level=None)) as connection:
            said: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    except sqlite3.Error as error:
        return str(error) if _kind(error) in DAMAGE else None
    return None if said == "ok" else said


def _problem(path: Path, patience: float) -> str | None:
    """Why a file cannot be used as the index, or None."""
    try:
        with closing(sqlite3.connect(path, timeout=patience)) as connection:
            owner = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if owner != APPLICATION_ID:
                return "it is not an index of lookupd"
            if version != VERSION:
                return f"it has format {version}, not {VERSION}"
            connection.execute("SELECT count(*) FROM source").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # locked, or the disk: no reason to throw it away
            raise
        return str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return None
