"""Text -> the words by which contacts are found, the same for what is indexed and for what is typed.

Pure, and the only maker of search words. They suit an FTS5 table with `tokenize='ascii'`: they hold only
letters, digits and marks, so nothing in them can split a word or end a quoted string.
"""

# ruff: noqa: RUF001 (a table of letters holds letters that look alike)

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise
from typing import Final

#: Characters a typed term is read for; what follows is ignored.
TERM_LENGTH: Final = 512
#: Words a typed term is searched by: the first ones, each counted once.
TERM_WORDS: Final = 8
#: Characters that count in a word, typed or indexed.
WORD_LENGTH: Final = 32
#: The same in a script written without spaces, where every place of a run starts an indexed word ...
RUN_LENGTH: Final = 16
#: ... up to this many places.
RUN_STARTS: Final = 64
#: Spellings of one word.
SPELLINGS: Final = 8
#: Characters whose folding is kept in memory: more than names hold, yet a flood of oddities stays small.
LEARNT: Final = 20_000
#: Texts beyond ASCII whose words are kept in memory, as first names and towns come again; no longer ones.
REMEMBERED: Final = 8192
REMEMBERED_LENGTH: Final = 64

#: Signs inside a word that not everyone types: quotes, primes, modifier letters, half rings, geresh.
_APOSTROPHES: Final = (
    "'`\u00b4\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u055a\u05f3\u05f4"
    "\u07f4\u07f5\u1fbd\u1fbf\u1fef\u1ffd\u1ffe\u2018\u2019\u201b\u2032\ua78b\ua78c\uff07\uff40"
)

#: Letters that Unicode does not decompose, in the short spelling: what one types who lacks the key.
_SHORT: Final = {
    # Latin
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ɖ": "d", "þ": "th", "ħ": "h", "ŧ": "t",
    "ı": "i", "ȷ": "j", "ĸ": "k", "ŋ": "n", "ə": "a", "ɛ": "e", "ɔ": "o", "ɓ": "b", "ɗ": "d", "ƙ": "k",
    "ƴ": "y", "ɲ": "n", "ƀ": "b", "ɨ": "i", "ʉ": "u", "ƶ": "z", "ǥ": "g",
    # Cyrillic: typed without the hook
    "\u0491": "\u0433",
    # Arabic: alef wasla, alef maksura, teh marbuta; Persian and Urdu kaf, yeh, heh; tatweel
    "\u0671": "\u0627", "\u0649": "\u064a", "\u0629": "\u0647", "\u06a9": "\u0643", "\u06cc": "\u064a",
    "\u06c1": "\u0647", "\u06be": "\u0647", "\u06d5": "\u0647", "\u0640": "",
    # Han: two forms that are common in Japanese names and missing on keyboards
    "\u9ad9": "\u9ad8", "\ufa11": "\u5d0e",
    # Katakana is found by Hiragana, as readings of names are written in either
    **{chr(code): chr(code - 0x60) for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)},
}  # fmt: skip

#: Letters with a long spelling besides, in decomposed form. A word may mix: søgaard, soegård.
_LONG: Final = {
    "u\u0308": "ue", "o\u0308": "oe", "a\u0308": "ae", "ø": "oe", "a\u030a": "aa", "đ": "dj", "ð": "dh",
    "ə": "e", "ŋ": "ng",
}  # fmt: skip

#: Combining classes of marks that one may leave out: overlays, Hebrew points, Arabic and Syriac vowels,
#: accents above and below. Not so vowel signs, nuktas and viramas of India, kana voicing, Thai tones.
_ACCENT_CLASSES: Final = frozenset({1, *range(10, 37), *range(200, 241)})

#: Marks of class 0 that only choose a glyph: grapheme joiner, inherent Khmer vowels, variation selectors.
_INVISIBLE: Final = re.compile("[\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")

#: Scripts written without spaces: Thai, Lao, Myanmar, Hangul, Khmer, Kana, Bopomofo, Han.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3021-\u302f\u3031-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f"
    "\uac00-\ud7ff\uf900-\ufaff\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
_RUN: Final = re.compile(f"[{_UNSPACED}]+")
_RUN_OR_WORD: Final = re.compile(f"[{_UNSPACED}]+|[^ {_UNSPACED}]+")


def _fold(char: str) -> str:
    """What one decomposed character leaves in a word: itself, another, nothing; or a blank, which ends it."""
    if char in _APOSTROPHES or _INVISIBLE.match(char):
        return ""
    folded = unicodedata.normalize("NFKD", char.casefold())
    if folded != char:
        return "".join(map(_fold, folded))
    if char in _SHORT:
        return _SHORT[char]
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in {"Cf", "Me"} or unicodedata.combining(char) in _ACCENT_CLASSES:
        return ""
    return char if category[0] in "LMN" else " "


class _Letters(dict[int, str | None]):
    """A table for `str.translate` that learns a character when it first meets it."""

    def __missing__(self, code: int) -> str | None:
        folded = _fold(chr(code)) or None  # None, not "", keeps translate on its fast path for ASCII
        if len(self) < LEARNT:
            self[code] = folded
        return folded


