"""What our SQLite files have in common: made whole, opened one by one, set aside when they are of no use."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

#: how the system, and how SQLite, say that there is no room; the second is that of a WAL's shared memory
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})
#: what SQLite raises, and Python where SQLite's words for an error are no text, as damage makes them
SQLITE: Final = (sqlite3.Error, UnicodeDecodeError)
#: what may stand beside a database and is part of it
SIDES = ("-wal", "-shm", "-journal")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """No other process opens, makes or sets aside a file there: SQLite's own locks do not cover that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of the system or of SQLite says that there is no room on the disk."""
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    return getattr(error, "sqlite_errorcode", 0) in FULL


def is_damage(error: Exception) -> bool:
    """Whether an error says that the file itself is no sound database."""
    kind: int = getattr(error, "sqlite_errorcode", 0)
    return kind & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or isinstance(
        error, UnicodeDecodeError
    )


def words(error: Exception) -> str:
    """What SQLite says, as far as it is text."""
    return error.object.decode(errors="replace") if isinstance(error, UnicodeDecodeError) else str(error)


def beside(path: Path, side: str) -> Path:
    """One of the files that SQLite keeps beside a database."""
    return path.with_name(path.name + side)


def which(path: Path) -> int | None:
    """Which file lies at a path; None when there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuildable:
    """A kind of file that may be lost: what it is, and what happens when it is."""

    #: says in the file's header whose it is
    application_id: int
    #: another format is set aside
    version: int
    #: the package whose schema.sql makes it
    package: str
    #: what a loss costs, for the log
    consequence: str

    def create(self, path: Path) -> None:
        """Make a new one; under another name first, so that nobody ever finds half a schema."""
        new = path.with_name(f"{path.name}.new")
        for file in (path, new):  # the log of an earlier file would be played into the new one
            for side in ("-wal", "-shm"):
                file.with_name(file.name + side).unlink(missing_ok=True)
        new.unlink(missing_ok=True)
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA application_id = {self.application_id}")
            connection.execute(f"PRAGMA user_version = {self.version}")
            connection.executescript(f"BEGIN; {self.schema} COMMIT;")
        new.replace(path)

    @property
    def schema(self) -> str:
        """The statements that make it."""
        return files(self.package).joinpath("schema.sql").read_text(encoding="utf-8")

    def set_aside(self, path: Path, problem: str) -> None:
        """Move a file away, under a name that says why."""
        aside = path.with_name(f"{path.name}.damaged")
        logger.error("%s cannot be used (%s): moved to %s, %s", path, problem, aside, self.consequence)
        path.replace(aside)

    def problem(self, path: Path, patience: float, probe: str) -> str | None:
        """Why a file is none of these, or what is said by `probe`, a check of SQLite's or any statement.

        None when all is well. Raises sqlite3.OperationalError when the file is only locked, for `patience`
        seconds, or the disk fails.
        """
        try:
            with closing(sqlite3.connect(path, timeout=patience)) as connection:
                if connection.execute("PRAGMA application_id").fetchone()[0] != self.application_id:
                    return "it is none of lookupd's"
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                if version != self.version:
                    return f"it has format {version}, not {self.version}"
                said = connection.execute(probe).fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            return str(error)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            return words(error)
        return said if isinstance(said, str) and said != "ok" else None
