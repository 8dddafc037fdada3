"""Text to the canonical number, by the rules of the source or the profile it comes from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lookupd.number import plan
from lookupd.number.key import Number
from lookupd.number.writing import LONGEST_TEXT, Writing, take_apart

#: an international number as most are written: of this only the digits count, whatever the rules
_INTERNATIONAL = re.compile(r"\+[1-9][0-9 .-]{5,24}")
#: the same with a zero that is dialled at home only, or, as in Italy, always
_WITH_ZERO = re.compile(r"\+([1-9][0-9]{0,2})[ .-]*\(0\)([0-9 .-]{5,24})")
#: the same of a national or an internal one; not "1.0", which was a number of a spreadsheet
_BARE = re.compile(r"(?![0-9]+\.0$)[0-9][0-9 .-]*")
_CODE = re.compile(r"(?=[*#]*[0-9])[0-9*#]{1,20}")
_ONLY_ZEROS = re.compile(r"0{5,}")
_PREFIX = re.compile(r"[0-9*#]+")
_ADDABLE = re.compile(r"(?:\+?[0-9]+|\+)?")
#: "ANONYMOUS" on a telephone's keys: what some carriers send for a withheld number
_WITHHELD = frozenset({"266696687", "+266696687"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRules:
    """How numbers written by one source, or asked by one profile, are read.

    Raises ValueError for a region without a numbering plan and for prefixes that cannot be dialled.
    """

    #: ISO 3166 alpha-2 country of national numbers, in capitals; None: only international forms are E.164
    region: str | None = None
    #: what a PBX puts in front of outside numbers, such as "0" or "9"; cut off where that leaves an E.164
    #: number, the first that does
    strip_prefixes: tuple[str, ...] = ()
    #: what a PBX has cut off, such as "0", "+", "00" or "+33"; put back before bare digits that are not short
    add_prefix: str = ""

    @property
    def completes(self) -> bool:
        """Whether something is to be cut off or put back."""
        return bool(self.strip_prefixes or self.add_prefix)

    def __post_init__(self) -> None:
        if self.region is not None and self.region not in plan.REGIONS:
            raise ValueError(f"region {self.region!r} has no numbering plan: use an ISO 3166 code such as FR")
        for prefix in self.strip_prefixes:
            if not _PREFIX.fullmatch(prefix):
                raise ValueError(f"strip_prefixes: {prefix!r} cannot be dialled: use digits, * and #")
        if not _ADDABLE.fullmatch(self.add_prefix):
            raise ValueError(f"add_prefix: {self.add_prefix!r} is no prefix: use digits, or + and digits")


def parse(text: str, rules: NumberRules) -> Number | None:
    """The number a text says, or None if it says none ("anonymous", a name, nothing). Never raises.

    E.164 where that is possible, else the digits of an internal number or short code. Parsing a key again
    gives the same key. A text with several numbers gives None: `parse_cell` reads those.
    """
    if len(text) > LONGEST_TEXT:
        return None
    return _read_plain(text, rules) or _remembered(text, rules)


def read(text: str, rules: NumberRules) -> Number | None:
    """The same for a text that is not too long, without a memory: for numbers that hardly come twice."""
    return _read_plain(text, rules) or _read_any(text, rules)


def _read_plain(text: str, rules: NumberRules) -> Number | None:
    """The number of a text that is written as most are; None where more is to be looked at.

    Quicker than a memory of all numbers that were asked would be.
    """
    if _INTERNATIONAL.fullmatch(text):
        key = plan.international(_without_blanks(text[1:]))
    elif _BARE.fullmatch(text) and (code := _without_blanks(text)) not in _WITHHELD:
        completed = _completed(code, rules) if rules.completes else None
        key = completed or plan.dialled(code, rules.region) or _internal(code, rules)
    elif found := _WITH_ZERO.fullmatch(text):
        code, rest = found[1], _without_blanks(found[2])
        key = plan.international(f"{code}0{rest}")
        if key is None or not plan.is_shaped(key):
            key = plan.international(code + rest) or key
    else:
        return None
    return Number(key) if key else None


def _read_any(text: str, rules: NumberRules) -> Number | None:
    """The number of a text that is written in any way."""
    writing = take_apart(text)
    if writing is None or writing.code in _WITHHELD:
        return None
    key = _e164(writing, rules)
    if writing.open_digits:
        return Number(key=_opened(key, writing.open_digits)) if key else None
    key = key or _internal(writing.code, rules)
    return Number(key=key, extension=writing.extension) if key else None


_remembered = lru_cache(maxsize=4096)(_read_any)


def _without_blanks(text: str) -> str:
    return text if text.isdigit() else text.replace(" ", "").replace(".", "").replace("-", "")


def _opened(key: str, open_digits: int) -> str:
    return key[:-open_digits] + "x" * open_digits


def _internal(code: str, rules: NumberRules) -> str | None:
    """The digits of an internal number, or of an outside one that cannot be."""
    digits = code.lstrip("+")
    if not _CODE.fullmatch(digits) or _ONLY_ZEROS.fullmatch(digits):
        return None
    # "+1 23456789" cannot be, but its digits could be read as a number of another country.
    if digits != code and _e164(Writing(code=digits), rules):
        return None
    return digits


def _e164(writing: Writing, rules: NumberRules) -> str | None:
    """The E.164 number, trying the surest reading first."""
    code = writing.code
    if writing.context and code.isdigit() and (key := _outside(writing.context + code, rules)):
        return key
    if writing.has_lost_plus and code.isdigit() and (key := plan.shaped_international(code)):
        return key
    if key := _completed(code, rules):
        return key
    key = _outside(code, rules)
    if writing.without_zero is None or (key and plan.is_shaped(key)):
        return key
    # The zero of "+44 (0)20" is dialled at home only, that of "+39 (0)6" always, that of "+45 (0)12" never.
    return _outside(writing.without_zero, rules) or key


def _completed(code: str, rules: NumberRules) -> str | None:
    """The E.164 number without a prefix of the PBX, or with what the PBX has cut off."""
    if key := _stripped(code, rules):
        return key
    if rules.add_prefix and code.isdigit() and not plan.is_short(code, rules.region):
        return _outside(rules.add_prefix + code, rules)
    return None


def _stripped(code: str, rules: NumberRules) -> str | None:
    """The E.164 number behind a prefix of the PBX."""
    for prefix in rules.strip_prefixes:
        rest = code.removeprefix(prefix)
        key = _outside(rest, rules) if rest != code else None
        # With 0 for a line, "04931 123456" is a call from Norden that came without it, not "+49 31 123456".
        is_guess = (
            key is not None and rest.isdigit() and key.endswith(rest) and plan.needs_trunk(rules.region)
        )
        if key and not (is_guess and _outside(code, rules)):
            return key
    return None


def _outside(code: str, rules: NumberRules) -> str | None:
    if code.startswith("+") and not code.startswith("+0"):
        return plan.international(code[1:]) if code[1:].isdigit() else None
    # No country code begins with 0: a plus before it means nothing.
    digits = code.lstrip("+")
    return plan.dialled(digits, rules.region) if digits.isdigit() else None
