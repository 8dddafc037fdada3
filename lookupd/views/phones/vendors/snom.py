"""Snom: its browser (and Alcatel-Lucent's, which speaks the same)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from lookupd.views.phones.document import node
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page
    from lookupd.views.phones.rows import Row

#: stands in a URL for what is typed
_TYPED: Final = "__T__"


def _input(sheet: Sheet) -> Element:
    # If possible with one parameter only: old firmware does not read `&amp;` in this one place.
    url = sheet.links.with_user_in_path().to("lookup", term=_TYPED)
    item = node(
        "InputItem",
        node("DisplayName", sheet.texts("Name or number")),
        node("InputToken", _TYPED),
        node("DefaultValue"),
        node("InputFlags", "a"),
    )
    return node("SnomIPPhoneInput", node("Title", sheet.texts("Search")), node("Url", url), item)


def _page(sheet: Sheet, page: Page) -> Element:
    if not page.rows and page.previous is None:
        return _message(sheet, sheet.texts("No entries"))
    keys = [
        *([("F3", "Previous", sheet.page(page.previous))] if page.previous is not None else []),
        *([("F4", "Next", sheet.page(page.next))] if page.next is not None else []),
    ]
    return node(
        "SnomIPPhoneMenu",
        node("Title", sheet.texts("Directory")),
        *(_item(sheet, row) for row in page.rows),
        *(
            node("SoftKeyItem", node("Name", key), node("Label", sheet.texts(label)), node("URL", url))
            for key, label, url in keys
        ),
    )


def _item(sheet: Sheet, row: Row) -> Element:
    digits = row.numbers[0].digits
    url = node("Url", f"snom://mb_nop#numberdial={quote(digits, safe='+*')}")
    return node("MenuItem", url, node("ExtraText", digits), name=sheet.name(row))


def _message(sheet: Sheet, text: str) -> Element:
    return node("SnomIPPhoneText", node("Title", sheet.texts("Directory")), node("Text", text))


SNOM = Vendor(limits=Limits(rows=100), input=_input, page=_page, message=_message)
