"""Any rows, a real index: each different row is a contact, found by its numbers; the same again is no change.

Input: rows as lines of `given.values`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

from fuzz import given
from fuzz.index import Index, shape
from lookupd.number import Tier, question_keys
from lookupd.row import RowRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHAPE = shape("made-up")
#: somebody in every run, with a number and words to be found by
_KNOWN: Final = {"id": "known", "name": "Ann Smith", "number": "01 99 00 12 34"}


class Sync:
    """The target, with an index that is overwritten by each input."""

    def __init__(self) -> None:
        self._made: Index | None = None

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        rows = [value for value in given.values(data) if isinstance(value, dict)] or [given.row(data)]
        self.check(rows)

    def check(self, rows: Sequence[object]) -> None:
        """What holds for some rows."""
        checked = []
        for row in [_KNOWN, *rows]:
            try:
                checked.append(_SHAPE.checked(row))
            except RowRefused:
                continue
        half = len(checked) // 2
        if self._made is None:
            self._made = Index()
        plan = self._made.sync(_SHAPE, checked[:half], checked[half:])
        different = {_SHAPE.fingerprint(row) for row in checked}
        assert plan.after == len(different), checked
        again = self._made.sync(_SHAPE, checked[:half], checked[half:])
        assert not again.is_change, checked
        self._check_stored(self._made, checked)

    def close(self) -> None:
        """Delete the index."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def _check_stored(self, index: Index, rows: Sequence[dict[str, object]]) -> None:
        with closing(sqlite3.connect(index.path, isolation_level=None)) as connection:
            connection.execute("INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")
            bodies = {body for (body,) in connection.execute("SELECT body FROM contact")}
        index.turn()
        [(uuid, synced)] = index.reader.sources().items()
        contacts = [_SHAPE.contact(row) for row in rows]
        assert contacts[0].numbers, "somebody known has no number"
        assert contacts[0].terms, "somebody known has no words"
        for contact in contacts:
            assert contact.body in bodies
            for listed in contact.numbers:
                found = index.reader.reverse(listed.number, question_keys(listed.number), [uuid])
                assert any(one.contact.body == contact.body and one.tier is Tier.EXACT for one in found), (
                    listed
                )
            for word in contact.terms.split()[:1]:
                hits = index.search(word, [synced.uuid])
                assert contact.body in {hit.body for hit, _ in hits.contacts}, word


TARGET = Sync()
