"""Opening `answers.db`: made when missing, set aside and made anew when it cannot be used."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from contextlib import closing, contextmanager
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

#: says in the file's header whose it is: "lkpa"
APPLICATION_ID = 0x6C6B7061
#: format of the file: another one is set aside
VERSION = 1
#: how long another process that writes is waited for, in seconds
PATIENCE = 5.0
#: the kinds of errors by which SQLite says that a file is damaged
DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a usable file at `path`. Raises OSError or sqlite3.Error where that cannot be now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path.parent):
        if path.exists() and (problem := _problem(path)):
            _set_aside(path, problem)
        if not path.exists():
            _create(path)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA journal_size_limit = 16777216")
    return connection


def set_aside(path: Path, problem: str) -> None:
    """Move a file away that turned out to be damaged."""
    with _alone(path.parent):
        if path.exists():
            _set_aside(path, problem)


def is_damage(error: Exception) -> bool:
    """Whether an error says that the file itself is damaged."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE


def which(path: Path) -> int | None:
    """Which file lies at a path; None when there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process looks at the file, sets it aside or makes it meanwhile."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _set_aside(path: Path, problem: str) -> None:
    aside = path.with_name(f"{path.name}.damaged")
    logger.error("%s cannot be used (%s): moved to %s, its answers are asked again", path, problem, aside)
    path.replace(aside)


def _create(path: Path) -> None:
    """Under another name first, so that nobody ever finds half a schema."""
    new = path.with_name(f"{path.name}.new")
    for old in (new, *(path.with_name(path.name + side) for side in ("-wal", "-shm"))):
        old.unlink(missing_ok=True)
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        schema = files("lookupd.answers").joinpath("schema.sql").read_text(encoding="utf-8")
        connection.executescript(f"BEGIN; {schema} COMMIT;")
    new.replace(path)


def _problem(path: Path) -> str | None:
    """Why a file cannot be used, or None."""
    try:
        with closing(sqlite3.connect(path, timeout=PATIENCE)) as connection:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                return "it holds no remembered answers of lookupd"
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version != VERSION:
                return f"it has format {version}, not {VERSION}"
            connection.execute("SELECT id, settings, numbers FROM answer LIMIT 1").fetchone()
            said: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # locked, or the disk: no reason to throw it away
            raise
        return str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if said == "ok" else said
