"""Thomson and Technicolor ST2022, ST2030, TB30: a book of short pages, with links behind its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.phones.document import node
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page


def _page(sheet: Sheet, page: Page) -> Element:
    rows = [_entry(sheet.name(row), f"Dial:{row.numbers[0].digits}") for row in page.rows]
    links = [
        *([("Previous page", sheet.page(page.previous))] if page.previous is not None else []),
        *([("Next page", sheet.page(page.next))] if page.next is not None else []),
    ]
    items = (node("MenuItem", node("Name", sheet.texts(name)), node("URL", url)) for name, url in links)
    return node("ThomsonPhoneBook", *(rows or [_entry(sheet.texts("No entries"), "")]), *items)


def _entry(name: str, number: str) -> Element:
    return node("DirectoryEntry", node("Name", name), node("Telephone", number))


def _message(_sheet: Sheet, text: str) -> Element:
    return node("ThomsonPhoneBook", _entry(text, ""))


THOMSON = Vendor(limits=Limits(rows=8), page=_page, message=_message)
