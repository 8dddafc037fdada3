"""Any name, any term, the real FTS5: no error of syntax, found is what begins alike, and a name finds itself.

Input: a name; then a term.
"""

from __future__ import annotations

import sqlite3
import unicodedata

from fuzz import given
from lookupd.fold import index_terms, query_words, words
from lookupd.index import ranking

#: as lookupd/index/schema.sql has it
_SCHEMA = (
    "CREATE VIRTUAL TABLE name USING fts5("
    "terms, content='', tokenize='ascii', prefix='1 2 3 4 5', detail=none, columnsize=0)"
)


class Fold:
    """The target, with a table of one row."""

    def __init__(self) -> None:
        self._made: sqlite3.Connection | None = None

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        name, term = given.lines(data, 2)
        terms = index_terms(name)
        for one in terms:
            assert all(unicodedata.category(letter)[0] in "LMN" for letter in one), terms
        assert words(" ".join(words(name))) == words(name)
        self._write(" ".join(terms))
        self._check(term, terms)
        assert self._check(name, terms) or not query_words(name), (name, terms)

    def close(self) -> None:
        """Forget the table."""
        if self._made is not None:
            self._made.close()
            self._made = None

    @property
    def _table(self) -> sqlite3.Connection:
        if self._made is None:
            self._made = sqlite3.connect(":memory:", isolation_level=None)
            self._made.execute(_SCHEMA)
        return self._made

    def _write(self, terms: str) -> None:
        self._table.execute("INSERT INTO name (name) VALUES ('delete-all')")
        self._table.execute("INSERT INTO name (rowid, terms) VALUES (1, ?)", (terms,))

    def _check(self, term: str, terms: list[str]) -> bool:
        """Whether a term finds the table's row, as it must where each of its words begins a stored one."""
        typed = query_words(term)
        expression = ranking.expression(typed, "*")
        assert (expression is None) == (not typed)
        if expression is None:
            return False
        is_found = bool(
            self._table.execute("SELECT 1 FROM name WHERE name MATCH ?", (expression,)).fetchall()
        )
        should_be = all(any(one.startswith(word) for one in terms) for word in typed)
        assert is_found == should_be, (term, typed, terms)
        return is_found


TARGET = Fold()
