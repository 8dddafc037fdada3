"""Documents for phones: elements in, bytes out. Rule: every text goes through `node`, and only here.

What no XML document may hold is removed, and lines become blanks; the standard library escapes the rest.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from xml.etree.ElementTree import Element

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_DOCTYPE: Final = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
)
#: controls, half characters, code points that are none; and what turns the direction of all that follows
_UNWANTED: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef"
    "\ud800-\udfff\ufffe\uffff"
    + "".join(f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(1, 17))
    + "]"
)
#: joins what stands before it with what follows
_JOINERS: Final = "\u200c\u200d"


def clean(text: str) -> str:
    """A text as one line that XML can hold; perhaps empty."""
    return " ".join(_UNWANTED.sub("", text).split())


def is_seen(text: str) -> bool:
    """Whether anything of a text can be seen: a letter, a digit, a sign."""
    return any(unicodedata.category(char)[0] in "LNSP" for char in text)


def clip(text: str, length: int) -> str:
    """At most so many characters of a text; no accent, and no part of an emoji, loses what it belongs to."""
    if len(text) <= length:
        return text
    end = max(0, length)
    while end > 0 and _belongs(text, end):
        end -= 1
    return text[:end].rstrip() or text[:length].strip()


def _belongs(text: str, at: int) -> bool:
    """Whether a character is a part of the one before it."""
    mark = text[at]
    if mark in _JOINERS or text[at - 1] in _JOINERS or "\U0001f3fb" <= mark <= "\U0001f3ff":
        return True
    return unicodedata.category(mark) in {"Mn", "Mc", "Me"}


def node(tag: str, *content: str | Element, **attributes: str) -> Element:
    """An element with texts and elements in it, in their order."""
    made = ET.Element(tag, {name: clean(value) for name, value in attributes.items()})
    for part in content:
        if not isinstance(part, str):
            made.append(part)
        elif len(made):
            made[-1].tail = clean(part)
        else:
            made.text = clean(part)
    return made


@dataclass(frozen=True, slots=True)
class Book:
    """A root with so many elements that they are best made, written and forgotten one by one.

    A tree of a hundred thousand elements makes the garbage collector stop everybody for 150 ms.
    """

    tag: str
    content: Iterable[Element]
    attributes: Mapping[str, str] = field(default_factory=dict)


def xml(root: Element | Book) -> bytes:
    """A document."""
    if not isinstance(root, Book):
        return f"{_DECLARATION}{ET.tostring(root, encoding='unicode')}\n".encode()
    shell = node(root.tag, **root.attributes)
    end = f"</{root.tag}>"
    begin = ET.tostring(shell, encoding="unicode", short_empty_elements=False).removesuffix(end)
    content = "".join([ET.tostring(part, encoding="unicode") for part in root.content])
    return f"{_DECLARATION}{begin}{content}{end}\n".encode()


def xhtml(root: Element | Book) -> bytes:
    """A page for browsers that take strict XHTML only."""
    if isinstance(root, Book):
        raise TypeError("a page is no book")
    return f"{_DECLARATION}{_DOCTYPE}{ET.tostring(root, encoding='unicode')}\n".encode()
