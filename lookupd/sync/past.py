"""What the index knows of the last good run of each source: when, and under which settings."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from lookupd.index import database
from lookupd.secret import masked
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lookupd.contact import Shape
    from lookupd.source import Source

_SQL = statements("lookupd.index", "queries.sql")


def settings_of(shape: Shape) -> int:
    """A fingerprint of the settings that say which contacts a run brings, and how they are stored."""
    source = shape.source
    return shape.fingerprint({"backend": source.backend, "config": masked(source.config)})


def changed(index: Path, sources: Iterable[Source]) -> list[Source]:
    """Those whose contacts were pulled under other settings, maybe from another directory.

    Raises sqlite3.Error when the index cannot be read.
    """
    with closing(database.connect_reader(index)) as connection:
        pulled_under = dict(connection.execute(_SQL["pulled_under"]).fetchall())
    return [
        source
        for source in sources
        if source.uuid in pulled_under and pulled_under[source.uuid] != settings_of(source.shape)
    ]
