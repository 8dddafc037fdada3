"""Gigaset bases: "phonebook search", where the handset says which entries it wants, and who calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lookupd.views.phones.document import node
from lookupd.views.phones.page import Window
from lookupd.views.phones.query import whole
from lookupd.views.phones.rows import parts, slots
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page
    from lookupd.views.phones.rows import Row

#: fields that may hold the number of a caller, and those that may hold a part of a name
_NUMBERS: Final = ("hm", "mb", "bp", "in", "fx")
_NAMES: Final = ("fn", "ln", "nn", "cpn")
#: public, private and yellow pages
_TYPES: Final = frozenset({"pb", "pr", "yp"})
_UNAVAILABLE: Final = "6"
_UNDIALLED: Final = re.compile(r"[^0-9*#+]")


def _asked_field(sent: Mapping[str, str]) -> str | None:
    """The field with the number whose owner is asked for."""
    return next((name for name in _NUMBERS if sent.get(name, "").strip("* ")), None)


def _number(sent: Mapping[str, str]) -> str | None:
    """The number whose owner is asked for; empty, and so nobody's, where the caller withholds it."""
    field = _asked_field(sent)
    return _UNDIALLED.sub("", sent[field]) if field is not None else None


def _term(sent: Mapping[str, str]) -> str:
    return sent.get("set_first", "").strip("* ") or " ".join(sent.get(name, "") for name in _NAMES)


def _window(limits: Limits, sent: Mapping[str, str], total: int) -> Window:
    """From `first` on (below 0: from the end), or up to `last`; a negative `count` goes backwards."""
    count, first, last = whole(sent, "count") or 0, whole(sent, "first"), whole(sent, "last")
    most = min(abs(count), limits.rows) if count else limits.rows
    size = max(0, whole(sent, "limit") or 0) or None
    is_backwards = count < 0
    if first is None and last:
        first, is_backwards = last, bool(count)
    at = max(0, total + first if first is not None and first < 0 else (first or 1) - 1)
    if is_backwards:
        at = min(at, max(0, total - 1))
        return Window(offset=max(0, at + 1 - most), most=min(most, at + 1), size=size)
    return Window(offset=at, most=most, size=size)


def _page(sheet: Sheet, page: Page) -> Element:
    about = _about(sheet)
    field = _asked_field(sheet.query)
    if field is not None and not page.total:
        return node("list", **about, notfound=field, total="0")
    first, last = page.offset + 1, page.offset + len(page.rows)
    rows = (_entry(sheet, row, page.offset + at) for at, row in enumerate(page.rows, start=1))
    return node("list", *rows, **about, total=str(page.total), first=str(first), last=str(last))


def _entry(sheet: Sheet, row: Row, place: int) -> Element:
    first, last = parts(sheet.name(row))
    fields = zip(("hm", "mb", "bp"), slots(row.numbers), strict=True)
    numbers = (node(tag, number.digits) for tag, number in fields if number is not None)
    return node("entry", node("ln", last), node("fn", first), *numbers, id=str(place))


def _message(sheet: Sheet, text: str) -> Element:
    return node("error", node("errorid", _UNAVAILABLE), node("message", text), **_about(sheet))


def _about(sheet: Sheet) -> dict[str, str]:
    kind = sheet.query.get("type", "")
    kept = {"reqid": sheet.query["reqid"]} if "reqid" in sheet.query else {}
    return {"response": "get_list", "type": kind if kind in _TYPES else "pr", **kept}


GIGASET = Vendor(
    limits=Limits(numbers=3), page=_page, message=_message, term=_term, number=_number, window=_window
)
