"""The short way for plain questions: from the bytes of a request to those of its reply, in one step.

A resource that can often answer without waiting has a method `at_once`. A plain GET for it is answered
before anything is parsed for a framework, so that asking costs little more than looking. Whatever is out of
the ordinary (the request, who asks, the answer) takes the long way through aiohttp, as if this one were not
there.
"""

from __future__ import annotations

import logging
import re
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from lookupd.errors import LookupdError
from lookupd.front.plain import headers_of, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lookupd.auth import Authenticator

logger = logging.getLogger(__name__)

#: body and headers of a reply with status 200 in JSON; None where it takes the long way
Reply: TypeAlias = "tuple[str, Mapping[str, str] | None] | None"

#: seconds for which it is known who sends some headers to a path, and how many of these are known
KNOWN_FOR = 1.0
CAPACITY = 4096

_QUERY = re.compile(rb"([a-z_]+)=((?:[^%&;=]|%[0-9A-Fa-f]{2})*)")


class Stop(NamedTuple):
    """A resource on this way."""

    #: of the whole path, a group for each variable
    path: re.Pattern[str]
    #: what is needed to ask there, with the variables filled in
    access: Callable[[Mapping[str, str]], str]
    #: called with the principal, the query as (name, value), and the variables as keywords
    at_once: Callable[..., Reply]


class _Known(NamedTuple):
    """Who asks where."""

    until: float
    ask: Callable[[str, str], Reply]


class Lane:
    """Answers plain questions at once."""

    def __init__(
        self,
        authenticator: Authenticator,
        clock: Callable[[], float],
        now: Callable[[], float],
        headers: Mapping[str, str],
    ) -> None:
        """`clock` gives monotonic seconds, `now` those since 1970; `headers` go with every reply."""
        self._authenticator = authenticator
        self._clock = clock
        self._now = now
        self._fixed = _lines(headers)
        self._stops: list[Stop] = []
        self._known: dict[tuple[bytes, bytes], _Known] = {}
        #: the second of the last reply, and the head of replies in it up to the length
        self._second, self._head = 0, ""

    def add(self, stops: list[Stop]) -> None:
        """Answer for these resources too."""
        self._stops += stops

    def reply(self, data: bytes) -> bytes | None:
        """The whole reply to a request, or None: then it takes the long way."""
        request = plain(data)
        if request is None:
            return None
        query = _QUERY.fullmatch(request.query)
        if query is None:
            return None
        known = self._known.get((request.path, request.headers))
        if known is None or known.until < self._clock():
            known = self._met(request.path, request.headers)
            if known is None:
                return None
        name, value = query.groups()
        if b"%" in value or b"+" in value:
            value = unquote_to_bytes(value.replace(b"+", b" "))
        try:
            said = known.ask(name.decode(), value.decode())
            return None if said is None else self._written(*said)
        except Exception as error:  # noqa: BLE001 - it is met again on the long way, where it is told
            logger.debug("a question takes the long way: %s", error)
            return None

    def _met(self, path: bytes, block: bytes) -> _Known | None:
        """Who sends these headers to this path, if they may ask there."""
        headers = headers_of(block)
        place = path.decode()
        if headers is None:
            return None
        for stop in self._stops:
            found = stop.path.fullmatch(place)
            if found is None:
                continue
            variables = found.groupdict()
            try:
                principal = self._authenticator.principal(
                    headers.get("x-auth-token"), headers.get("wazo-tenant")
                )
            except LookupdError:  # told on the long way
                return None
            if not principal.may(stop.access(variables)):
                return None
            known = _Known(self._clock() + KNOWN_FOR, partial(stop.at_once, principal, **variables))
            if len(self._known) >= CAPACITY:
                self._known.clear()
            self._known[path, block] = known
            return known
        return None

    def _written(self, body: str, headers: Mapping[str, str] | None) -> bytes:
        second = int(self._now())
        if second != self._second:
            date = formatdate(second, usegmt=True)
            self._second = second
            self._head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {date}\r\n"
                f"{self._fixed}Content-Length: "
            )
        own = _lines(headers) if headers else ""
        # JSON of ours is ASCII, so its length in characters is its length in bytes.
        return f"{self._head}{len(body) + 1}\r\n{own}\r\n{body}\n".encode("ascii")


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
