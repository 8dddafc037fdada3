"""What the numbering plans of the world say about digits; libphonenumber is the reference.

Rule: the short ways here give exactly what libphonenumber gives (a test compares them); where its metadata
says that a rule for special cases could apply, libphonenumber itself is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import phonenumbers

#: countries whose national numbers can be read (ISO 3166 alpha-2)
REGIONS: Final = frozenset(phonenumbers.SUPPORTED_REGIONS)
#: up to so many bare digits are an extension or a short code, unless a country's numbers are as short
_LONGEST_SHORT_CODE = 6
#: with fewer digits a number without its plus cannot be told from a local one
_SHORTEST_WITHOUT_PLUS = 10
_LONGEST_COUNTRY_CODE = 3
#: so many words of libphonenumber are known by heart, since it takes its time
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The numbering plan of a region, or of a country code without one."""

    country_code: str
    #: digits dialled before a number of another country, such as 00 or 011
    idd: re.Pattern[str]
    #: the same as plain digits, for spelling
    idd_digits: str
    #: what stands before a national number when dialled at home, such as 0; "" where nothing does
    trunk: str
    #: what libphonenumber may cut off or rewrite in front of a national number; None where nothing is
    cut: re.Pattern[str] | None
    #: whether it rewrites: then only libphonenumber itself knows
    rewrites: bool
    #: whether the region gives its country code the lengths of possible numbers
    is_main: bool
    #: lengths of possible national numbers, area code included
    lengths: frozenset[int]
    #: what existing national numbers look like
    shape: re.Pattern[str]
    #: bare digits up to this length are an internal number or a short code
    longest_short: int
    #: digits of the longest fixed-line number: a number as long cannot lack its area code
    longest_fixed: int

    @property
    def needs_trunk(self) -> bool:
        """Whether national numbers are written with the trunk prefix (in North America it is optional)."""
        return bool(self.trunk) and self.country_code != "1"

    def cut_length(self, national: str) -> int:
        """How many of these digits libphonenumber could take off, or rewrite."""
        found = self.cut.match(national) if self.cut else None
        return found.end() if found else 0


def international(digits: str) -> str | None:
    """The E.164 number of the digits after a plus, or None if no such number is possible."""
    plan = _plan_of(digits)
    if plan is None:
        return None
    return _read(plan, digits[len(plan.country_code) :], "+" + digits, None)


def dialled(digits: str, region: str | None) -> str | None:
    """The E.164 number of digits as people in the region dial or write them, or None.

    Read in this order: after the region's own international prefix; national; after 00; without the plus.
    None is also said when two readings are as good as each other.
    """
    if region is None:
        return international(digits[2:]) if digits.startswith("00") else None
    plan = of_region(region)
    if len(digits) <= plan.longest_short:
        return None
    prefix = plan.idd.match(digits)
    if prefix and (found := international(digits[prefix.end() :])):
        # Singapore dials 003, so "0033123..." begins with it, and is French nevertheless.
        other = shaped_international(digits[2:]) if prefix[0] != "00" and digits.startswith("00") else None
        return other if other and not is_shaped(found) else found
    found = national(digits, region) if prefix else _at_home(plan, digits, region)
    if digits.startswith("00"):
        return found if found and _is_valid(found) else international(digits[2:])
    if found and _is_clear(digits, found, plan):
        return found
    # The own country code is believed before an area code that is written without its trunk prefix.
    return _without_plus(digits) if found is None or digits.startswith(plan.country_code) else None


def national(digits: str, region: str) -> str | None:
    """What libphonenumber reads plain digits as in a region, as E.164; None if no such number is possible."""
    plan = of_region(region)
    return _settled(_by_library(digits, region)) if plan.idd.match(digits) else _at_home(plan, digits, region)


def _at_home(plan: Plan, digits: str, region: str) -> str | None:
    """The same for digits that do not begin as those do that are dialled to another country."""
    if not plan.is_main:
        return _settled(_by_library(digits, region))
    if not digits.startswith(plan.country_code):
        return _read(plan, digits, digits, region)
    rest = digits[len(plan.country_code) :]
    if plan.shape.fullmatch(rest) and not plan.cut_length(rest) and not plan.shape.fullmatch(digits):
        return _read(plan, rest, digits, region)
    return _settled(_by_library(digits, region))


def is_shaped(key: str) -> bool:
    """Whether an E.164 number looks like those that exist in its country: more than only possible."""
    plan = _plan_of(key[1:])
    return plan is not None and plan.shape.fullmatch(national_part(key)) is not None


def national_part(key: str) -> str:
    """The digits of an E.164 number after its country code."""
    plan = _plan_of(key[1:])
    return key[1 + len(plan.country_code) :] if plan else key[1:]


def is_short(digits: str, region: str | None) -> bool:
    """Whether bare digits are too few for anything but an internal number or a short code."""
    return len(digits) <= (of_region(region).longest_short if region else _LONGEST_SHORT_CODE)


def needs_trunk(region: str | None) -> bool:
    """Whether people in the region write the trunk prefix, so that digits without it are a guess."""
    return region is not None and of_region(region).needs_trunk


