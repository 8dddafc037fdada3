"""Opening the index: made when missing, set aside and made anew when it is not ours to read."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from functools import cache
from typing import TYPE_CHECKING

from lookupd.datafile import SQLITE, Rebuildable, alone, which, words
from lookupd.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: "lkpd", in its seventh format; another one is set aside, and everything pulled again
INDEX = Rebuildable(
    application_id=0x6C6B7064,
    version=7,
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
#: cut off under a mapping is killed (SIGBUS)
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
    except (OSError, *SQLITE) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(
            f"{path}: cannot be used now: {reason} (lookupd must be able to write in the folder 'data')"
        ) from error


def replace_if_damaged(path: Path, error: Exception) -> bool:
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


def is_damage(error: Exception) -> bool:
    """Whether an error is of a kind that a damaged file gives: SQLite's, or a text that is none."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in DAMAGE or is_garbled(error) or isinstance(error, UnicodeDecodeError)


def is_garbled(error: Exception) -> bool:
    """Whether an error says that a stored text is none: Python's word, SQLite has no opinion."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith("Could not decode to UTF-8")


def damage(path: Path, ends: Callable[[], bool] = lambda: False) -> str | None:
    """What SQLite finds damaged in the whole file; None when nothing is, or when `ends` said so before."""
    try:
        if problem := INDEX.problem(path, OPENING, _PROBE):
            return problem
        with closing(connect(path, OPENING)) as connection:
            if missing := _parts_made() - _parts(connection):
                return f"it has no {' '.join(min(missing))}"
            connection.set_progress_handler(ends, STEPS)
            said: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
    except SQLITE as error:
        return words(error) if is_damage(error) else None
    return None if said == "ok" else said


def _parts(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Every column by its table, and every index."""
    return set(
        connection.execute(
            "SELECT part.type || ' ' || part.name, coalesce(column.name, '') FROM sqlite_schema AS part "
            "LEFT JOIN pragma_table_info(part.name) AS column ON part.type = 'table'"
        )
    )


@cache
def _parts_made() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(INDEX.schema)
        return _parts(connection)


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


def sort_on_disk(connection: sqlite3.Connection, folder: Path) -> None:
    """Let what is sorted and does not fit the cache go to a file beside the index, which has no name.

    SQLite's own choice, /var/tmp, may be small, in memory, or not there.
    """
    connection.execute("PRAGMA temp_store = FILE")
    is_set = connection.execute("PRAGMA temp_store_directory").fetchall() == [(str(folder),)]
    if not is_set:  # it is one for all connections of the process, and not to be changed under them
        quoted = str(folder).replace("'", "''")
        connection.execute(f"PRAGMA temp_store_directory = '{quoted}'")
