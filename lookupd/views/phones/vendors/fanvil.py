"""Fanvil: its XML browser (v1), and its remote phone book (v2), which has a place for three numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.phones.document import Book, node
from lookupd.views.phones.rows import slots
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page
    from lookupd.views.phones.rows import Row


def _input(sheet: Sheet) -> Element:
    field = node(
        "InputField",
        node("Prompt", sheet.texts("Name or number")),
        node("Parameter", "term"),
        node("Default"),
    )
    return node(
        "FanvilIPPhoneInputScreen",
        node("Title", sheet.texts("Search")),
        node("URL", sheet.links.to("lookup")),
        field,
    )


def _page(sheet: Sheet, page: Page) -> Element:
    rows = [(sheet.name(row), row.numbers[0].digits) for row in page.rows]
    keys = [
        *([("Previous", sheet.page(page.previous))] if page.previous is not None else []),
        *([("Next", sheet.page(page.next))] if page.next is not None else []),
    ]
    items = (_item(*row) for row in rows or [(sheet.texts("No entries"), "")])
    softkeys = (node("SoftKey", node("Name", sheet.texts(name)), node("URI", url)) for name, url in keys)
    return node("FanvilIPPhoneDirectory", node("Title", sheet.texts("Directory")), *items, *softkeys)


def _message(sheet: Sheet, text: str) -> Element:
    return node("FanvilIPPhoneDirectory", node("Title", sheet.texts("Directory")), _item(text, ""))


def _item(prompt: str, uri: str) -> Element:
    return node("MenuItem", node("Prompt", prompt), node("URI", uri))


def _book(sheet: Sheet, page: Page) -> Book:
    rows = (_book_entry(sheet, row) for row in page.rows)
    return Book("PhoneBook", rows if page.rows else [_written(sheet.texts("No entries"), "", "", "")])


def _book_entry(sheet: Sheet, row: Row) -> Element:
    main, mobile, other = (number.digits if number else "" for number in slots(row.numbers))
    return _written(sheet.name(row), main, mobile, other)


def _written(name: str, main: str, mobile: str, other: str) -> Element:
    numbers = (node("Telephone", main), node("Mobile", mobile), node("Other", other))
    return node("DirectoryEntry", node("Name", name), *numbers, node("Ring", "Default"), node("Group"))


def _book_message(_sheet: Sheet, text: str) -> Element:
    return node("PhoneBook", _written(text, "", "", ""))


FANVIL = Vendor(limits=Limits(rows=16), input=_input, page=_page, message=_message)
FANVIL_BOOK = Vendor(limits=Limits(numbers=3), page=_book, message=_book_message, is_book=True)