@cache
def of_region(region: str) -> Plan:
    """The numbering plan of one of `REGIONS`."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        raise KeyError(region)
    return _plan(metadata)


def _plan_of(digits: str) -> Plan | None:
    return _plan_of_start(digits[:_LONGEST_COUNTRY_CODE])


@cache
def _plan_of_start(digits: str) -> Plan | None:
    for length in range(1, _LONGEST_COUNTRY_CODE + 1):
        if (code := digits[:length]) in _COUNTRY_CODES:
            return _of_country_code(code)
    return None


@cache
def _of_country_code(code: str) -> Plan:
    region = phonenumbers.region_code_for_country_code(int(code))
    if region != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return of_region(region)
    metadata = phonenumbers.PhoneMetadata.metadata_for_nongeo_region(int(code))
    if metadata is None:  # pragma: no cover (every country code has a region or such metadata)
        raise KeyError(code)
    return _plan(metadata)


def _plan(metadata: phonenumbers.PhoneMetadata) -> Plan:
    general, fixed = metadata.general_desc, metadata.fixed_line
    lengths = general.possible_length if general else ()
    # -1 stands for "no such numbers"
    fixed_lengths = [n for n in fixed.possible_length if n > 0] if fixed else []
    idd, cut = metadata.international_prefix, metadata.national_prefix_for_parsing
    preferred = (metadata.preferred_international_prefix or idd or "").replace("~", "")
    return Plan(
        country_code=str(metadata.country_code),
        idd=re.compile(f"(?:{idd})(?=[1-9])" if idd else r"(?!)"),
        idd_digits=preferred if preferred.isdigit() else "00",
        trunk=metadata.national_prefix or "",
        cut=re.compile(cut) if cut else None,
        rewrites=bool(metadata.national_prefix_transform_rule),
        is_main=phonenumbers.region_code_for_country_code(metadata.country_code or 0) == metadata.id,
        lengths=frozenset(lengths),
        shape=re.compile((general.national_number_pattern if general else None) or r"(?!)"),
        longest_short=_longest_short(fixed_lengths),
        longest_fixed=max(fixed_lengths or lengths),
    )


def _longest_short(fixed_lengths: list[int]) -> int:
    if fixed_lengths and max(fixed_lengths) <= _LONGEST_SHORT_CODE:
        return min(fixed_lengths) - 1
    return _LONGEST_SHORT_CODE


@lru_cache(maxsize=_REMEMBERED)
def _is_valid(key: str) -> bool:
    # Slow, so asked only in rare cases where two readings are possible.
    return phonenumbers.is_valid_number(phonenumbers.parse(key))


@lru_cache(maxsize=_REMEMBERED)
def _by_library(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return f"+{number.country_code}{phonenumbers.national_significant_number(number)}"


def _read(plan: Plan, national: str, text: str, region: str | None) -> str | None:
    """The national digits of a text as E.164: by metadata where that is enough, else by libphonenumber."""
    cut = plan.cut_length(national)
    if not cut:
        return f"+{plan.country_code}{national}" if len(national) in plan.lengths else None
    if not plan.rewrites:
        rest = national[cut:]
        if plan.shape.fullmatch(national) and not plan.shape.fullmatch(rest):
            rest = national
        if len(rest) in plan.lengths:
            key = f"+{plan.country_code}{rest}"
            return _settled(key) if plan.cut_length(rest) else key
    return _settled(_by_library(text, region))


def _settled(key: str | None) -> str | None:
    """The key if it is read as itself: libphonenumber would take a second trunk prefix off "+33 00 1 23"."""
    if key is None:
        return None
    plan = _plan_of(key[1:])
    if plan is None or not plan.cut_length(national_part(key)):
        return key
    return key if is_shaped(key) and _by_library(key, None) == key else None


def _is_clear(digits: str, found: str, plan: Plan) -> bool:
    """Whether a national reading is the only sensible one."""
    if not plan.needs_trunk:
        return True
    if found == "+" + digits:
        return len(digits) >= _SHORTEST_WITHOUT_PLUS
    if found != f"+{plan.country_code}{digits}":
        return True
    # Neither trunk prefix nor plus: it must be too long for a local number and no number of another country,
    # or be usual so.
    if len(digits) >= plan.longest_fixed and is_shaped(found) and _without_plus(digits) is None:
        return True
    return is_shaped(found) and _is_written_without_trunk(found, digits) and _is_valid(found)


@lru_cache(maxsize=_REMEMBERED)
def _is_written_without_trunk(key: str, digits: str) -> bool:
    """Whether people write this number so, though its country has a trunk prefix, as Chinese mobiles."""
    number = phonenumbers.parse(key)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(filter(str.isdigit, written)) == digits


def _without_plus(digits: str) -> str | None:
    if len(digits) < _SHORTEST_WITHOUT_PLUS:
        return None
    return shaped_international(digits)


def shaped_international(digits: str) -> str | None:
    """The E.164 number of digits that seem to have lost their plus; None unless it looks existing."""
    found = international(digits)
    return found if found and is_shaped(found) else None


_COUNTRY_CODES: Final = frozenset(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
