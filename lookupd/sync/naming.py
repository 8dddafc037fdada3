"""Each row of a pull under an identity of its own: nothing is lost because ids are missing or stand twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from lookupd.contact import anonymous_uid, twin_uid
from lookupd.sql import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from lookupd.contact import Shape

#: a checked row and its fingerprint, under the uid that it will have
Named: TypeAlias = "dict[str, tuple[int, dict[str, object]]]"

_SQL = statements("lookupd.sync", "staging.sql")


class Naming:
    """Names the rows of one run, by what its stage has seen before."""

    def __init__(self, stage: sqlite3.Connection, shape: Shape, source_id: int) -> None:
        self._stage = stage
        self._shape = shape
        self._source_id = source_id
        #: how often rows were named
        self._batch = 0
        #: rows without a unique value, and rows that share theirs with another
        self._nameless = self._twins = 0

    def clear(self) -> None:
        """Forget what was odd about the rows so far."""
        self._nameless = self._twins = 0

    def every(self, rows: Iterable[dict[str, object]]) -> Named:
        """All rows of a pull of everything; each uid counts as seen.

        What these rows are to change must be staged before the next ones are named.
        """
        self._batch += 1
        named: Named = {}
        uid_of, fingerprint_of = self._shape.uid, self._shape.fingerprint
        numbered = [(uid_of(row), fingerprint_of(row), row) for row in rows]
        first = self._first(
            {uid: fingerprint for uid, fingerprint, _ in reversed(numbered) if uid is not None}
        )
        for uid, fingerprint, row in numbered:
            if uid is None:
                named[self._anonymous(fingerprint)] = (fingerprint, row)
            elif first[uid] == fingerprint:
                named[uid] = (fingerprint, row)
            else:
                self._twins += 1
                named[twin_uid(uid, fingerprint)] = (fingerprint, row)
        self._see([uid for uid in named if uid not in first])
        return named

    def latest(self, rows: Iterable[dict[str, object]]) -> Named:
        """The last row of each id, and each row without one."""
        named: Named = {}
        for row in rows:
            uid, fingerprint = self._shape.uid(row), self._shape.fingerprint(row)
            named[self._anonymous(fingerprint) if uid is None else uid] = (fingerprint, row)
        return named

    def oddities(self) -> Sequence[str]:
        """What was odd about the rows so far, and what was made of it."""
        column = self._shape.source.unique_column
        said = []
        if self._nameless:
            said.append(f"{self._nameless} rows have nothing in {column!r}: kept, known by their content")
        if self._twins:
            said.append(f"{self._twins} rows share their {column!r} with another row: kept beside it")
        return said

    def _anonymous(self, fingerprint: int) -> str:
        self._nameless += self._shape.source.unique_column is not None
        return anonymous_uid(fingerprint)

    def _first(self, fingerprints: dict[str, int]) -> Mapping[str, int]:
        """The fingerprint that the first row of each uid had in this run."""
        if self._see([*fingerprints]) == len(fingerprints):
            return fingerprints
        asked = {"source_id": self._source_id, "uids": json.dumps([*fingerprints]), "batch": self._batch}
        return fingerprints | dict(self._stage.execute(_SQL["seen_before"], asked).fetchall())

    def _see(self, uids: Sequence[str]) -> int:
        """Note uids as seen; says how many had not been."""
        if not uids:
            return 0
        return self._stage.execute(_SQL["see"], {"uids": json.dumps(uids), "batch": self._batch}).rowcount
