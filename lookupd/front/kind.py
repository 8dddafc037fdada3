"""Which requests come first when not all can be answered. Pure."""

from __future__ import annotations

import enum
from typing import Final

_LOOKUP: Final = "/0.1/directories/lookup/"
_SPARED: Final = ("/live", "/ready", "/0.1/status")
_LOOKUP_BYTES: Final = _LOOKUP.encode()
_SPARED_BYTES: Final = tuple(path.encode() for path in _SPARED)

#: the beginning of most requests: certainly a reverse question
REVERSE_QUESTION: Final = b"GET /0.1/directories/reverse/"


class Kind(enum.Enum):
    """What is asked for, by its rank."""

    #: whoever watches the daemon is always answered
    SPARED = enum.auto()
    #: somebody's phone is ringing, or nothing is known of it
    REVERSE = enum.auto()
    #: somebody types
    LOOKUP = enum.auto()


def kind_of(path: str) -> Kind:
    """The kind of a path, decoded."""
    if path.startswith(_LOOKUP):
        return Kind.LOOKUP
    return Kind.SPARED if path.startswith(_SPARED) else Kind.REVERSE


def kind_of_bytes(request: bytes) -> Kind:
    """The kind of a request that is not parsed yet, as far as that can be told."""
    path = request.find(b" ") + 1
    if request.startswith(_LOOKUP_BYTES, path):
        return Kind.LOOKUP
    return Kind.SPARED if request.startswith(_SPARED_BYTES, path) else Kind.REVERSE
