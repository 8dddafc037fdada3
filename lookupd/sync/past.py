"""What the index knows of the last good run of each source: when, and under which settings."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lookupd.index import database
from lookupd.secret import masked
from lookupd.sql import statements

if TYPE_CHECKING:
    from pathlib import Path

    from lookupd.contact import Shape

_SQL = statements("lookupd.index", "queries.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The last good run of a source."""

    began_at: datetime
    #: fingerprint of the settings it was pulled under
    settings: int | None


def settings_of(shape: Shape) -> int:
    """A fingerprint of the settings that say which contacts a run brings, and how they are stored."""
    source = shape.source
    return shape.fingerprint({"backend": source.backend, "config": masked(source.config)})


def read(index: Path) -> dict[str, Past]:
    """The last good run of each source that had one, by uuid.

    Raises sqlite3.Error when the index cannot be read.
    """
    with closing(database.connect_reader(index)) as connection:
        rows = connection.execute(_SQL["past"]).fetchall()
    return {
        uuid: Past(began_at=datetime.fromtimestamp(synced_at, UTC), settings=settings)
        for uuid, synced_at, settings in rows
    }
