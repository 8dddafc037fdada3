"""Each row of a pull under an identity of its own: nothing is lost because ids are missing or stand twice."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from lookupd.contact import anonymous_uid, twin_uid
from lookupd.sql import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lookupd.contact import Shape

#: a checked row and its fingerprint, under the uid that it will have
Named: TypeAlias = "dict[str, tuple[int, dict[str, object]]]"

_SQL = statements("lookupd.sync", "staging.sql")


class Naming:
    """Names the rows of one run, by what its stage has seen before."""

    def __init__(
        self, stage: sqlite3.Connection, shape: Shape, source_id: int, settle: Callable[[], None]
    ) -> None:
        """`settle` stages whatever the rows that were named so far are to change."""
        self._stage = stage
        self._shape = shape
        self._source_id = source_id
        self._settle = settle
        #: how often rows were named
        self._batch = 0
        #: rows without a unique value, and rows that share theirs with another
        self._nameless = self._twins = 0

    def clear(self) -> None:
        """Forget what was odd about the rows so far."""
        self._nameless = self._twins = 0

    def every(self, rows: Sequence[dict[str, object]]) -> Named:
        """All rows of a pull of everything; each uid counts as seen."""
        self._batch += 1
        uids, fingerprints = [*map(self._shape.uid, rows)], [*map(self._shape.fingerprint, rows)]
        backwards = zip(reversed(uids), reversed(fingerprints), strict=True)
        first = {uid: fingerprint for uid, fingerprint in backwards if uid is not None}
        ids = [*reversed(first)]
        are_new = self._see(ids) == len(ids)
        numbered = zip(fingerprints, rows, strict=True)
        if are_new and len(ids) == len(rows):  # as nearly always
            return dict(zip(ids, numbered, strict=True))
        if not are_new:
            first |= self._seen_before(ids)
        named = {
            self._name(uid, fingerprint, first): (fingerprint, row)
            for uid, (fingerprint, row) in zip(uids, numbered, strict=True)
        }
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

    def _name(self, uid: str | None, fingerprint: int, first: Mapping[str, int]) -> str:
        """The uid of a row; `first` has the fingerprint of the first row with each id."""
        if uid is None:
            return self._anonymous(fingerprint)
        if first[uid] == fingerprint:
            return uid
        self._twins += 1
        return twin_uid(uid, fingerprint)

    def _anonymous(self, fingerprint: int) -> str:
        self._nameless += self._shape.source.unique_column is not None
        return anonymous_uid(fingerprint)

    def _seen_before(self, uids: Sequence[str]) -> Mapping[str, int]:
        """The fingerprints that the first rows of some uids had in earlier batches."""
        self._settle()
        asked = {"source_id": self._source_id, "uids": json.dumps(uids), "batch": self._batch}
        return dict(self._stage.execute(_SQL["seen_before"], asked).fetchall())

    def _see(self, uids: Sequence[str]) -> int:
        """Note uids as seen; says how many had not been."""
        if not uids:
            return 0
        return self._stage.execute(_SQL["see"], {"uids": json.dumps(uids), "batch": self._batch}).rowcount
