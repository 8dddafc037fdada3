"""Unify OpenStage 60/80 and Desk Phone IP 55G: an XML application that sends what was chosen back to us."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lookupd.views.phones.document import node
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page

_DIALLED: Final = re.compile(r"\+?[0-9*#]{1,32}")


def _input(sheet: Sheet) -> Element:
    field = node(
        "IppTextField",
        node("Label", sheet.texts("Name or number")),
        node("Text"),
        MaxSize="64",
        Constraint="ANY",
        Default="TRUE",
        Key="term",
    )
    form = node("IppForm", node("Title", sheet.texts("Search")), _url(sheet), field, ItemCount="1")
    return _screen(form, [("SELECT", sheet.texts("Search")), ("EXIT", sheet.texts("Exit"))])


def _page(sheet: Sheet, page: Page) -> Element:
    chosen = sheet.query.get("dial", "")
    if _DIALLED.fullmatch(chosen):
        return node("IppDisplay", node("IppAction", node("Number", chosen), Type="MAKECALL"))
    rows = [("dial", row.numbers[0].digits, sheet.name(row)) for row in page.rows]
    back = [] if page.previous is None else [("offset", str(page.previous), sheet.texts("Previous page"))]
    on = [] if page.next is None else [("offset", str(page.next), sheet.texts("Next page"))]
    return _screen(_list(sheet, [*back, *(rows or [("none", "", sheet.texts("No entries"))]), *on]), [])


def _list(sheet: Sheet, options: list[tuple[str, str, str]]) -> Element:
    drawn = (
        node(
            "Option",
            node("OptionText", text),
            node("Image"),
            ID=str(at),
            Selected="TRUE" if at == 1 else "FALSE",
            Key=key,
            Value=value,
        )
        for at, (key, value, text) in enumerate(options, start=1)
    )
    title = node("Title", sheet.texts("Directory"))
    return node(
        "IppList", title, _url(sheet, term=sheet.term), *drawn, Type="IMPLICIT", Count=str(len(options))
    )


def _message(sheet: Sheet, text: str) -> Element:
    alert = node(
        "IppAlert", node("Title", sheet.texts("Directory")), node("Text", text), Type="INFO", Delay="5000"
    )
    return _screen(alert, [])


def _url(sheet: Sheet, **query: str) -> Element:
    return node("Url", sheet.links.to("lookup", **query))


def _screen(content: Element, commands: list[tuple[str, str]]) -> Element:
    drawn = [node("IppCommand", node("Label", label), Type=kind, Priority="0") for kind, label in commands]
    screen = node("IppScreen", content, *drawn, ID="1", HiddenCount="0", CommandCount=str(len(drawn)))
    return node("IppDisplay", screen)


OPENSTAGE = Vendor(limits=Limits(rows=15), input=_input, page=_page, message=_message)
