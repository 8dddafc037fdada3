"""Which requests come first when not all can be answered. Pure."""

from __future__ import annotations

import enum
import re
from typing import Final

#: searches, those of telephones among them
_LOOKUP: Final = r"/0\.1/(?:[^/?]+/)?directories/(?:lookup|input|menu)/|/(?:p/[^/?]+/)?phones/"
_SPARED: Final = r"/(?:live|ready|0\.1/status)"
_is_lookup, _is_spared = re.compile(_LOOKUP).match, re.compile(_SPARED).match
_is_lookup_bytes, _is_spared_bytes = re.compile(_LOOKUP.encode()).match, re.compile(_SPARED.encode()).match
_is_shown: Final = re.compile(rb"/+(?:cid|crm|p|v2|v3)(?:[/?]|$)").match

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
    if _is_lookup(path):
        return Kind.LOOKUP
    return Kind.SPARED if _is_spared(path) else Kind.REVERSE


def kind_of_bytes(request: bytes) -> Kind:
    """The kind of a request that is not parsed yet, as far as that can be told."""
    target = _target(request)
    if _is_lookup_bytes(target):
        return Kind.LOOKUP
    return Kind.SPARED if _is_spared_bytes(target) else Kind.REVERSE


def is_shown(path: str) -> bool:
    """Whether the body of a reply is shown as a caller's name, whatever its status: so PBXes take it."""
    return _is_shown(path.encode(errors="replace")) is not None


def is_shown_bytes(request: bytes) -> bool:
    """The same of a request that is not parsed yet."""
    return _is_shown(_target(request)) is not None


def _target(request: bytes) -> bytes:
    return request[request.find(b" ") + 1 :]
