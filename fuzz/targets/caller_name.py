"""Any name of a caller: one line that ends no header, address or command of a PBX, with all its letters.

Input: the name.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from fuzz import given, strict
from lookupd.views.caller_id.name import ascii_only, clean, cut
from lookupd.views.caller_id.question import LONGEST
from lookupd.views.fastagi.agi import VALUE, command
from lookupd.views.fastagi.naming import Naming
from lookupd.views.fastagi.settings import Settings

_HARMFUL: Final = frozenset('"<>\\,;|')
_JOINERS: Final = frozenset("\u200c\u200d")


def run(data: bytes) -> None:
    """Check one input."""
    text = given.text(data)
    line = clean(text)
    assert clean(line) == line
    _check_harmless(line)
    assert _letters(line) == _letters(text), line
    plain = clean(ascii_only(text))
    assert plain.isascii(), plain
    assert plain.isprintable(), plain
    _check_harmless(plain)
    assert plain == line or not text.isascii(), plain
    for length in (1, 8, 24):
        short = cut(line, length)
        assert line.startswith(short), short
        assert len(short) <= length, short
        assert short or not line, short
    _check_agi(text)


def _check_harmless(line: str) -> None:
    assert not _HARMFUL & set(line), line
    assert line == " ".join(line.split()), line
    odd = {char for char in line if unicodedata.category(char)[0] == "C"} - _JOINERS
    assert not odd, line


def _letters(text: str) -> list[str]:
    """The letters and digits of a text, without their accents."""
    return list(filter(str.isalnum, unicodedata.normalize("NFD", text)))


def _check_agi(text: str) -> None:
    """Fail unless Asterisk reads one command that sets one variable, whatever the value."""
    naming = _naming()
    shown = naming.line(text)
    _check_harmless(shown)
    assert not set("$`") & set(shown), shown
    assert _letters(shown) == _letters(text) or len(text) > LONGEST, shown
    assert strict.agi(command("CALLERID(name)", shown))[3] == shown
    *words, value = strict.agi(command("LOOKUPD_NOTE", text))
    assert words == ["SET", "VARIABLE", "LOOKUPD_NOTE"]
    assert len(value.encode()) <= VALUE
    assert _letters(value) == _letters(text) or len(text.encode(errors="replace")) > VALUE


@cache
def _naming() -> Naming:
    return Naming(Settings(length=LONGEST))


TARGET = run
