"""Every kind of phone, by the words that stand for it in URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lookupd.views.phones.vendors.aastra import AASTRA, YEALINK_BROWSER
from lookupd.views.phones.vendors.ascom import ASCOM
from lookupd.views.phones.vendors.avaya import AVAYA
from lookupd.views.phones.vendors.cisco import CISCO
from lookupd.views.phones.vendors.fanvil import FANVIL, FANVIL_BOOK
from lookupd.views.phones.vendors.gigaset import GIGASET
from lookupd.views.phones.vendors.grandstream import GRANDSTREAM, GRANDSTREAM_GXP
from lookupd.views.phones.vendors.openstage import OPENSTAGE
from lookupd.views.phones.vendors.panasonic import PANASONIC
from lookupd.views.phones.vendors.polycom import POLYCOM
from lookupd.views.phones.vendors.simple import GENERIC, HTEK, SIP_DECT
from lookupd.views.phones.vendors.snom import SNOM
from lookupd.views.phones.vendors.snom_tbook import SNOM_TBOOK
from lookupd.views.phones.vendors.thomson import THOMSON
from lookupd.views.phones.vendors.yealink import YEALINK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lookupd.views.phones.vendor import Vendor

VENDORS: Final[Mapping[str, Vendor]] = {
    "aastra": AASTRA,
    "ascom": ASCOM,
    "avaya": AVAYA,
    "cisco": CISCO,
    "fanvil": FANVIL,
    "fanvil-v2": FANVIL_BOOK,
    "generic": GENERIC,
    "gigaset": GIGASET,
    "grandstream": GRANDSTREAM,
    "grandstream-gxp": GRANDSTREAM_GXP,
    "htek": HTEK,
    "mitel": AASTRA,
    "mitel-sip-dect": SIP_DECT,
    "openstage": OPENSTAGE,
    "panasonic": PANASONIC,
    "polycom": POLYCOM,
    "snom": SNOM,
    "snom-tbook": SNOM_TBOOK,
    "technicolor": THOMSON,
    "thomson": THOMSON,
    "yealink": YEALINK,
    "yealink-browser": YEALINK_BROWSER,
}
