"""A look at the whole index: every contact is what was stored, every table says what the contacts say.

It reads from one end to the other and keeps nothing but sums, so its memory stays flat.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from lookupd.datafile import SQLITE, words
from lookupd.index import database
from lookupd.index.caller import ready
from lookupd.index.checksum import checksum, shown
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SQL = statements("lookupd.index", "scrub.sql")


def problem(path: Path, ends: Callable[[], bool]) -> str | None:
    """What is damaged in the index at `path`; None when nothing is, or when `ends` said so before.

    `ends` is asked again and again; a million contacts take half a minute. A file that cannot be read
    now, as it is locked or its disk fails, is not damaged.
    """
    # SQLite's own check of a tree cannot be broken off: it comes last, when most of the file is in memory.
    try:
        with closing(database.connect_reader(path)) as connection:
            connection.set_progress_handler(ends, database.STEPS)
            # Where nobody can write beside the index, that is no damage: SQLite sorts in another place.
            with suppress(sqlite3.OperationalError):
                database.sort_on_disk(connection, path.parent)
            connection.execute("BEGIN")
            found = _contradiction(connection)
    except SQLITE as error:
        found = words(error) if database.is_damage(error) else None
    return found if found is not None or ends() else database.damage(path, ends)


def _contradiction(connection: sqlite3.Connection) -> str | None:
    """Where the tables disagree: sums of hashes do not depend on the order, which SQLite checks."""
    numbers = 0
    for id_, source_id, uid, display, body, listed, terms, *sums in connection.execute(_SQL["contacts"]):
        shown_sum = shown(source_id, display, body)
        if sums != [shown_sum, checksum(shown_sum, uid, listed, terms)]:
            return f"contact {id_} is not what was stored"
        for key, extension, rank in json.loads(listed):
            numbers += hash((key, source_id, rank, id_, extension))
    if numbers != sum(map(hash, connection.execute(_SQL["numbers"]))):
        return "the numbers are not those of the contacts"
    told = connection.execute(_SQL["caller_file"]).fetchone()
    if told is not None and ready(told) is None:
        return "what it says about the file of callers is not what was stored"
    if (row := connection.execute(_SQL["miscounted"]).fetchone()) is not None:
        return f"source {row[0]} does not have as many contacts as it should"
    return None
