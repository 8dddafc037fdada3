"""A directory cell may hold several numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lookupd.number.key import Number
from lookupd.number.reading import NumberRules, parse, read
from lookupd.number.writing import LONGEST_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

#: a longer cell is a note, not a list of numbers
_LONGEST_CELL = 8 * LONGEST_TEXT
_SURE_SEPARATOR = re.compile(
    r"""[\r\n\t|\v\f\u2028\u2029]
    | ;(?!\s*[a-z-]+(?:=|;|$))                      # but not ;ext=7 or ;phone-context=+33
    | (?<!,),(?!,|\s*[^\W\d_]+[ .:]*[0-9]{1,7}\s*(?:[,;/|]|$))  # but not ", ext. 7" or the pause of ",,7"
    | \s(?:&|or|and|oder|und|ou|et|o|y|e|of|en|og|eller|och|lub|или|и)\s
    | \s(?=\+[0-9])                                # a plus begins a number
    """,
    re.IGNORECASE | re.VERBOSE,
)
#: nothing that could separate two numbers but blanks
_ONE = re.compile(r"\+?[0-9(][0-9() .-]*")
#: beside a slash, less cannot be a whole number; nothing more is saved by it than time
_SHORTEST_OUTSIDE = 6
#: "030 1234567/68": the last digits of a second number
_OTHER_END = re.compile(r"[0-9]{1,3}")
_BLANKS = re.compile(r"\s+")
#: "4,93012E+11", which is what a spreadsheet has made of a number: its digits are lost
_EXPONENT = re.compile(r"\s*[+-]?[0-9]+[.,]?[0-9]*E[+-]?[0-9]+\s*", re.IGNORECASE)


def parse_cell(text: str, rules: NumberRules) -> tuple[Number, ...]:
    """The numbers of a cell in their order, each once; what is no number is left out. Never raises.

    Blanks around a number mean nothing here (in `parse`, a leading one may be a lost plus).
    """
    if len(text) > _LONGEST_CELL:
        return ()
    if _ONE.fullmatch(text):
        whole = read(text.strip(), rules) if len(text) <= LONGEST_TEXT else None
        if whole is not None and whole.is_international:
            return (whole,)
        pieces = [text]
    elif _EXPONENT.fullmatch(text):
        return ()
    else:
        pieces = _SURE_SEPARATOR.split(text)
    found = (number for piece in pieces for number in _parse_piece(piece.strip(), rules))
    return tuple(dict.fromkeys(found))


def _parse_piece(piece: str, rules: NumberRules) -> Iterator[Number]:
    whole = parse(piece, rules)
    if "/" in piece and "://" not in piece:
        yield from _parse_slashed([part.strip() for part in piece.split("/")], whole, rules)
    elif whole is not None and whole.is_international:
        yield whole
    else:
        parts = [parse(part, rules) for part in _BLANKS.split(piece)]
        numbers = [part for part in parts if part is not None and part.is_international]
        if len(parts) > 1 and len(numbers) == len(parts):
            yield from numbers
        elif whole is not None:
            yield whole


def _parse_slashed(parts: list[str], whole: Number | None, rules: NumberRules) -> Iterator[Number]:
    """A slash stands between an area code and the rest ("030/1234567"), or between two numbers."""
    ends = len(parts)
    while ends > 1 and _OTHER_END.fullmatch(parts[ends - 1]):
        ends -= 1
    first = parse("/".join(parts[:ends]), rules)
    has_ends = ends < len(parts) and first is not None and first.is_international and not first.is_block
    if has_ends and first is not None:
        yield first
        yield from (Number(key=first.key[: -len(end)] + end) for end in parts[ends:])
    elif whole is not None and whole.is_international and min(map(len, parts)) < _SHORTEST_OUTSIDE:
        yield whole
    else:
        numbers = [number for part in parts if (number := parse(part, rules))]
        if whole is None or not whole.is_international or all(number.is_international for number in numbers):
            yield from numbers
        else:
            yield whole
