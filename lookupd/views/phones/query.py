"""What phones send behind the question mark, as tolerantly as their firmwares need it. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from lookupd.fold import words
from lookupd.views.phones.document import clean, clip

if TYPE_CHECKING:
    from collections.abc import Mapping

#: what a phone adds with a second question mark
_AGAIN: Final = re.compile(r"\?(?=[A-Za-z_]\w*=)")
#: in a phone's configuration it stands for what is typed; some phones send it as it is
_PLACEHOLDERS: Final = frozenset({"#search", "__t__"})
#: characters of a term
_LONGEST: Final = 64
_WHOLE: Final = re.compile(r"\s*([+-]?)([0-9]{1,30})\s*")
#: no list is longer
_FAR: Final = 10**9


class NoNumber(ValueError):
    """A parameter that must be a whole number is none; its name is the message."""


def parse(raw: str) -> dict[str, str]:
    """The parameters of a query; of several with one name the last.

    A `+` is a blank, and what is no UTF-8 is read as Latin-1, which old firmwares send.
    """
    pairs = (part.partition("=") for part in _AGAIN.sub("&", raw.lstrip("?")).split("&") if part)
    return {_decoded(name): _decoded(value) for name, _, value in pairs}


def _decoded(text: str) -> str:
    data = unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def term(text: str) -> str:
    """What is to be searched for: stars mean anything, and so do placeholders that were not replaced.

    Of more than anybody types on a telephone, the beginning is taken: links repeat it, and pages are short.
    """
    text = clean(text)
    return "" if text.casefold() in _PLACEHOLDERS else clip(clean(text.replace("*", " ")), _LONGEST)


def letters(text: str) -> int:
    """How many letters and digits of a term narrow a search: no signs, no word that begins another one."""
    typed = {*words(text)}
    return sum(
        len(word) for word in typed if not any(other != word and other.startswith(word) for other in typed)
    )


def whole(query: Mapping[str, str], name: str) -> int | None:
    """A whole number, or None where it is not sent, or empty. Raises NoNumber for anything else."""
    text = query.get(name, "")
    if not text.strip():
        return None
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise NoNumber(name)
    value = min(int(found[2]), _FAR)
    return -value if found[1] == "-" else value
