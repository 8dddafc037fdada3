"""How well a contact fits what was typed; pure. The smaller, the better."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lookupd import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

#: each word typed, with its other spellings
Words = list[tuple[str, ...]]

#: nothing but what people write in a number, dashes and blanks of all kinds among it
_TYPED = re.compile(r"[0-9\s+./()\u2010-\u2015\u2212-]+")
#: the zero of "+33 (0)1": it is dialled at home only
_OPTIONAL_ZERO = re.compile(r"(?<=[0-9])\s*\(0\)")


def query_words(term: str) -> Words:
    """The words to find, each with its other spellings; what looks like a number is one word of digits."""
    digits = _digits(term)
    return [(digits,)] if digits else fold.query_words(term)


def match_expression(term: str) -> str | None:
    """The same for FTS5; None when there is nothing to find.

    What looks like a number may be none, as "24/7" or the "00184" of Rome: it is also found by whole words.
    """
    digits = _digits(term)
    if digits is None:
        return fold.match_expression(term)
    words = " AND ".join(f'"{spellings[0]}"' for spellings in fold.query_words(term))
    return f'"{digits}"* OR ({words})' if words else f'"{digits}"*'


def closeness(terms: str, words: Sequence[Sequence[str]]) -> int:
    """How far stored terms are from the words typed: whole words first, then earlier columns."""
    distance, _ = measured(terms, words)
    return distance


def measured(terms: str, words: Sequence[Sequence[str]]) -> tuple[int, bool]:
    """The same, and whether each of the words begins one of the terms."""
    apart = _apart(terms)
    last = apart.count("\n") + 1
    distances = [min([_distance(apart, last, word) for word in spellings]) for spellings in words]
    return sum(distances), max(distances, default=0) < 2 * last


def is_found(terms: str, term: str) -> bool:
    """Whether stored terms have what somebody typed: what `match_expression` asks for."""
    apart = _apart(terms)
    if all(any(f" {word}" in apart for word in spellings) for spellings in query_words(term)):
        return True
    return _digits(term) is not None and all(f" {word} " in apart for word, *_ in fold.query_words(term))


def _digits(term: str) -> str | None:
    """The digits of a term that somebody typed as a number, such as "+33 (0)1 23", "0033 1" or "01.23"."""
    if not _TYPED.fullmatch(term):
        return None
    digits = re.sub(r"[^0-9]", "", _OPTIONAL_ZERO.sub("", term, count=1)).removeprefix("00")
    return digits[: fold.WORD_LENGTH] if len(digits) > 1 else None


def _apart(terms: str) -> str:
    """The terms with a blank on either side of each word, still a line for each column."""
    return f" {terms} ".replace("\n", " \n ")


def _distance(apart: str, last: int, word: str) -> int:
    """A whole word in the first column 0, in the next 1, ...; beginnings of words after all of these."""
    place = apart.find(f" {word} ")
    if place >= 0:
        return apart.count("\n", 0, place)
    place = apart.find(f" {word}")
    return last + apart.count("\n", 0, place) if place >= 0 else 2 * last
