"""Any texts in a document for phones: it is well-formed, has no element more, and says what was meant.

Input: a name, an attribute, a term and a profile, a line each.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree as ET

from fuzz import given
from lookupd.views.phones.document import Book, clip, node, xhtml, xml
from lookupd.views.phones.link import PLAIN, USER, Links

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_BASE: Final = "https://phones.example.org:9489/under"
#: kinds of characters that no line may hold: controls, halves, line and paragraph separators
_BREAKING: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


def run(data: bytes) -> None:
    """Check one input."""
    name, attribute, term, profile = given.lines(data, 4)
    link = _link(_whole(attribute), _whole(term), _whole(profile))
    entries = [node("Name", name), node("URL", link)]
    for document in (
        xml(node("Directory", *entries, title=attribute)),
        xml(Book("Directory", entries, {"title": attribute})),
        xhtml(node("Directory", *entries, title=attribute)),
    ):
        read = ET.fromstring(document)  # noqa: S314 - it is our own
        assert [element.tag for element in read.iter()] == ["Directory", "Name", "URL"], document
        assert [set(element.attrib) for element in read.iter()] == [{"title"}, set(), set()], document
        _check_said(read.get("title", ""), attribute)
        _check_said(_text(read, "Name"), name)
        assert _text(read, "URL") == link, document


def _link(user: str, term: str, profile: str) -> str:
    """A link with these in it, which says the same when it is taken apart."""
    words = {"vendor": "cisco", "profile": profile}
    link = Links(base=_BASE, form=PLAIN, words=words, kept={USER: user}).to("lookup", term=term, offset=7)
    assert link.isascii(), link
    assert link.isprintable(), link
    parts = urlsplit(link)
    assert f"{parts.scheme}://{parts.netloc}" == "https://phones.example.org:9489", link
    assert parts.path.split("/") == ["", "under", "phones", "cisco", quote(profile, safe=""), "lookup"], link
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict")
    assert pairs == [(USER, user), ("term", term), ("offset", "7")], link
    assert not parts.fragment, link
    return link


def _whole(text: str) -> str:
    """A text as a query can bring it: of whole characters."""
    return text.encode("utf-8", "replace").decode()


def _text(read: Element, tag: str) -> str:
    found = read.find(tag)
    assert found is not None
    return found.text or ""


def _check_said(shown: str, text: str) -> None:
    """Fail unless a text is shown in one line, with all its letters and digits."""
    assert not any(unicodedata.category(char) in _BREAKING for char in shown), shown
    assert shown == " ".join(shown.split()), shown
    assert list(filter(str.isalnum, shown)) == list(filter(str.isalnum, text)), (shown, text)
    for length in (1, 8, 24):
        clipped = clip(shown, length)
        assert shown.startswith(clipped), (clipped, shown)
        assert len(clipped) <= length, clipped
        assert clipped or not shown, shown


TARGET = run
