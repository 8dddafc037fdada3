"""A backup of `state.db` and its way back, beside a running daemon: it sees the old state or the new one."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from lookupd.datafile import SIDES, SQLITE, alone, beside, is_damage, is_disk_full, words
from lookupd.errors import BackupUnusable, DataError
from lookupd.state import database
from lookupd.state.database import APPLICATION_ID, UPGRADES, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: how long another process that writes is waited for, in seconds
PATIENCE = database.PATIENCE
#: what tables a file has, with their columns
_COLUMNS = """
SELECT one.name, field.name, field.type FROM sqlite_schema AS one JOIN pragma_table_info(one.name) AS field
WHERE one.type = 'table' ORDER BY 1, 2
"""


def back_up(path: Path, file: Path, *, overwrite: bool = False) -> None:
    """Write what `path` holds at this moment to `file`, which is there whole or not at all, and durable.

    Raises DataError, of which DiskFull and DataDamaged; what lay at `file` then still does.
    """
    if not path.exists():
        raise DataError(f"{path}: does not exist yet, so there is nothing to back up (see lookupd token add)")
    if file.exists() and (not overwrite or file.samefile(path)):
        raise DataError(f"{file}: exists and is kept; name another file, or overwrite a backup with --force")
    with told(file), _scratch_of_anybody(file) as new:
        with told(path), closing(_opened(path, "ro")) as state:
            _copy(state, new)
        with told(path), closing(_opened(new, "rw")) as copy:
            problem = _problem(copy, UPGRADES)
        if problem is not None:
            raise DataError(f"{path}: is not backed up ({problem}); restore an earlier backup")
        _put(new, file)


def restore(path: Path, file: Path, upgrades: Sequence[str] = UPGRADES) -> Path | None:
    """Make what a backup holds the state; gives where the state before is kept, None when there was none.

    A running daemon goes on, with the old state or the new one. Raises BackupUnusable, or another DataError,
    and changes nothing.
    """
    if not file.exists():
        raise BackupUnusable(str(file), "there is no such file")
    if path.exists() and file.samefile(path):
        raise BackupUnusable(str(file), "it is the state itself")
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.parent), _scratch(beside(path, ".restoring")) as new:
            _take(file, new, upgrades)
            kept = _kept(path) if path.exists() else None
            if (page_size := _page_size(path)) is None:
                _replace(path, new, kept)
            else:
                _rewrite(path, new, kept, page_size)
            return kept


def _take(file: Path, new: Path, upgrades: Sequence[str]) -> None:
    """A copy of a backup, looked at from the first page to the last, and brought up to date."""
    try:
        with closing(_opened(file, "ro")) as backup:
            _copy(backup, new)
    except (OSError, *SQLITE) as error:
        if is_disk_full(error):  # that of the copy
            raise
        raise BackupUnusable(str(file), words(error)) from error
    with closing(_opened(new, "rw")) as copy:
        try:
            problem = _problem(copy, upgrades)
            if problem is None:
                database.upgrade(copy, upgrades)
                problem = _problem(copy, upgrades) or _oddity(copy, upgrades)
        except SQLITE as error:
            if not is_damage(error):
                raise
            problem = words(error)
    if problem is not None:
        raise BackupUnusable(str(file), problem)


def _problem(connection: sqlite3.Connection, upgrades: Sequence[str]) -> str | None:
    """Why a file is no sound state that this lookupd knows; None when it is."""
    if database.owner(connection) != APPLICATION_ID:
        return "it is not a state file of lookupd"
    if (found := database.version(connection)) > len(upgrades):
        return f"it has format {found}, this lookupd knows up to {len(upgrades)}"
    said: str = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    return None if said == "ok" else said


def _oddity(connection: sqlite3.Connection, upgrades: Sequence[str]) -> str | None:
    """Whether an up-to-date file has other tables than a new one has."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        database.upgrade(fresh, upgrades)
        wanted = fresh.execute(_COLUMNS).fetchall()
    return None if connection.execute(_COLUMNS).fetchall() == wanted else "it has other tables than a state"


def _page_size(path: Path) -> int | None:
    """The page size of a state that can be written into; None when it must be replaced, or is not there."""
    if not path.exists():
        return None
    try:
        with closing(_opened(path, "rw")) as state:
            size: int = state.execute("PRAGMA page_size").fetchone()[0]
            return size if database.owner(state) == APPLICATION_ID else None
    except SQLITE as error:
        if is_damage(error):
            return None
        raise


def _rewrite(path: Path, new: Path, kept: Path | None, page_size: int) -> None:
    """Write a new state into the file that others have open, in one transaction."""
    with closing(_opened(path, "rw")) as state:
        if kept is not None:
            with _scratch(beside(path, ".keeping")) as copy:
                _copy(state, copy)
                _put(copy, kept)
        state.execute("PRAGMA journal_mode = WAL")
        state.execute("PRAGMA synchronous = FULL")
        with closing(_opened(new, "rw")) as source:
            if source.execute("PRAGMA page_size").fetchone()[0] != page_size:  # a WAL cannot change it
                source.execute(f"PRAGMA page_size = {page_size}")
                source.execute("VACUUM")
            _copy_into(source, state)


def _replace(path: Path, new: Path, kept: Path | None) -> None:
    """Put a new file in the place of one that cannot be written into, or of none."""
    for side in ("", *SIDES):
        old = beside(path, side)
        if kept is not None and old.exists():
            os.link(old, beside(kept, side))
    for side in SIDES:  # what belonged to the old file would be played into the new one
        beside(path, side).unlink(missing_ok=True)
    _put(new, path)


def _kept(path: Path) -> Path:
    """A free name for the state before: an earlier one is never overwritten."""
    names = (f"{path.name}.before-restore{f'-{number}' if number > 1 else ''}" for number in count(1))
    return next(file for file in map(path.with_name, names) if not file.exists())


@contextmanager
def _scratch(new: Path) -> Iterator[Path]:
    """An empty file, for its owner only; gone at the end if it still has its name. Clears up after a kill."""
    _remove(new)
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield new
    finally:
        _remove(new)


@contextmanager
def _scratch_of_anybody(file: Path) -> Iterator[Path]:
    """The same beside a file that several may write, under a name that nobody else has."""
    handle, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".new", dir=file.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        _remove(Path(name))


def _remove(file: Path) -> None:
    for side in ("", *SIDES):
        beside(file, side).unlink(missing_ok=True)


def _opened(path: Path, mode: str) -> sqlite3.Connection:
    """A connection to a file that is there; `mode` as in SQLite's URIs."""
    name = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(name, uri=True, timeout=PATIENCE, isolation_level=None)


def _copy(source: sqlite3.Connection, new: Path) -> None:
    """Copy a database as it is at this moment to an empty file, which then stands for itself."""
    with closing(_opened(new, "rw")) as copy:
        _copy_into(source, copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _copy_into(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy a database over another one, in one transaction, and wait for a while for those who write."""
    last = time.monotonic() + PATIENCE

    def look(status: int, _left: int, _pages: int) -> None:
        if status in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} and time.monotonic() > last:
            raise TimeoutError("another process keeps it locked")

    source.backup(target, progress=look, sleep=0.01)


def _put(new: Path, file: Path) -> None:
    """Give a finished file its name, durably."""
    _sync(new)
    new.replace(file)
    _sync(file.parent)


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
