"""Polycom and Poly: their browser takes strict XHTML, and a page must not have many elements."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from lookupd.views.phones.document import node, xhtml
from lookupd.views.phones.vendor import XHTML, Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page


def _input(sheet: Sheet) -> Element:
    hidden = [
        node("input", type="hidden", name=name, value=value) for name, value in sheet.links.kept.items()
    ]
    text = node("input", type="text", name="term")
    button = node("input", type="submit", value=sheet.texts("Search"))
    form = node(
        "form",
        node("p", sheet.texts("Name or number"), node("br"), text),
        node("p", *hidden, button),
        action=sheet.links.bare("lookup"),
        method="get",
    )
    return _html(sheet, form)


def _page(sheet: Sheet, page: Page) -> Element:
    rows = [
        node("p", _link(f"tel://{quote(row.numbers[0].digits, safe='+*')}", sheet.name(row)))
        for row in page.rows
    ]
    back = [] if page.previous is None else [_link(sheet.page(page.previous), sheet.texts("Previous page"))]
    on = [] if page.next is None else [_link(sheet.page(page.next), sheet.texts("Next page"))]
    shown = rows or [node("p", sheet.texts("No entries"))]
    return _html(sheet, *shown, *(node("p", link) for link in (*back, *on)))


def _message(sheet: Sheet, text: str) -> Element:
    return _html(sheet, node("p", text))


def _link(url: str, text: str) -> Element:
    return node("a", text, href=url)


def _html(sheet: Sheet, *content: Element) -> Element:
    head = node("head", node("title", sheet.texts("Directory")))
    return node("html", head, node("body", *content), xmlns="http://www.w3.org/1999/xhtml")


POLYCOM = Vendor(
    limits=Limits(rows=16), input=_input, page=_page, message=_message, content_type=XHTML, write=xhtml
)
