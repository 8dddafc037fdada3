"""Opening `state.db`: upgraded in numbered steps, never thrown away, refused when it is newer or damaged."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lookupd.datafile import SQLITE, alone, is_damage, is_disk_full, words
from lookupd.errors import DataDamaged, DataError, DataNewer, DiskFull
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: says in the file's header whose it is: "lkps"
APPLICATION_ID = 0x6C6B7073
#: each takes the file one version further, in one transaction
UPGRADES = tuple(statements("lookupd.state", "upgrades.sql").values())
#: how long another process that writes is waited for, in seconds
PATIENCE = 10.0


def connect(path: Path, upgrades: Sequence[str] = UPGRADES) -> sqlite3.Connection:
    """A connection to an up-to-date file, made when missing.

    Raises DataNewer or DataDamaged, and leaves the file as it is; DiskFull or DataError when it cannot be
    opened now.
    """
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.parent):
            if not path.exists():
                path.touch(mode=0o600)
            return _opened(path, upgrades)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What goes wrong with a file is raised in our words: DiskFull, DataDamaged or another DataError."""
    try:
        yield
    except (OSError, *SQLITE) as error:
        if is_disk_full(error):
            raise DiskFull(str(path)) from error
        if is_damage(error):
            raise DataDamaged(str(path), words(error)) from error
        if isinstance(error, OSError | sqlite3.OperationalError):
            raise DataError(
                f"{path}: cannot be used ({error}); check its folder, its owner and the disk"
            ) from error
        raise


def owner(connection: sqlite3.Connection) -> int:
    """Whose file it is: APPLICATION_ID for ours, 0 for nobody's."""
    found: int = connection.execute("PRAGMA application_id").fetchone()[0]
    return found


def version(connection: sqlite3.Connection) -> int:
    """How many upgrades a file has had."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def upgrade(connection: sqlite3.Connection, upgrades: Sequence[str] = UPGRADES) -> None:
    """Take a file as far as this lookupd knows, step by step: each is done whole or not at all."""
    for step in range(version(connection), len(upgrades)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(upgrades[step])
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {step + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk ends it by itself
                connection.execute("ROLLBACK")
            raise


def _opened(path: Path, upgrades: Sequence[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _check(connection, path, len(upgrades))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        upgrade(connection, upgrades)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path, known: int) -> None:
    """Look, before anything is written, whether the file is ours, known and whole."""
    whose = owner(connection)
    is_empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if whose != APPLICATION_ID and not (whose == 0 and is_empty):
        raise DataDamaged(str(path), "it is not a file of lookupd")
    if (found := version(connection)) > known:
        raise DataNewer(str(path), found, known)
    said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise DataDamaged(str(path), said)
