"""The answers that no handler gives, in the style of the others: `{"message": ...}`."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from aiohttp import web

_MESSAGES: Final = {
    400: "the request is malformed",
    408: "the request took too long to arrive",
    413: "the body is too large",
    431: "the headers are too large",
    503: "too many requests at the moment: ask again later",
}
#: when to ask again, in seconds
_RETRY = {"Retry-After": "1"}


def refusal(status: int, *, has_body: bool = True) -> web.Response:
    """An answer for aiohttp to send."""
    headers = _RETRY if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    body = _body(status) if has_body else b""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _body(status: int) -> bytes:
    return f"{json.dumps({'message': _MESSAGES[status]})}\n".encode()


def _ready(status: int, *, closes: bool = False, has_body: bool = True, is_empty: bool = False) -> bytes:
    """`has_body` is false for a HEAD, which is told how long the body would be."""
    body = b"" if is_empty else _body(status)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines += [f"{name}: {value}" for name, value in _RETRY.items()]
    if closes:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + (body if has_body else b"")


#: answers as bytes, for connections that nothing else is written to at the moment
REQUEST_TIMEOUT: Final = _ready(408, closes=True)
HEAD_TOO_LARGE: Final = _ready(431, closes=True)
#: by (closes, has a body)
BUSY: Final = {
    (closes, has_body): _ready(503, closes=closes, has_body=has_body)
    for closes in (False, True)
    for has_body in (False, True)
}
#: the same with an empty body, by whether it closes
BUSY_EMPTY: Final = {closes: _ready(503, closes=closes, is_empty=True) for closes in (False, True)}
