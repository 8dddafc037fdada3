"""Opening `answers.db`: made when missing, set aside and made anew when it cannot be used."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from lookupd.datafile import SQLITE, Rebuildable, alone

if TYPE_CHECKING:
    from pathlib import Path

#: "lkpa", in its first format; another one is set aside
ANSWERS = Rebuildable(
    application_id=0x6C6B7061,
    version=1,
    package="lookupd.answers",
    consequence="its answers are asked again",
)
#: reads every page, so that damage shows before it is met, and names columns that another file may not have
_PROBE = """
SELECT quick_check, (SELECT settings FROM answer WHERE numbers IS NULL LIMIT 1) FROM pragma_quick_check(1)
"""
#: how long another process that writes is waited for, in seconds
PATIENCE = 5.0


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a usable file at `path`. Raises OSError or sqlite3.Error where that cannot be now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path.parent):
        if path.exists() and (problem := ANSWERS.problem(path, PATIENCE, _PROBE)):
            ANSWERS.set_aside(path, problem)
        if not path.exists():
            ANSWERS.create(path)
        connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA journal_size_limit = 16777216")
    except SQLITE:
        connection.close()
        raise
    return connection


def set_aside(path: Path, file: int | None, problem: str) -> None:
    """Move a damaged file away; not the good one that another process has put in its place."""
    with alone(path.parent):
        if file is not None and which(path) == file:
            ANSWERS.set_aside(path, problem)


def which(path: Path) -> int | None:
    """Which file lies at a path; None when there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
