"""Grandstream, and Avaya E129: `phonebook.xml`, a file with everybody, fetched at intervals."""

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

_TYPES: Final = {Kind.MOBILE: "Cell", Kind.HOME: "Home", Kind.FAX: "Fax", Kind.OTHER: "Other"}


def _vendor(account: str) -> Vendor:
    """A phone whose first line has this number."""

    def page(sheet: Sheet, page: Page) -> Book:
        contacts = (contact(sheet, row, page.offset + at) for at, row in enumerate(page.rows, start=1))
        return Book("AddressBook", contacts)

    def contact(sheet: Sheet, row: Row, place: int) -> Element:
        first, last = parts(sheet.name(row))
        phones = (
            node(
                "Phone",
                node("phonenumber", number.digits),
                node("accountindex", account),
                type=_TYPES.get(number.kind, "Work"),
            )
            for number in row.numbers
        )
        names = (node("FirstName", first), node("LastName", last))
        return node("Contact", node("id", str(place)), *names, *phones, node("Group", "0"))

    files = ("phonebook.xml", "gs_phonebook.xml")
    return Vendor(limits=Limits(numbers=5), page=page, is_book=True, files=files)


GRANDSTREAM = _vendor("0")
#: GXP14xx and 21xx, which count their lines from 1
GRANDSTREAM_GXP = _vendor("1")
