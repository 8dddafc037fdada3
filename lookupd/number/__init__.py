"""Text in, the one canonical number out, and what is compared with what. Nothing else compares numbers.

Pure: no clock, no input, no output. How numbers are read is told in docs/numbers.md.
"""

from lookupd.number.cell import parse_cell
from lookupd.number.key import ITSELF, Number, Tier, match, match_extension, question_keys, suffix_key
from lookupd.number.reading import NumberRules, parse
from lookupd.number.spelling import ALL, Spelling, national_digits, spellings

__all__ = [
    "ALL",
    "ITSELF",
    "Number",
    "NumberRules",
    "Spelling",
    "Tier",
    "match",
    "match_extension",
    "national_digits",
    "parse",
    "parse_cell",
    "question_keys",
    "spellings",
    "suffix_key",
]
