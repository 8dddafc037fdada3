"""The strict part of every checker: bytes in, a tree that keeps its vendor's grammar out, or NotAccepted.

A grammar is a content model for each element, written as in a DTD: "Title, Prompt?, (MenuItem | SoftKey)*".
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, ClassVar, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

from lookupd.views.phones.language import read_catalogues

if TYPE_CHECKING:
    from collections.abc import Mapping

DIALLABLE = re.compile(r"\+?[0-9*#]+")
_DECLARATION = re.compile(
    r"<\?xml version=[\"']1\.0[\"'] encoding=[\"']utf-8[\"'](?: standalone=[\"']yes[\"'])?\?>\s*",
    re.IGNORECASE,
)
_URL = re.compile(
    r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9\-._~!$'()*,;:@%/]*)?(?:\?[A-Za-z0-9\-._~!$&'()*,;:@%/?=+]*)?"
)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class NotAccepted(AssertionError):
    """What a phone would not show, or not as it was meant."""


class Element(NamedTuple):
    """What an element may hold: a content model or `TEXT`, and attributes; those with `?` may be missing."""

    content: str
    attributes: str = ""


TEXT = "#text"


def grammar_of(texts: str, models: Mapping[str, Element]) -> Mapping[str, Element]:
    """A grammar of elements that hold text only, and others."""
    return {**dict.fromkeys(texts.split(), Element(TEXT)), **models}


class Checker:
    """A document as its vendor's phone reads it. Raises NotAccepted for anything that is not right."""

    #: element -> what it may hold; one of several models for one name is told by "Parent/Name"
    grammar: ClassVar[Mapping[str, Element]]
    #: elements a document may begin with
    roots: ClassVar[frozenset[str]]
    #: bytes of a document at most
    most_bytes: ClassVar[int | None] = None
    #: namespace of all elements
    namespace: ClassVar[str | None] = None
    content_type: ClassVar[str] = "text/xml; charset=utf-8"

    def __init__(self, body: bytes) -> None:
        if self.most_bytes is not None:
            require(len(body) <= self.most_bytes, f"{len(body)} bytes, more than {self.most_bytes}")
        self.body = body
        self.root = self._parsed(body)
        #: the name of the root: which kind of document this is
        self.kind = self.root.tag
        require(self.kind in self.roots, f"<{self.kind}> is no document of this phone")
        self._check(self.root, "")
        #: what a user sees, in its order: name and number; a row that only says something has no number
        self.rows: list[tuple[str, str]] = []
        #: where the keys or rows for the next and the previous page lead
        self.next: str | None = None
        self.previous: str | None = None
        self._read()
        for name, number in self.rows:
            check_name(name)
            check_number(number, may_be_empty=len(self.rows) == 1)

    @property
    def numbers(self) -> list[tuple[str, str]]:
        """The rows that can be dialled."""
        return [(name, number) for name, number in self.rows if number]

    def text(self, path: str) -> str:
        """The text of the first element on a path; "" where there is none."""
        return said(self.root.find(path))

    def _read(self) -> None:
        """Find rows, next, previous, and what else the vendor wants."""
        raise NotImplementedError

    def link(self, label: str, url: str) -> None:
        """Remember a link by what it says, and check it."""
        check_url(url)
        if label in _LABELS["next"]:
            require(self.next is None, "two ways to the next page")
            self.next = url
        elif label in _LABELS["previous"]:
            require(self.previous is None, "two ways to the previous page")
            self.previous = url

    def _parsed(self, body: bytes) -> ET.Element:
        text = decoded(body)
        declaration = _DECLARATION.match(text)
        require(declaration is not None, "no XML declaration of UTF-8")
        return parsed(text[declaration.end() if declaration else 0 :], self.namespace)

    def _check(self, element: ET.Element, parent: str) -> None:
        model = self.grammar.get(f"{parent}/{element.tag}") or self.grammar.get(element.tag)
        if model is None:
            raise NotAccepted(f"<{element.tag}> in <{parent}> is unknown to this phone")
        _check_attributes(element, model)
        _check_content(element, model)
        for child in element:
            self._check(child, element.tag)


