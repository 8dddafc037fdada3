"""Yealink: the remote phone book, with or without `#SEARCH`; it has no pages, so a phone gets all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.phones.document import Book, node
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page
    from lookupd.views.phones.rows import Row


def _page(sheet: Sheet, page: Page) -> Book:
    entries = (_entry(sheet, row) for row in page.rows)
    return Book("YealinkIPPhoneDirectory", entries if page.rows else [_dummy(sheet.texts("No entries"))])


def _entry(sheet: Sheet, row: Row) -> Element:
    numbers = [node("Telephone", number.digits, label=sheet.label(number)) for number in row.numbers]
    return node("DirectoryEntry", node("Name", sheet.name(row)), *numbers)


def _dummy(text: str) -> Element:
    return node("DirectoryEntry", node("Name", text), node("Telephone"))


def _message(_sheet: Sheet, text: str) -> Element:
    return node("YealinkIPPhoneDirectory", _dummy(text))


YEALINK = Vendor(limits=Limits(numbers=3), page=_page, message=_message, is_book=True)
