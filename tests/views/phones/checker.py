"""One strict checker for each vendor: what its phone accepts, and what a user sees of it.

`CHECKERS["cisco"](body)` raises NotAccepted, or has `.kind`, `.rows` (name, number), `.next` and `.previous`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.views.phones.checker_books import (
    Ascom,
    Avaya,
    Fanvil,
    Generic,
    Gigaset,
    Grandstream,
    Htek,
    Panasonic,
    SipDect,
    Tbook,
    Thomson,
)
from tests.views.phones.checker_browsers import (
    Aastra,
    Cisco,
    FanvilBrowser,
    OpenStage,
    Polycom,
    Snom,
    Yealink,
    YealinkBrowser,
)
from tests.views.phones.checker_document import Checker, NotAccepted

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHECKERS", "Checker", "NotAccepted"]

#: by the word that stands for the vendor in URLs
CHECKERS: Final[Mapping[str, type[Checker]]] = {
    "aastra": Aastra,
    "ascom": Ascom,
    "avaya": Avaya,
    "cisco": Cisco,
    "fanvil": FanvilBrowser,
    "fanvil-v2": Fanvil,
    "generic": Generic,
    "gigaset": Gigaset,
    "grandstream": Grandstream,
    "grandstream-gxp": Grandstream,
    "htek": Htek,
    "mitel": Aastra,
    "mitel-sip-dect": SipDect,
    "openstage": OpenStage,
    "panasonic": Panasonic,
    "polycom": Polycom,
    "snom": Snom,
    "snom-tbook": Tbook,
    "technicolor": Thomson,
    "thomson": Thomson,
    "yealink": Yealink,
    "yealink-browser": YealinkBrowser,
}
