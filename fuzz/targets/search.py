"""Any term, a real index: the contacts that hold it, all of them, in the order of closeness, page by page.

Input: limit and offset (`10 3`); then the term.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fuzz import given, strict
from fuzz.index import Index, shape
from lookupd import fold
from lookupd.index import ranking

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.contact import Contact

_PEOPLE = (
    ("Ann Smith", "Acme", "+33 1 99 00 12 34"),
    ("Anna Smithson", "Smith & Ann", "01 99 00 56 78"),
    ("Zoé Müller-Lüdenscheidt", "Société Générale", "+49 30 123456"),
    ("Seán O'Brien", "24/7 Taxi", "+353 1 234 5678"),
    ("Søren Ångström", "A1 B2 C3", "+45 32 12 34 56"),
    ("山田太郎", "株式会社ABC", "+81 3 1234 5678"),
    ("김철수", "서울 00184", "+82 2 312 3456"),
    ("Đặng Thị Hương", "Straße 12", "1234"),
    ("أحمد محمد", "Größe", "*21#"),
    ("Ann", None, "0033 1 99 00 12 34"),
    (None, "01 99", "+33 1 99 00 99 xx"),
)


class Search:
    """The target, with an index of two sources that hold the same people in different orders."""

    def __init__(self) -> None:
        self._made: Index | None = None
        self._contacts: list[Contact] = []

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        first, term = given.lines(data, 2)
        limit, offset = (given.number(written, 30) for written in (*first.split(" ", 1), "")[:2])
        sources = [*self._index.reader.sources()]
        whole = self._index.search(term, sources)
        found = [contact for contact, _ in whole.contacts]
        everybody = self._everybody(sources)
        should_be = list(filter(holding(term), everybody)) if term.strip() else everybody
        assert {(one.source, one.uid) for one in found} == {(one.source, one.uid) for one in should_be}, term
        assert (whole.total, whole.is_cut) == (len(found), False)
        page = self._index.search(term, sources, limit=limit, offset=offset)
        assert page.contacts == whole.contacts[offset : offset + limit]
        assert page.total == whole.total
        words = ranking.query_words(term)
        distances = [ranking.closeness(contact.terms, words) for contact in found]
        assert distances == sorted(distances), (term, distances)

    def close(self) -> None:
        """Delete the index."""
        if self._made is not None:
            self._made.close()
            self._made = None
            self._contacts = []

    def _everybody(self, sources: list[str]) -> list[Contact]:
        if not self._contacts:
            self._contacts = [contact for contact, _ in self._index.search("", sources).contacts]
            assert len(self._contacts) > len(_PEOPLE), "too few are searched"
            assert all(contact.terms.split() for contact in self._contacts), "somebody has no words"
        return self._contacts

    @property
    def _index(self) -> Index:
        if self._made is None:
            self._made = Index()
            for name, people in (("first", _PEOPLE), ("second", _PEOPLE[::-2])):
                own = shape(name)
                rows = [
                    own.checked({"id": str(at), "name": person, "company": company, "number": number})
                    for at, (person, company, number) in enumerate(people)
                ]
                self._made.sync(own, rows)
        return self._made


def holding(term: str) -> Callable[[Contact], bool]:
    """Whether a contact has all words of a term, told without an index."""
    typed, folded = ranking.query_words(term), fold.query_words(term)
    # What was typed as a number is also found where its parts are whole words, as those of "24/7".
    is_number = typed != folded

    def holds(contact: Contact) -> bool:
        terms = strict.tokens(contact.terms)
        begins = bool(typed) and all(any(one.startswith(word) for one in terms) for word in typed)
        return begins or (is_number and bool(folded) and all(word[0] in terms for word in folded))

    return holds


TARGET = Search()
