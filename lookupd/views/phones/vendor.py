"""What a vendor is: its limits, and how it shows each kind of page. One value for each kind of phone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from lookupd.views.phones import query
from lookupd.views.phones.document import Book, clip, xml
from lookupd.views.phones.label import label
from lookupd.views.phones.page import Page, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.language import Texts
    from lookupd.views.phones.link import Links
    from lookupd.views.phones.rows import Number, Row

XML: Final = "text/xml"
XHTML: Final = "text/html"
#: so many rows where a phone takes any number
MANY: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a phone can take."""

    #: rows in one document
    rows: int = MANY
    #: characters of a name, and of what is dialled
    name: int = 64
    number: int = 32
    #: bytes of a document
    size: int | None = None
    #: numbers in one row
    numbers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What a page is drawn with, besides its rows."""

    texts: Texts
    links: Links
    limits: Limits
    #: what is searched for
    term: str = ""
    #: all that the phone sent
    query: Mapping[str, str] = field(default_factory=dict)

    def name(self, row: Row) -> str:
        """The name in a row; a further number of a contact says what it is for."""
        header = row.numbers[0].header if row.numbers else ""
        suffix = f" ({self.label(row.numbers[0]).lower()})" if row.is_further and header.strip() else ""
        return clip(row.entry.name, self.limits.name - len(suffix)) + suffix

    def label(self, number: Number) -> str:
        """What a number is for, in a few letters."""
        return clip(label(number.header, self.texts), self.limits.name // 3)

    def page(self, offset: int) -> str:
        """The link to the page at an offset."""
        return self.links.to("lookup", term=self.term, offset=offset)


#: how a phone shows the start, the form to type in, a page of rows, and a message
DrawStart: TypeAlias = "Callable[[Sheet], Element]"
DrawPage: TypeAlias = "Callable[[Sheet, Page], Element | Book]"
DrawMessage: TypeAlias = "Callable[[Sheet, str], Element | Book]"


def window(limits: Limits, sent: Mapping[str, str], _total: int) -> Window:
    """The rows that `limit` and `offset` ask for. Raises NoNumber where they are none."""
    offset, limit = query.whole(sent, "offset") or 0, query.whole(sent, "limit") or 0
    most = min(limit, limits.rows) if limit > 0 else limits.rows
    return Window(offset=offset, most=most, size=limits.size)


def typed(sent: Mapping[str, str]) -> str | None:
    """What was typed, or None where the phone does not say."""
    return sent.get("term")


def nothing(_sent: Mapping[str, str]) -> None:
    """The number whose owner is asked for: phones do not ask that, as a rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """A kind of phone. None stands for what it has no page for."""

    limits: Limits
    page: DrawPage
    message: DrawMessage | None = None
    menu: DrawStart | None = None
    input: DrawStart | None = None
    #: whether it takes a copy of everybody, and is better left with the old one than given a part
    is_book: bool = False
    #: names of a file with everybody, which the phone adds to the URL
    files: tuple[str, ...] = ()
    content_type: str = XML
    write: Callable[[Element | Book], bytes] = xml
    #: how it says what it wants
    term: Callable[[Mapping[str, str]], str | None] = typed
    number: Callable[[Mapping[str, str]], str | None] = nothing
    window: Callable[[Limits, Mapping[str, str], int], Window] = window
