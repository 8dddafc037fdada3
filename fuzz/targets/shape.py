"""Any row: refused with a reason, or a contact that can be stored as it is and sent as it is.

Input: lines of `given.values`: one row, or two to be compared.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Final

from fuzz import given, index, strict
from lookupd import MultiValue
from lookupd.row import RowRefused

_SHAPE = index.shape(
    "made-up",
    unique_column="id",
    searched_columns=("name", "labels", "reverse"),
    format_columns={"first": "{numbers[0]}", "label": "{labels[work]}", "reverse": "{name} {labels}"},
)
_TABLE = """
CREATE TABLE contact (
    uid TEXT NOT NULL, fingerprint INTEGER NOT NULL, display TEXT, body TEXT NOT NULL, numbers TEXT NOT NULL,
    terms TEXT NOT NULL
) STRICT
"""

#: what a contact is surely made of
_KNOWN: Final = {"id": "1", "name": "Ann Smith", "number": "01 99 00 12 34"}


class ShapeTarget:
    """The target, with a table like the index's."""

    def __init__(self) -> None:
        self._made: sqlite3.Connection | None = None

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        checked = []
        for row in [value for value in given.values(data) if isinstance(value, dict)][:2] or [
            given.row(data)
        ]:
            self.check(row)
            try:
                checked.append(_SHAPE.checked(row))
            except RowRefused:
                return
        prints = {_SHAPE.fingerprint(row) for row in checked}
        contacts = {_SHAPE.contact(row, "-") for row in checked}
        assert len(prints) >= len(contacts), checked

    def check(self, row: object) -> None:
        """What holds for one row."""
        try:
            checked = _SHAPE.checked(row)
        except RowRefused as error:
            assert str(error)
            return
        fingerprint = _SHAPE.fingerprint(checked)
        assert fingerprint == _SHAPE.fingerprint(_SHAPE.checked(row))
        contact = _SHAPE.contact(checked)
        assert contact.entry_id == _SHAPE.uid(checked), contact
        _check_several(row, checked)
        sent = strict.reply(contact.body)
        assert isinstance(sent, dict)
        assert {column: sent[column] for column in checked if column not in _SHAPE.source.format_columns} == {
            column: _sent(value)
            for column, value in checked.items()
            if column not in _SHAPE.source.format_columns
        }
        assert contact.terms.split() == [word for word in strict.tokens(contact.terms) if word], contact.terms
        assert all(listed.rank in range(2) for listed in contact.numbers)
        keys = json.dumps(list(_SHAPE.index_keys(contact)))
        self._store((contact.uid, fingerprint, contact.display, contact.body, keys, contact.terms))

    def close(self) -> None:
        """Forget the table."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def _store(self, stored: tuple[object, ...]) -> None:
        if self._made is None:
            self._made = sqlite3.connect(":memory:", isolation_level=None)
            self._made.execute(_TABLE)
            _check_known()
        self._made.execute("INSERT INTO contact VALUES (?, ?, ?, ?, ?, ?)", stored)
        assert self._made.execute("DELETE FROM contact RETURNING *").fetchall() == [stored]


def _check_known() -> None:
    """Fail unless a plain row becomes what it says: contacts of nothing would keep every other promise."""
    contact = _SHAPE.contact(_SHAPE.checked(_KNOWN))
    assert [listed.number.key for listed in contact.numbers] == ["+33199001234"], contact
    assert contact.terms.split()[:2] == ["ann", "smith"], contact
    assert (contact.entry_id, contact.display) == ("1", "Ann Smith"), contact


def _check_several(row: object, checked: Mapping[str, object]) -> None:
    """No value is made of nothing."""
    for column, value in row.items() if isinstance(row, Mapping) else ():
        if isinstance(value, MultiValue) and column in checked:
            kept = checked[column]
            several: tuple[object, ...] = value.all  # texts, if its back-end keeps to the contract
            filled = len(several) - several.count(None)
            assert len(kept.all if isinstance(kept, MultiValue) else ()) <= filled, (several, kept)


def _sent(value: object) -> object:
    return json.loads(json.dumps(value))


TARGET = ShapeTarget()
