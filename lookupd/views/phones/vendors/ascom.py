"""Ascom IP-DECT: asks with parts of a name or a number, and takes 5000 characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.phones.document import node
from lookupd.views.phones.rows import parts
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page


def _term(sent: Mapping[str, str]) -> str:
    return " ".join(sent.get(name, "") for name in ("givenName", "sn", "telephoneNumber"))


def _page(sheet: Sheet, page: Page) -> Element:
    rows = [_entry(*parts(sheet.name(row)), row.numbers[0].digits) for row in page.rows]
    return node("entries", *(rows or [_entry(sheet.texts("No entries"), "", "")]))


def _entry(first: str, last: str, number: str) -> Element:
    return node("entry", node("givenName", first), node("sn", last), node("telephoneNumber", number))


def _message(_sheet: Sheet, text: str) -> Element:
    return node("entries", _entry(text, "", ""))


ASCOM = Vendor(limits=Limits(size=5000), page=_page, message=_message, term=_term)
