"""The encoding of a text file that does not tell it."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, BinaryIO

from charset_normalizer import from_bytes

from lookupd import SourceError

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = 1 << 20  # bytes read at once
_SAMPLE = 1 << 16  # bytes of non-ASCII lines that a guess looks at
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What people have besides cp1252; more would only make the guess worse.
_ENCODINGS = [
    *("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "cp866", "cp850"),
    *("mac_roman", "cp932", "euc_jp", "gb18030", "big5", "cp949"),
]
# What Western texts hardly have: three accents in a row, a capital with an accent after a small letter, a
# symbol glued to the front of a letter (signs of money, law and measure, low quotes, daggers).
_NOT_WESTERN = re.compile(
    r"[\u00c0-\u00ff\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192]{3}"
    r"|[a-z\u00df-\u00ff][\u00c0-\u00de\u0152\u0160\u0178\u017d]"
    r"|[\u00a2-\u00a6\u00a8\u00a9\u00ac\u00ae\u00af\u00b1-\u00b6\u00b8\u00b9\u00bc-\u00be\u00d7\u00f7"
    r"\u02c6\u02dc\u201a\u201e\u2020\u2021\u2030\u2039\u2122][A-Za-z\u00c0-\u00ff]"
)


def encoding_of(raw: BinaryIO, path: Path) -> str:
    """The encoding by its mark; else UTF-8 if every byte of the file fits; else a guess.

    Raises SourceError where it cannot be found out, or the file ends within a character.
    """
    start = raw.read(4)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    raw.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := raw.read(_BLOCK):
            decoder.decode(block)
    except UnicodeDecodeError:
        raw.seek(0)
        return _guess(raw, path)
    if decoder.getstate()[0]:
        raise SourceError(f"{path}: ends within a character; it is half-written, or set encoding")
    return "utf-8"


def _guess(raw: BinaryIO, path: Path) -> str:
    """cp1252 where it reads like a Western text, else what charset-normalizer finds likeliest."""
    sample = bytearray()
    for line in raw:
        if not line.isascii():
            sample += line
        if len(sample) > _SAMPLE:
            break
    try:
        western = sample.decode("cp1252")
    except UnicodeDecodeError:
        western = ""
    accents = sum(character > "\x7f" for character in western)
    if western and 20 * len(_NOT_WESTERN.findall(western)) <= accents:
        return "cp1252"
    best = from_bytes(bytes(sample), cp_isolation=_ENCODINGS).best()
    if best is None:
        raise SourceError(f"{path}: its encoding cannot be found out; set encoding")
    return best.encoding
