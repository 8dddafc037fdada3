"""How well a contact fits what was typed; pure. The smaller, the better."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lookupd import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

#: each word typed, with its other spellings
Words = list[tuple[str, ...]]
#: the same as texts to look for among terms that have a blank on either side: whole words, and beginnings
Needles = list[list[tuple[str, str]]]

#: how far a word is that only begins with what was typed, and one that is not there: farther than any line
BEGUN, MISSING = 1 << 32, 1 << 33

#: nothing but what people write in a number, dashes and blanks of all kinds among it
_TYPED = re.compile(r"[0-9\s+./()\u2010-\u2015\u2212-]+")
#: the zero of "+33 (0)1": it is dialled at home only
_OPTIONAL_ZERO = re.compile(r"(?<=[0-9])\s*\(0\)")


def query_words(term: str) -> Words:
    """The words to find, each with its other spellings; what looks like a number is one word of digits."""
    digits = _digits(term)
    return [(digits,)] if digits else fold.query_words(term)


def expression(words: Words, star: str = "", longest: int | None = None) -> str | None:
    """What follows MATCH for terms that are each of these words, or begin with it where there is a star.

    As '("muller"* OR "mueller"*) AND "a"*'; None where there is no word.
    """
    each = [
        " OR ".join(f'"{word}"{star}' for word in dict.fromkeys(spelling[:longest] for spelling in spellings))
        for spellings in words
    ]
    return " AND ".join(f"({one})" if " OR " in one else one for one in each) or None


def match_expression(term: str, longest: int | None = None) -> str | None:
    """The same for what somebody typed, the words cut to `longest` characters.

    What looks like a number may be none, as "24/7" or the "00184" of Rome: it is also found by whole words.
    """
    begun = expression(query_words(term), "*", longest)
    groups = whole_groups(term)
    if begun is None or not groups:
        return begun
    return f"{begun} OR ({expression(groups)})"


def whole_expression(term: str) -> str | None:
    """The same for whole words only."""
    whole = expression(query_words(term))
    groups = whole_groups(term)
    return f"{whole} OR ({expression(groups)})" if whole and groups else whole


def whole_groups(term: str) -> Words:
    """The parts of what looks like a number, which may be whole words; none where it does not."""
    return [spellings[:1] for spellings in fold.query_words(term)] if _digits(term) else []


def closeness(terms: str, words: Sequence[Sequence[str]]) -> int:
    """How far stored terms are from the words typed: whole words first, then earlier columns."""
    distance, _ = measured(terms, needles(words))
    return distance


def needles(words: Sequence[Sequence[str]]) -> Needles:
    """The words as `measured` takes them."""
    return [[(f" {word} ", f" {word}") for word in spellings] for spellings in words]


def measured(terms: str, needles: Needles) -> tuple[int, bool]:
    """How far stored terms are, and whether each of the words begins one of them.

    A whole word in the first column is 0, in the next 1, ...; beginnings of words come after all of these.
    """
    apart = _apart(terms)
    find = apart.find
    distance, has_all = 0, True
    for spellings in needles:
        nearest = MISSING
        for whole, begun in spellings:
            if (place := find(whole)) >= 0:
                column = apart.count("\n", 0, place)
            elif (place := find(begun)) >= 0:
                column = BEGUN + apart.count("\n", 0, place)
            else:
                continue
            if column < nearest:  # noqa: PLR1730 - a call would cost as much as all of this
                nearest = column
        distance += nearest
        if nearest == MISSING:
            has_all = False
    return distance, has_all


def is_found(terms: str, term: str) -> bool:
    """Whether stored terms have what somebody typed: what `match_expression` asks for."""
    apart = _apart(terms)
    if all(any(f" {word}" in apart for word in spellings) for spellings in query_words(term)):
        return True
    groups = whole_groups(term)
    return bool(groups) and all(f" {word} " in apart for word, *_ in groups)


def _digits(term: str) -> str | None:
    """The digits of a term that somebody typed as a number, such as "+33 (0)1 23", "0033 1" or "01.23"."""
    if not _TYPED.fullmatch(term):
        return None
    digits = re.sub(r"[^0-9]", "", _OPTIONAL_ZERO.sub("", term, count=1)).removeprefix("00")
    return digits[: fold.WORD_LENGTH] if len(digits) > 1 else None


def _apart(terms: str) -> str:
    """The terms with a blank on either side of each word, still a line for each column."""
    return f" {terms} ".replace("\n", " \n ")
