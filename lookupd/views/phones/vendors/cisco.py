"""Cisco 69xx to 88xx, SPA and MPP: CiscoIPPhone objects, with softkeys of our own to page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.phones.document import node
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page


def _menu(sheet: Sheet) -> Element:
    name = node("Name", sheet.texts("Directory"))
    return node(
        "CiscoIPPhoneMenu",
        node("Title", sheet.texts("Directory")),
        node("Prompt", sheet.texts("Select")),
        node("MenuItem", name, node("URL", sheet.links.to("input"))),
    )


def _input(sheet: Sheet) -> Element:
    item = node(
        "InputItem",
        node("DisplayName", sheet.texts("Name or number")),
        node("QueryStringParam", "term"),
        node("DefaultValue"),
        node("InputFlags", "A"),
    )
    return node(
        "CiscoIPPhoneInput",
        node("Title", sheet.texts("Search")),
        node("Prompt", sheet.texts("Name or number")),
        node("URL", sheet.links.to("lookup")),
        item,
    )


def _page(sheet: Sheet, page: Page) -> Element:
    shown = f"{page.offset + 1}-{page.offset + len(page.rows)} / {page.total}"
    entries = [_entry(sheet.name(row), row.numbers[0].digits) for row in page.rows]
    keys = [
        ("Dial", "SoftKey:Dial"),
        ("EditDial", "SoftKey:EditDial"),
        *([("Next", sheet.page(page.next))] if page.next is not None else []),
        *([("Previous", sheet.page(page.previous))] if page.previous is not None else []),
        ("Exit", "SoftKey:Exit"),
    ]
    return node(
        "CiscoIPPhoneDirectory",
        node("Title", sheet.texts("Directory")),
        node("Prompt", shown if entries else sheet.texts("No entries")),
        *(entries or [_entry(sheet.texts("No entries"), "")]),
        *(_softkey(sheet.texts(name), url, at) for at, (name, url) in enumerate(keys, start=1)),
    )


def _entry(name: str, number: str) -> Element:
    return node("DirectoryEntry", node("Name", name), node("Telephone", number))


def _softkey(name: str, url: str, position: int) -> Element:
    return node("SoftKeyItem", node("Name", name), node("URL", url), node("Position", str(position)))


def _message(sheet: Sheet, text: str) -> Element:
    return node("CiscoIPPhoneText", node("Title", sheet.texts("Directory")), node("Text", text))


CISCO = Vendor(limits=Limits(rows=32), menu=_menu, input=_input, page=_page, message=_message)
