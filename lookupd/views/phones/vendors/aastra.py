"""Aastra and Mitel 67xx to 69xx, and Yealink's XML browser, which took its objects over.

The TextMenu, since the vendor advises against its Directory; links to other pages are items of it, as not
every phone has softkeys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.phones.document import node
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page


def _vendor(brand: str, limits: Limits) -> Vendor:
    def start(sheet: Sheet) -> Element:
        return node(
            f"{brand}IPPhoneInputScreen",
            node("Title", sheet.texts("Search")),
            node("Prompt", sheet.texts("Name or number")),
            node("URL", sheet.links.to("lookup")),
            node("Parameter", "term"),
            node("Default"),
            type="string",
            destroyOnExit="yes",
        )

    def page(sheet: Sheet, page: Page) -> Element:
        items = [(sheet.name(row), f"Dial:{row.numbers[0].digits}") for row in page.rows]
        back = [] if page.previous is None else [(sheet.texts("Previous page"), sheet.page(page.previous))]
        on = [] if page.next is None else [(sheet.texts("Next page"), sheet.page(page.next))]
        shown = [*back, *(items or [(sheet.texts("No entries"), "")]), *on]
        return node(
            f"{brand}IPPhoneTextMenu",
            node("Title", sheet.texts("Directory")),
            *(node("MenuItem", node("Prompt", prompt), node("URI", uri)) for prompt, uri in shown),
            style="none",
            destroyOnExit="yes",
        )

    def message(sheet: Sheet, text: str) -> Element:
        title = node("Title", sheet.texts("Directory"))
        return node(f"{brand}IPPhoneTextScreen", title, node("Text", text), destroyOnExit="yes")

    return Vendor(limits=limits, input=start, page=page, message=message)


AASTRA = _vendor("Aastra", Limits(rows=16, size=10_000))
YEALINK_BROWSER = _vendor("Yealink", Limits(rows=16, size=10_000))
