"""What can be told of a request without parsing it, so that refusing costs little. Pure."""

from __future__ import annotations

import enum
from typing import Final

_END: Final = b"\r\n\r\n"
_VERSION: Final = len(b" HTTP/1.1")
#: known forms at most
_CAPACITY: Final = 1024


class Form(enum.Enum):
    """Whether a request is exactly one question, and what its client expects of the connection."""

    #: a GET or HEAD without a body, after which the connection stays
    STAYS = enum.auto()
    #: the same, and the connection may not stay
    CLOSES = enum.auto()
    #: anything else
    OTHER = enum.auto()


class Forms:
    """The forms of requests; clients repeat their headers, so most are known."""

    def __init__(self) -> None:
        self._known: dict[bytes, Form] = {}

    def form(self, request: bytes) -> Form:
        """The form of some bytes that are whole requests."""
        if not request.startswith((b"GET ", b"HEAD ")):
            return Form.OTHER
        headers = request[max(0, request.find(b"\r\n") - _VERSION) :]
        form = self._known.get(headers)
        if form is None:
            if len(self._known) >= _CAPACITY:
                self._known.clear()
            form = self._known[headers] = _form(headers.lower())
        return form


def _form(headers: bytes) -> Form:
    """The form by the version and the headers, in lower case."""
    if headers.find(_END) != len(headers) - len(_END) or not headers.startswith(b" http/1."):
        return Form.OTHER
    if b"content-length" in headers or b"transfer-encoding" in headers:
        return Form.OTHER
    return Form.STAYS if headers.startswith(b" http/1.1") and b"close" not in headers else Form.CLOSES
