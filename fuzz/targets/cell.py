"""A cell of any text: numbers, each once, which are found again when written one to a line.

Input: as for `number`.
"""

from __future__ import annotations

from functools import cache

from fuzz import given
from fuzz.targets.number import check, check_known, rules
from lookupd.number import parse_cell


@cache
def _check_known() -> None:
    first, second = parse_cell("01 99 00 12 34, +44 7300 123456", rules("FR"))
    assert (first.key, second.key) == ("+33199001234", "+447300123456")


def run(data: bytes) -> None:
    """Check one input."""
    check_known()
    _check_known()
    first, text = given.lines(data, 2)
    own = rules(first)
    numbers = parse_cell(text, own)
    assert len(set(numbers)) == len(numbers), numbers
    for number in numbers:
        check(number, own)
    keys = list(dict.fromkeys(number.key for number in numbers))
    written = "\n".join(keys)
    if len(written) <= 2000:  # a longer cell is a note
        assert [number.key for number in parse_cell(written, own)] == keys, keys


TARGET = run
