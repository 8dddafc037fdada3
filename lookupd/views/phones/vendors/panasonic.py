"""Panasonic KX-HDV, KX-TGP600, KX-UT: experimental, since no request of a real phone was seen.

Of its limits only these are documented: 20 entries, 24 characters, and numbers without a plus sign. An entry
must have a number, so there is no way to show a message.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lookupd.views.phones.document import node
from lookupd.views.phones.label import Kind
from lookupd.views.phones.vendor import Limits, Sheet, Vendor

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from lookupd.views.phones.page import Page
    from lookupd.views.phones.rows import Row

_LIMITS: Final = Limits(rows=20, name=24, number=30, numbers=4)
_TYPES: Final = {Kind.MOBILE: "mobile", Kind.HOME: "home", Kind.INTERNAL: "ext"}
#: these may not stand in a name, escaped or not
_EXCLUDED: Final = re.compile("[\"&'<>]")


def _page(sheet: Sheet, page: Page) -> Element:
    rows = (_personnel(sheet, row, at) for at, row in enumerate(page.rows, start=1))
    screen = node("Screen", node("PhoneBook", *rows, version="2.0"), version="3.0")
    return node("ppxml", screen, xmlns="http://panasonic/sip_phone")


def _personnel(sheet: Sheet, row: Row, place: int) -> Element:
    numbers = (
        node("PhoneNum", number.digits.replace("+", "00"), type=_TYPES.get(number.kind, "company"))
        for number in row.numbers
    )
    name = _EXCLUDED.sub(" ", sheet.name(row)).strip() or row.numbers[0].digits
    return node("Personnel", node("Name", name), node("PhoneNums", *numbers), id=str(place))


PANASONIC = Vendor(limits=_LIMITS, page=_page)
