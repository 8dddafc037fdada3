"""A cell of any text: numbers, each once, which are found again when written one to a line.

Input: as for `number`.
"""

from __future__ import annotations

from fuzz import given
from fuzz.targets.number import check, rules
from lookupd.number import parse_cell


def run(data: bytes) -> None:
    """Check one input."""
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
