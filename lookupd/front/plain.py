"""Requests so plain that they need no parser: a GET with simple headers, and nothing else. Pure.

What is plain is decided narrowly. Whatever is not, however slightly, is left to aiohttp.
"""

from __future__ import annotations

import re
from typing import NamedTuple

#: names are tokens, values are visible ASCII and blanks; no folded lines, no bare line feeds
_REQUEST = re.compile(
    rb"GET (/[A-Za-z0-9._~/-]*)(?:\?([!\x22$-~]*))? HTTP/1\.1\r\n((?:[A-Za-z0-9_-]+:[ -~]*\r\n)+)\r\n"
)
#: headers with which a request is more than a question
_MORE = frozenset({"content-length", "expect", "transfer-encoding", "upgrade"})


class Plain(NamedTuple):
    """A plain request, as it was sent."""

    #: without a percent sign, so it means what it says
    path: bytes
    #: what stands behind the question mark, still encoded; empty without
    query: bytes
    #: all headers: one text, the same for each request of most clients
    headers: bytes


def plain(data: bytes) -> Plain | None:
    """The request in some bytes, if they are one plain request and nothing more."""
    found = _REQUEST.fullmatch(data)
    if found is None:
        return None
    path, query, headers = found.groups()
    return None if b"//" in path or b"/." in path else Plain(path, query or b"", headers)


def headers_of(text: bytes) -> dict[str, str] | None:
    """The headers of a plain request by their names in lower case; None where they ask for more than that.

    That is a body, another protocol, an end of the connection; two headers of one name, or none for the host.
    """
    headers: dict[str, str] = {}
    for line in text.decode("ascii").split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        name = name.lower()
        if name in headers or name in _MORE:
            return None
        headers[name] = value.strip(" ")
    stays = headers.get("connection", "keep-alive").lower() == "keep-alive"
    return headers if stays and headers.get("host") else None
