"""Opening `state.db`: upgraded in numbered steps, never thrown away, refused when it is newer or damaged."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from lookupd.datafile import alone
from lookupd.errors import DataDamaged, DataError, DataNewer
from lookupd.sql import statements

if TYPE_CHECKING:
    from pathlib import Path

#: says in the file's header whose it is: "lkps"
APPLICATION_ID = 0x6C6B7073
#: each takes the file one version further, in one transaction
UPGRADES = tuple(statements("lookupd.state", "upgrades.sql").values())


def connect(path: Path) -> sqlite3.Connection:
    """A connection to an up-to-date file, made when missing.

    Raises DataNewer or DataDamaged, and leaves the file as it is; DataError when it cannot be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path.parent):
            if not path.exists():
                path.touch(mode=0o600)
            return _opened(path)
    except (OSError, sqlite3.OperationalError) as error:
        raise DataError(
            f"{path}: cannot be used ({error}); check its folder, its owner and the disk"
        ) from error
    except sqlite3.DatabaseError as error:
        raise DataDamaged(str(path), str(error)) from error


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        _check(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _upgrade(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Look, before anything is written, whether the file is ours, known and whole."""
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    is_empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if owner != APPLICATION_ID and not (owner == 0 and is_empty):
        raise DataDamaged(str(path), "it is not a file of lookupd")
    if (version := _version(connection)) > len(UPGRADES):
        raise DataNewer(str(path), version, len(UPGRADES))
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise DataDamaged(str(path), found)


def _upgrade(connection: sqlite3.Connection) -> None:
    for version in range(_version(connection), len(UPGRADES)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(UPGRADES[version])
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
