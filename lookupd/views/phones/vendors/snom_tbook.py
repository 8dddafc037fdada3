"""Snom from firmware 10.1.178 on, and Gigaset Maxwell: a file with everybody, copied into the phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lookupd.views.phones.document import Book, node
from lookupd.views.phones.label import Kind
from lookupd.views.phones.rows import parts
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page
    from lookupd.views.phones.rows import Row

_TYPES: Final = {Kind.MOBILE: "mobile", Kind.HOME: "home"}


def _page(sheet: Sheet, page: Page) -> Book:
    contacts = (_contact(sheet, row) for row in page.rows)
    return Book("tbook", contacts, {"e": "2", "version": "2.0", "complete": "true"})


def _contact(sheet: Sheet, row: Row) -> Element:
    first, last = parts(sheet.name(row))
    numbers = (
        node("number", no=number.digits, type=_TYPES.get(number.kind, "business"), outgoing_id="0")
        for number in row.numbers
    )
    return node(
        "contact",
        node("first_name", first),
        node("last_name", last),
        node("numbers", *numbers),
        fav="false",
        vip="false",
        blocked="false",
    )


SNOM_TBOOK = Vendor(limits=Limits(numbers=5), page=_page, is_book=True, files=("tbook.xml",))
