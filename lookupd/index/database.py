"""Opening the index: made when missing, set aside and made anew when it is not ours to read."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from lookupd.datafile import Rebuildable, alone, which
from lookupd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: "lkpd", in its fourth format; another one is set aside, and everything pulled again
INDEX = Rebuildable(
    application_id=0x6C6B7064,
    version=4,
    package="lookupd.index",
    consequence="everything is pulled again",
)
_PROBE = "SELECT count(*) FROM source"
#: how long a locked file is waited for when it is opened, in seconds
OPENING = 10.0
#: how long one that answers questions waits for a locked file, in seconds
READING_PATIENCE = 0.1
#: the kinds of errors that a damaged file gives; we break no constraints, but words that lost their order do,
#: and our statements are right, unless a table is gone
DAMAGE = frozenset(
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR}
)
#: how many steps of SQLite's machine pass before somebody is asked whether to go on
STEPS = 10_000
#: what every reading connection is set to. Nothing is mapped into memory: who reads a page of a file that was
#: cut off under a mapping is killed (SIGBUS); without one a question takes a microsecond longer
READING = ("PRAGMA query_only = ON", "PRAGMA mmap_size = 0")
#: holds the upper pages of both trees that a number leads through, of some ten million contacts: then only
#: the last page of each is read from the file
CACHE = "PRAGMA cache_size = -16384"


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
    if not is_damage(error):
        return False
    file = which(path)
    problem = damage(path)
    if file is None or problem is None:
        return False
    replace(path, file, problem)
    return True


def replace(path: Path, file: int, problem: str) -> None:
    """Set a file aside that was found damaged, if it is still the one at `path`; an empty one is there then.

    Raises OSError or sqlite3.Error when that is impossible now.
    """
    with alone(path.parent):
        if which(path) == file:
            INDEX.set_aside(path, problem)
        if not path.exists():
            INDEX.create(path)


def was_lost(path: Path) -> bool:
    """Whether the index is an empty one that took the place of a damaged one, which nobody has filled yet."""
    if not path.with_name(f"{path.name}.damaged").exists():
        return False
    with closing(connect(path, OPENING)) as connection:
        sources: int = connection.execute(_PROBE).fetchone()[0]
        return sources == 0


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error is of a kind that a damaged file gives: SQLite's, or a text that is none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in DAMAGE or is_garbled(error)


def is_garbled(error: Exception) -> bool:
    """Whether an error says that a stored text is none: Python's word, SQLite has no opinion."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode to UTF-8")


def damage(path: Path, ends: Callable[[], bool] = lambda: False) -> str | None:
    """What SQLite finds damaged in the whole file; None when nothing is, or when `ends` said so before."""
    try:
        if problem := INDEX.problem(path, OPENING, _PROBE):
            return problem
        with closing(connect(path, OPENING)) as connection:
            if _schema(connection) != _schema_made():
                return "its tables are not those that were made"
            connection.set_progress_handler(ends, STEPS)
            said: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else None
    return None if said == "ok" else said


def _schema(connection: sqlite3.Connection) -> list[tuple[str, ...]]:
    """What was said to make each table and index, but for those in which FTS5 keeps its own."""
    return connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'search!_%' ESCAPE '!' "
        "ORDER BY name"
    ).fetchall()


def _schema_made() -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(INDEX.schema)
        return _schema(connection)


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    connection = connect(path, READING_PATIENCE)
    try:
        for statement in READING:
            connection.execute(statement)
        with suppress(sqlite3.OperationalError):  # the file is locked: a smaller cache will do
            connection.execute(CACHE)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """A connection to an index that is there: none is made."""
    return sqlite3.connect(
        address(path), uri=True, timeout=patience, isolation_level=None, cached_statements=256
    )


def address(path: Path) -> str:
    """Where SQLite finds a file that is there."""
    return f"{path.absolute().as_uri()}?mode=rw"