def require(claim: object, problem: str) -> None:
    """Raise NotAccepted unless a claim holds."""
    if not claim:
        raise NotAccepted(problem)


def said(element: ET.Element | None) -> str:
    """The text of an element; "" without one."""
    return (element.text or "") if element is not None else ""


def decoded(body: bytes) -> str:
    """UTF-8 without a byte order mark, and only characters that belong into a document."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotAccepted(f"no UTF-8: {error}") from None
    require(not text.startswith("\ufeff"), "a byte order mark")
    for character in set(text):
        is_odd = unicodedata.category(character) in {"Cc", "Cs"} or ord(character) & 0xFFFE == 0xFFFE
        require(not is_odd or character in "\n\t", f"U+{ord(character):04X} in the document")
    return text


def parsed(text: str, namespace: str | None) -> ET.Element:
    """The tree; nothing but elements, attributes and text."""
    for trick in ("<!--", "<![CDATA[", "<!DOCTYPE", "<!ENTITY", "<?"):
        require(trick not in text, f"{trick} in the document")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise NotAccepted(f"not well-formed: {error}") from None
    prefix = f"{{{namespace}}}" if namespace else ""
    for element in root.iter():
        require(element.tag.startswith(prefix), f"<{element.tag}> is outside {namespace}")
        element.tag = element.tag.removeprefix(prefix)
        require("{" not in element.tag, f"<{element.tag}> has a namespace")
    return root


def check_name(name: str) -> None:
    """A name is there, in one line, without blanks around it."""
    require(name.strip(), "an empty name")
    require(name == name.strip(), f"blanks around {name!r}")
    require(
        not any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in name), f"{name!r}: controls"
    )


def check_number(number: str, *, may_be_empty: bool = False) -> None:
    """A number can be dialled as it is; only a document's single row may have none."""
    require(DIALLABLE.fullmatch(number) or (may_be_empty and not number), f"{number!r} cannot be dialled")


def check_url(url: str) -> str:
    """An absolute URL, its values percent-encoded."""
    require(_URL.fullmatch(url), f"{url!r} is no absolute URL, or not encoded")
    require(not _BROKEN_ESCAPE.search(url), f"{url!r} has a broken escape")
    query = urlsplit(url).query.removesuffix("&")
    if query:
        try:
            parse_qsl(query, keep_blank_values=True, strict_parsing=True, errors="strict")
        except ValueError as error:
            raise NotAccepted(f"{url!r}: {error}") from None
    return url


def _check_attributes(element: ET.Element, model: Element) -> None:
    names = model.attributes.split()
    allowed = {name.removesuffix("?") for name in names}
    needed = {name for name in names if not name.endswith("?")}
    require(set(element.attrib) <= allowed, f"<{element.tag}> has {sorted(set(element.attrib) - allowed)}")
    require(needed <= set(element.attrib), f"<{element.tag}> lacks {sorted(needed - set(element.attrib))}")


def _check_content(element: ET.Element, model: Element) -> None:
    children = "".join(f"{child.tag} " for child in element)
    if model.content == TEXT:
        require(not children, f"<{element.tag}> holds {children}")
        return
    loose = [element.text or "", *(child.tail or "" for child in element)]
    require(TEXT in model.content or not "".join(loose).strip(), f"text in <{element.tag}>: {loose}")
    pattern = _pattern(model.content)
    require(
        pattern.fullmatch(children), f"<{element.tag}> holds {children or 'nothing'}, not {model.content}"
    )


@cache
def _pattern(content: str) -> re.Pattern[str]:
    """A content model as an expression over names that end with a blank each; ", " parts, "{0,32}" counts."""
    named = re.sub(r"[A-Za-z_]\w*", r"(?:\g<0>\\x20)", content.replace(TEXT, ""))
    return re.compile(re.sub(r",\s+|\s+", "", named))


def _labels(*texts: str) -> frozenset[str]:
    """The texts in every language, whole and as long as a softkey."""
    every = {catalogue[text] for catalogue in read_catalogues().values() for text in texts} | set(texts)
    return frozenset(every | {text[:8].rstrip() for text in every})


_LABELS = {
    "next": _labels("Next", "Next page"),
    "previous": _labels("Previous", "Previous page") - _labels("Next", "Next page"),
}
