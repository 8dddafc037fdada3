"""Avaya J1xx: a list in which first and last names stand apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.phones.document import Book, node
from lookupd.views.phones.rows import parts
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page
    from lookupd.views.phones.rows import Row


def _page(sheet: Sheet, page: Page) -> Book:
    rows = (_entry(sheet, row) for row in page.rows)
    return Book("IPPhoneDirectory", rows if page.rows else [_named(sheet.texts("No entries"), "")])


def _entry(sheet: Sheet, row: Row) -> Element:
    phones = (
        node("Phone", node("Number", number.digits), node("Type", number.kind.name.capitalize()))
        for number in row.numbers
    )
    return _named(*parts(sheet.name(row)), *phones)


def _named(first: str, last: str, *phones: Element) -> Element:
    return node(
        "DirectoryEntry", node("LastName", last), node("FirstName", first), node("PhoneNumbers", *phones)
    )


def _message(_sheet: Sheet, text: str) -> Element:
    return node("IPPhoneDirectory", _named(text, ""))


AVAYA = Vendor(limits=Limits(numbers=3), page=_page, message=_message, is_book=True)
