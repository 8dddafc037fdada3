"""Opening `state.db`: upgraded in numbered steps, never thrown away, refused when it is newer or damaged."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from lookupd.errors import DataDamaged, DataNewer
from lookupd.sql import statements

if TYPE_CHECKING:
    from pathlib import Path

#: says in the file's header whose it is: "lkps"
APPLICATION_ID = 0x6C6B7073
#: each takes the file one version further, in one transaction
UPGRADES = tuple(statements("lookupd.state", "upgrades.sql").values())


def connect(path: Path) -> sqlite3.Connection:
    """A connection to an up-to-date file, made when missing. Raises DataNewer, DataDamaged or OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        _upgrade(connection, path)
    except sqlite3.OperationalError:
        connection.close()
        raise
    except sqlite3.DatabaseError as error:
        connection.close()
        raise DataDamaged(str(path), str(error)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _upgrade(connection: sqlite3.Connection, path: Path) -> None:
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner not in {0, APPLICATION_ID}:
        raise DataDamaged(str(path), "it is not a file of lookupd")
    while (version := _version(connection)) < len(UPGRADES):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if _version(connection) == version:  # nobody else has done it meanwhile
                connection.execute(UPGRADES[version])
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    if version > len(UPGRADES):
        raise DataNewer(str(path), version, len(UPGRADES))


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
