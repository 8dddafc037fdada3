"""How directories may have written a number: what live questions ask for."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import phonenumbers

from lookupd.number import plan
from lookupd.number.reading import NumberRules, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lookupd.number.key import Number

_NOT_DIGITS = re.compile(r"[^0-9]+")


class Spelling(StrEnum):
    """One way to write a number, the most common in directories first."""

    E164 = "e164"  # +33123456789
    INTERNATIONAL = "international"  # +33 1 23 45 67 89
    NATIONAL = "national"  # 01 23 45 67 89
    NATIONAL_DIGITS = "national_digits"  # 0123456789
    IDD = "idd"  # 0033123456789
    DIGITS = "digits"  # 33123456789
    DASHED = "dashed"  # 01-23-45-67-89
    DOTTED = "dotted"  # 01.23.45.67.89
    TEL_URI = "tel_uri"  # tel:+33-1-23-45-67-89


#: every spelling, the most common first
ALL: Final = tuple(Spelling)


def spellings(number: Number, rules: NumberRules, styles: Sequence[Spelling] = ALL) -> tuple[str, ...]:
    """What a directory with these rules may hold for the number, each once, in the order of the styles.

    Each is read back as the same key under the rules; a spelling that would not be is left out. National
    ones exist for numbers of the rules' country only. Internal numbers and blocks have one spelling: their
    key. The extension is not spelled.
    """
    if not number.is_international or number.is_block:
        return (number.key,)
    written = _written(number.key, rules.region)
    texts = dict.fromkeys(written[style] for style in styles if style in written)
    return tuple(text for text in texts if (read := parse(text, rules)) and read.key == number.key)


def national_digits(number: Number, rules: NumberRules) -> str:
    """Trunk prefix and national number, "0123456789"; of other countries, the digits after the plus."""
    if rules.region is not None and number.is_international:
        home = plan.of_region(rules.region)
        national = number.key[1 + len(home.country_code) :]
        if number.key == f"+{home.country_code}{national}":
            return (home.trunk if home.needs_trunk else "") + national
    return number.key.lstrip("+")


def _written(key: str, region: str | None) -> dict[Spelling, str]:
    parsed = phonenumbers.parse(key)
    international = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    home = plan.of_region(region) if region else None
    written = {
        Spelling.E164: key,
        Spelling.INTERNATIONAL: international,
        Spelling.IDD: (home.idd_digits if home else "00") + key[1:],
        Spelling.DIGITS: key[1:],
        Spelling.DASHED: "+" + _joined(international, "-"),
        Spelling.DOTTED: "+" + _joined(international, "."),
        Spelling.TEL_URI: phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.RFC3966),
    }
    if home is not None and home.country_code == str(parsed.country_code):
        national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
        written |= {
            Spelling.NATIONAL: national,
            Spelling.NATIONAL_DIGITS: _joined(national, ""),
            Spelling.DASHED: _joined(national, "-"),
            Spelling.DOTTED: _joined(national, "."),
        }
    return written


def _joined(text: str, by: str) -> str:
    return _NOT_DIGITS.sub(by, text).strip(by or None)
