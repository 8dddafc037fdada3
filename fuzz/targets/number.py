"""Any text, by any rules: at most one number, which its own key and all its spellings mean too.

Input: region, prefixes to strip, prefix to add (`FR;0,9;+33`); then the text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from fuzz import given
from lookupd.number import (
    Number,
    NumberRules,
    Tier,
    match,
    national_digits,
    parse,
    question_keys,
    spellings,
    suffix_key,
)

#: libphonenumber knows numbers with more digits than the 15 of E.164
_KEY = re.compile(r"\+[1-9][0-9]{4,19}|\+[1-9][0-9]{1,18}x{1,4}|[0-9*#]{1,20}")

#: what surely is a number, in France
_KNOWN: Final = "01 99 00 12 34"


@cache
def check_known() -> None:
    """Fail unless a plain number is read: no numbers at all would keep every other promise."""
    number = parse(_KNOWN, NumberRules(region="FR"))
    assert number is not None
    assert number.key == "+33199001234", number


def rules(written: str) -> NumberRules:
    """The rules of an input; of those that are none, the part that is."""
    region, strip, add = (*written.split(";", 2), "", "")[:3]
    try:
        return NumberRules(
            region=region or None, strip_prefixes=tuple(filter(None, strip.split(","))), add_prefix=add
        )
    except ValueError:
        return NumberRules(region="FR" if region else None)


def check(number: Number, rules: NumberRules) -> None:
    """What holds for every number that was read."""
    assert _KEY.fullmatch(number.key), number
    again = parse(number.key, rules)
    assert again is not None, number
    assert again.key == number.key, (number, again)
    assert match(number, number) is Tier.EXACT
    for spelling in spellings(number, rules):
        read = parse(spelling, rules)
        assert read is not None, (number, spelling)
        assert read.key == number.key, (number, spelling, read)
    assert national_digits(number, rules).replace("x", "").strip("*#0123456789") == ""
    _check_keys(number)


def _check_keys(number: Number) -> None:
    (first, key), *others = question_keys(number)
    assert (first, key) == (Tier.EXACT, number.key)
    for tier, other in others:
        if tier is Tier.SUFFIX:
            assert other == suffix_key(number)
        else:
            assert match(number, Number(key=other)) is Tier.COMPANY, (number, other)


def run(data: bytes) -> None:
    """Check one input."""
    check_known()
    first, text = given.lines(data, 2)
    own = rules(first)
    number = parse(text, own)
    if number is not None:
        check(number, own)
        assert number.extension is None or re.fullmatch(r"[0-9]{1,20}", number.extension), number


TARGET = run
