"""A caller's name as PBXes can show it: one line, with nothing they take for their own, and a name at all.

Pure.
"""

# ruff: noqa: RUF001, SIM905 (a table of letters holds letters that look alike, and is read best without quotes)

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: what ends a quotation, an argument, a header or an address where PBXes put names
_HARMFUL: Final = frozenset('"<>\\,;|')
#: joiners inside words and emoji; every other invisible character goes
_JOINERS: Final = "\u200c\u200d"
#: so few digits, alone, may be a name
_FEW: Final = 2

#: letters that Unicode does not take apart, and marks that ASCII has in another form
_LATIN: Final = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ħ": "h", "Ħ": "H", "ı": "i", "ŋ": "n",
    "Ŋ": "N", "ə": "a", "Ə": "A", "\u2018": "'", "\u2019": "'", "\u201c": " ", "\u201d": " ", "\u2010": "-",
    "\u2011": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00b7": "-", "€": "EUR",
}  # fmt: skip
#: Greek and Cyrillic, letter by letter, in lower case
_OTHERS: Final = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψωабвгдежзийклмнопрстуфхцчшщъыьэюяѐёђѓєѕіїјљњћќѝўџґ",
        (
            "a v g d e z i th i k l m n x o p r s s t y f ch ps o "
            "a b v g d e zh z i j k l m n o p r s t u f kh ts ch sh shch - y - e yu ya "
            "e yo dj gj ye dz i yi j lj nj c kj i u dz g"
        ).split(),
        strict=True,
    )
)


def clean(text: str) -> str:
    """A text as one line without what could harm; empty where nothing of it can be seen."""
    kept = "".join(map(_kept, unicodedata.normalize("NFC", text)))
    kept = unicodedata.normalize("NFC", kept)  # what stood between a letter and its accent may be gone
    line = " ".join(kept.split()).strip(f" {_JOINERS}")
    return line if any(unicodedata.category(char)[0] in "LNSP" for char in line) else ""


def ascii_only(text: str) -> str:
    """The same text in ASCII: without accents, other alphabets letter by letter as far as they are known."""
    return "".join(map(_plain, unicodedata.normalize("NFC", text)))


def cut(text: str, length: int) -> str:
    """A text of so many characters at most; no accent and no joined sign is cut in two."""
    end = length
    while 0 < end < len(text) and (_belongs(text[end]) or text[end - 1] in _JOINERS):
        end -= 1
    return text[: end or length].rstrip(f" {_JOINERS}")


class Junk:
    """Knows what is no name although it stands where one should."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(map(_folded, words))

    def has(self, name: str, numbers: Iterable[str]) -> bool:
        """Whether a name is no name, or one of the caller's numbers."""
        if _folded(name) in self._words:
            return True
        digits = _digits(name)
        if len(digits) <= _FEW or any(char.isalpha() for char in name):
            return False
        return any(
            number.endswith(digits) or digits.endswith(number)
            for number in map(_digits, numbers)
            if len(number) > _FEW
        )


def _kept(char: str) -> str:
    """What is left of a character: itself, a blank, or nothing."""
    if char in _HARMFUL:
        return " "
    category = unicodedata.category(char)
    if category[0] == "Z" or category == "Cc":
        return " "
    return "" if category[0] == "C" and char not in _JOINERS else char


def _plain(char: str) -> str:
    if char.isascii():
        return char
    if char in _LATIN:
        return _LATIN[char]
    lower = char.lower()
    if lower in _OTHERS:
        plain = _OTHERS[lower].strip("-")
        return plain if lower == char else plain.capitalize()
    parts = unicodedata.normalize("NFKD", char)
    if parts == char:
        return " " if unicodedata.category(char)[0] == "Z" else ""
    return "".join(map(_plain, parts))


def _belongs(char: str) -> bool:
    """Whether a character is part of the sign before it."""
    return char in _JOINERS or unicodedata.category(char)[0] == "M" or "\U0001f3fb" <= char <= "\U0001f3ff"


def _folded(text: str) -> str:
    return " ".join(clean(text).casefold().split()).strip(" '()[]{}*._")


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isdigit())
