"""What a telephone dials: text of a directory in, digits with `*`, `#` and `+` out, by a profile's rules.

Pure. Rule: where `lookupd.number` reads a number in the text, it reads the same in what is to be dialled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

from lookupd.number import Number, NumberRules, Spelling, parse, parse_cell, plan, spellings
from lookupd.number.writing import take_apart

#: how numbers of the profile's own country are dialled
OwnCountry: TypeAlias = Literal["written", "national", "international"]

_PREFIX = re.compile(r"[0-9*#]*")
_INTERNATIONAL_PREFIX = re.compile(r"\+|[0-9*#]+")
_DIALLABLE = re.compile(r"\+?[0-9*#]+")
#: so many digits without a country are dialled inside the company, or are a service such as 112
_INTERNAL_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRules:
    """How the telephones of one profile dial. Raises ValueError for what cannot be dialled."""

    #: the country where the telephones are; None: that of the directory
    region: str | None = None
    #: what is dialled before a country code, such as "00", "011" or "+"; None: as the directory writes it
    international_prefix: str | None = None
    #: what is dialled before a national number; None: as the country's numbering plan says
    trunk_prefix: str | None = None
    #: what is dialled before every number that is not internal, such as "0" or "9"
    outside_prefix: str = ""
    #: how numbers of the own country are dialled: as the directory writes them, or always alike
    own_country: OwnCountry = "written"
    #: bare digits up to this many are internal; None: up to six that are no number of a numbering plan
    internal_digits: int | None = None

    def __post_init__(self) -> None:
        if self.international_prefix is not None and not _INTERNATIONAL_PREFIX.fullmatch(
            self.international_prefix
        ):
            raise ValueError(
                f"international_prefix: {self.international_prefix!r} cannot be dialled: use +, or digits"
            )
        if self.trunk_prefix is not None and not _PREFIX.fullmatch(self.trunk_prefix):
            raise ValueError(f"trunk_prefix: {self.trunk_prefix!r} cannot be dialled: use digits")
        if not _PREFIX.fullmatch(self.outside_prefix):
            raise ValueError(
                f"outside_prefix: {self.outside_prefix!r} cannot be dialled: use digits, * and #"
            )
        if self.outside_prefix and self.international_prefix == "+":
            raise ValueError("international_prefix: + cannot follow an outside_prefix: use digits such as 00")


def dialable(text: str, dial: DialRules, rules: NumberRules) -> str | None:
    """What to dial for the first number of a text, or None where it says none. Never raises.

    `rules` say how the directory writes numbers; of them only the region counts. A national number of
    another country than that of the telephones is dialled internationally. An extension is cut off: it is
    dialled after the call is answered.
    """
    return next(iter(dialable_each(text, dial, rules)), None)


def dialable_each(text: str, dial: DialRules, rules: NumberRules) -> tuple[str, ...]:
    """What to dial for every number of a text, in their order, each once. Never raises."""
    return _dialable_each(text, dial, rules.region)


@lru_cache(maxsize=16_384)
def _dialable_each(text: str, dial: DialRules, region: str | None) -> tuple[str, ...]:
    rules = NumberRules(region=region)
    home = dial.region or region
    numbers = parse_cell(text, rules)
    if numbers == (parse(text.strip(), rules),):
        codes = [_code(text.strip(), numbers[0], home)]
    else:
        codes = [number.key for number in numbers]
    return tuple(
        dict.fromkeys(
            _dialled(number, code, dial, home)
            for number, code in zip(numbers, codes, strict=True)
            if not number.is_block
        )
    )


def _code(text: str, number: Number, home: str | None) -> str:
    """What the text itself says is to be dialled; the number, where that would be another one at home."""
    writing = take_apart(text)
    if writing is None or not _DIALLABLE.fullmatch(writing.code):
        return number.key
    at_home = parse(writing.code, NumberRules(region=home))
    return writing.code if at_home is not None and at_home.key == number.key else number.key


def _dialled(number: Number, code: str, dial: DialRules, region: str | None) -> str:
    """A number by the rules; `code` is what the directory has for it."""
    if _is_internal(number, code, dial):
        return code
    return dial.outside_prefix + (
        _national(number, code, dial, region) or _international(number, code, dial, region)
    )


def _is_internal(number: Number, code: str, dial: DialRules) -> bool:
    if not code.isdigit():
        return not number.is_international and not code.startswith("+")
    if dial.internal_digits is not None:
        return len(code) <= dial.internal_digits
    return not number.is_international and len(code) <= _INTERNAL_DIGITS


def _national(number: Number, code: str, dial: DialRules, region: str | None) -> str | None:
    """How the own country is dialled without its country code; None where it is not, and for other ones."""
    if region is None or not _is_own(number, region) or dial.own_country == "international":
        return None
    home = plan.of_region(region)
    national = number.key[1 + len(home.country_code) :]
    is_national = code in {national, home.trunk + national}
    if dial.own_country == "written" and not is_national:
        return None
    if dial.trunk_prefix is not None:
        return dial.trunk_prefix + national
    if dial.own_country == "written" and (code != national or not home.needs_trunk):
        return code
    spelt = spellings(number, NumberRules(region=region), (Spelling.NATIONAL_DIGITS,))
    return spelt[0] if spelt else None


def _international(number: Number, code: str, dial: DialRules, region: str | None) -> str:
    """With a country code where the number has one, else as it is."""
    digits = number.key.lstrip("+")
    prefix = dial.international_prefix
    if prefix is None:
        is_kept = code.isdigit() and (code != digits or not number.is_international)
        if is_kept and not (dial.own_country == "international" and _is_own(number, region)):
            return code
        prefix = _exit_code(region) if dial.outside_prefix else "+"
    return prefix + digits if code.startswith("+") or number.is_international else code


def _is_own(number: Number, region: str | None) -> bool:
    return region is not None and number.key.startswith("+" + plan.of_region(region).country_code)


def _exit_code(region: str | None) -> str:
    return plan.of_region(region).idd_digits if region else "00"
