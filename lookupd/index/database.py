"""Opening the index: made when missing, set aside and made anew when it is not ours to read."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from lookupd.datafile import Rebuildable, alone
from lookupd.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

#: "lkpd", in its second format; another one is set aside, and everything pulled again
INDEX = Rebuildable(
    application_id=0x6C6B7064,
    version=2,
    package="lookupd.index",
    consequence="everything is pulled again",
)
_PROBE = "SELECT count(*) FROM source"
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
        with alone(path.parent):
            if path.exists() and (problem := INDEX.problem(path, patience, _PROBE)):
                INDEX.set_aside(path, problem)
            if not path.exists():
                INDEX.create(path)
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
    with alone(path.parent):
        problem = _damage(path)
        if problem is not None:
            INDEX.set_aside(path, problem)
            INDEX.create(path)
    return problem is not None


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for statement in READING:
        connection.execute(statement)
    return connection


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
