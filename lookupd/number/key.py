"""What is compared: the number, the keys a question looks for, and how good a match is."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from lookupd.number import plan

#: fewer last digits than these name too many wrong persons (docs/numbers.md has the figures)
SUFFIX_DIGITS = 9
#: how many last digits a declared block may leave open
BLOCK_DIGITS = 4
#: digits of a number that hardly is an internal one
_NATIONAL = 7


class Number(NamedTuple):
    """A telephone number in the one form that is compared; only `parse` and `parse_cell` make it.

    A tuple, as it is made and looked for with each question: both take a third of the time.
    """

    #: E.164, "+33123456789"; or a block of it, "+331234567xx"; or the digits, `*` and `#` of an internal
    #: number or short code
    key: str
    #: "7" of "ext. 7": what is dialled after the key has answered; None without
    extension: str | None = None

    @property
    def is_international(self) -> bool:
        """Whether this is an E.164 number or a block of them, so means the same everywhere."""
        return self.key.startswith("+")

    @property
    def is_block(self) -> bool:
        """Whether this stands for all numbers that begin alike: each `x` is any digit."""
        return self.key.endswith("x")

    @property
    def may_be_national(self) -> bool:
        """Whether these are digits that no numbering plan explained, and too many for an internal number."""
        return self.key.isdigit() and len(self.key) >= _NATIONAL


class Tier(StrEnum):
    """How well a known number answers a question, best first."""

    EXACT = "exact"
    EXTENSION = "extension"
    COMPANY = "company"
    SUFFIX = "suffix"


#: the tiers of those who have a number themselves
ITSELF = frozenset({Tier.EXACT, Tier.EXTENSION})


def question_keys(number: Number, *, with_suffix: bool = True) -> tuple[tuple[Tier, str], ...]:
    """The keys to look for, best tier first, the smallest block before the larger ones.

    Last digits are looked for `with_suffix` only. Internal numbers, short codes and blocks give only their
    exact key. Whether a row found by the exact key is EXACT or EXTENSION depends on its extension: `match`
    says so.
    """
    exact = (Tier.EXACT, number.key)
    if not number.is_international or number.is_block:
        return (exact,)
    blocks = [(Tier.COMPANY, number.key[:-open_] + "x" * open_) for open_ in range(1, BLOCK_DIGITS + 1)]
    suffix = suffix_key(number) if with_suffix else None
    return (exact, *blocks, (Tier.SUFFIX, suffix)) if suffix else (exact, *blocks)


def suffix_key(number: Number) -> str | None:
    """`~` and the last nine digits; None for a block and for less than nine digits after the country code."""
    if not number.is_international or number.is_block:
        return None
    national = plan.national_part(number.key)
    return "~" + national[-SUFFIX_DIGITS:] if len(national) >= SUFFIX_DIGITS else None


def match_extension(asked: str | None, known: str | None) -> Tier | None:
    """The tier of two equal keys, by their extensions; None for those of two persons."""
    if asked == known:
        return Tier.EXACT
    return Tier.EXTENSION if asked is None or known is None else None


def match(asked: Number, known: Number) -> Tier | None:
    """The best tier by which a known number answers the asked one, or None.

    EXTENSION: the same number, but only one of both names an extension. Two different extensions of one
    number are two persons.
    """
    if asked.key == known.key:
        return match_extension(asked.extension, known.extension)
    wanted = {key: tier for tier, key in question_keys(asked)}
    if known.key in wanted:
        return wanted[known.key]
    suffix = suffix_key(known)
    return wanted.get(suffix) if suffix else None
