"""Htek, Mitel SIP-DECT, and many others: a list of names and numbers, under a root of their own."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from lookupd.views.phones.document import Book, node
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page


def _vendor(root: str, limits: Limits, *, is_titled: bool = False) -> Vendor:
    def page(sheet: Sheet, page: Page) -> Book:
        rows = (entry(sheet.name(row), *(number.digits for number in row.numbers)) for row in page.rows)
        return drawn(sheet, rows if page.rows else [entry(sheet.texts("No entries"), "")])

    def message(sheet: Sheet, text: str) -> Book:
        return drawn(sheet, [entry(text, "")])

    def entry(name: str, *numbers: str) -> Element:
        return node("DirectoryEntry", node("Name", name), *(node("Telephone", number) for number in numbers))

    def drawn(sheet: Sheet, rows: Iterable[Element]) -> Book:
        title = [node("Title", sheet.texts("Directory")), node("Prompt", sheet.texts("Select"))]
        return Book(root, chain(title if is_titled else [], rows))

    return Vendor(limits=limits, page=page, message=message, is_book=True)


HTEK = _vendor("PhoneDirectory", Limits(numbers=3))
SIP_DECT = _vendor("IPPhoneDirectory", Limits(), is_titled=True)
GENERIC = _vendor("IPPhoneDirectory", Limits())