_LETTERS: Final = _Letters()
#: the same for ASCII, as tables of bytes: what each becomes, and what is left out
_ASCII: Final = bytes(ord(_fold(chr(code)) or " ") for code in range(128)) + bytes(range(128, 256))
_ASCII_LEFT_OUT: Final = bytes(code for code in range(128) if not _fold(chr(code)))
_JOINED: Final = dict.fromkeys(map(ord, _APOSTROPHES))
_APART: Final = dict.fromkeys(map(ord, _APOSTROPHES), " ")


def words(text: str) -> list[str]:
    """The folded words of a text, in order: "Müller-Lüdenscheidt O'Brien" gives muller, ludenscheidt, obrien.

    Folding them again changes nothing. Scripts with and without spaces part: "ABC株式会社" has two words.
    """
    if text.isascii():
        return text.encode().translate(_ASCII, _ASCII_LEFT_OUT).decode().split()
    return _split(_decomposed(text))


def index_terms(text: str) -> list[str]:
    """What the index stores for a text, to be joined by blanks: its words and what else finds them.

    That is their long spellings (mueller, soerensen, djordjevic), the parts around an apostrophe (o and brien
    beside obrien) and, in scripts without spaces, what starts at every place of a run (太郎 in 山田太郎) and
    two neighbours as one, in either order (山田太郎 for 太郎 山田).
    """
    if text.isascii() and "'" not in text and "`" not in text:
        whole = words(text)
        if len(text) > WORD_LENGTH:
            whole = [word[:WORD_LENGTH] for word in whole]
        return list(dict.fromkeys(whole)) if len(whole) > 1 else whole
    return [*(_remembered_terms(text) if len(text) <= REMEMBERED_LENGTH else _terms(text))]


def _terms(text: str) -> tuple[str, ...]:
    """The same for any text."""
    apart = text.translate(_APART)
    spellings = _spellings(text) if apart == text else _spellings(text) + _spellings(apart)
    terms = [term for word in spellings for spelling in word for term in _starts(spelling)]
    if not text.isascii():
        runs = [word for word, *_ in spellings if _RUN.match(word)]
        terms += [_cut(both) for one, other in pairwise(runs) for both in (one + other, other + one)]
    return tuple(dict.fromkeys(terms))


_remembered_terms: Final = lru_cache(REMEMBERED)(_terms)


def query_words(term: str) -> list[tuple[str, ...]]:
    """For each word of a typed term its spellings: "Müller A" gives (muller, mueller) and (a,).

    A contact is a hit if each word has a spelling that begins one of its indexed terms, in whatever order.
    The list is empty if the term holds no word ("%", "''"). Lengths are bounded by the constants above.
    """
    spellings = _spellings(term[:TERM_LENGTH])
    cut = (tuple(dict.fromkeys(map(_cut, word))) for word in spellings)
    return list(dict.fromkeys(cut))[:TERM_WORDS]


def _decomposed(text: str) -> str:
    """Lower case and NFKD, with accents, without apostrophes (of which NFKD would make blanks)."""
    compatible = unicodedata.normalize("NFKD", text.translate(_JOINED))
    return unicodedata.normalize("NFKD", compatible.casefold())


def _split(decomposed: str) -> list[str]:
    """The words, in the short spelling. NFC puts kana voicing, Hangul and Indic vowels together again."""
    folded = decomposed.translate(_LETTERS)
    if folded.isascii():
        return folded.split()
    folded = unicodedata.normalize("NFC", folded)
    return _RUN_OR_WORD.findall(folded) if _RUN.search(folded) else folded.split()


def _spellings(text: str) -> list[tuple[str, ...]]:
    """For each word its spellings, once each, the short one first."""
    if text.isascii():
        return [(word,) for word in words(text)]
    return [word for chunk in _decomposed(text).split() for word in _chunk_spellings(chunk)]


def _chunk_spellings(chunk: str) -> list[tuple[str, ...]]:
    """The same for a decomposed text without blanks."""
    variants = [chunk]
    for letter, long in _LONG.items():
        if letter in chunk and len(variants) < SPELLINGS:
            variants += [variant.replace(letter, long) for variant in variants]
    spelt = zip(*map(_split, variants), strict=True)  # letters became letters, so the words correspond
    return [tuple(dict.fromkeys(word)) for word in spelt]


def _cut(word: str) -> str:
    return word[:RUN_LENGTH] if _RUN.match(word) else word[:WORD_LENGTH]


def _starts(word: str) -> list[str]:
    """The word as it is indexed; for a run, a piece from every place but those where a mark would lead."""
    if word.isascii() or not _RUN.match(word):
        return [word[:WORD_LENGTH]]
    pieces = (word[at : at + RUN_LENGTH] for at in range(min(len(word), RUN_STARTS)))
    return [piece for at, piece in enumerate(pieces) if at == 0 or unicodedata.category(piece[0])[0] != "M"]
