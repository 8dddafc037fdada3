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
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias
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

#: a query of one parameter, and its value alone
_VALUE: Final = rb"(?:[!\x22$'-:<>-~]|%[0-9A-Fa-f]{2})*"
_QUERY = re.compile(rb"([a-z_]+)=(" + _VALUE + rb")")
_is_value: Final = re.compile(_VALUE).fullmatch


class Stop(NamedTuple):
    """A resource on this way."""

    #: of the whole path, a group for each variable
    path: re.Pattern[str]
    #: what is needed to ask there, with the variables filled in
    access: Callable[[Mapping[str, str]], str]
    #: called with the principal, the parameter's name, and the variables as keywords
    at_once: Callable[..., Callable[[str], Reply] | None]


class _Known(NamedTuple):
    """Who asks where."""

    until: float
    ask: Callable[[str], Reply]


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
        #: by all of a request but the parameter's value: what stands before it, and the headers
        self._known: dict[tuple[bytes, bytes], _Known] = {}
        #: the second of the last reply, and the head of replies in it up to the length
        self._second, self._head = 0, ""

    def add(self, stops: list[Stop]) -> None:
        """Answer for these resources too."""
        self._stops += stops

    def reply(self, data: bytes) -> bytes | None:
        """The whole reply to a request, or None: then it takes the long way.

        Clients send the same request again and again but for the value. What stands around it is looked at
        when it is met for the first time, and again after a second.
        """
        line, _, headers = data.partition(b" HTTP/1.1\r\n")
        start, _, value = line.rpartition(b"=")
        if not _is_value(value):
            return None
        try:
            known = self._known.get((start, headers))
            if known is None or known.until < self._clock():
                known = self._met(start, headers, data)
                if known is None:
                    return None
            said = known.ask(_decoded(value))
            return None if said is None else self._written(*said)
        except Exception as error:  # noqa: BLE001 - it is met again on the long way, where it is told
            logger.debug("a question takes the long way: %s", error)
            return None

    def _met(self, start: bytes, block: bytes, data: bytes) -> _Known | None:
        """Who sends a request with this around the value, if they may ask there."""
        request = plain(data)
        query = _QUERY.fullmatch(request.query) if request else None
        headers = headers_of(request.headers) if request else None
        if request is None or query is None or headers is None:
            return None
        ask = self._asking(request.path.decode(), query[1].decode(), headers)
        if ask is None:
            return None
        if len(self._known) >= CAPACITY:
            self._known.clear()
        known = self._known[start, block] = _Known(self._clock() + KNOWN_FOR, ask)
        return known

    def _asking(self, path: str, name: str, headers: Mapping[str, str]) -> Callable[[str], Reply] | None:
        for stop in self._stops:
            found = stop.path.fullmatch(path)
            if found is None:
                continue
            variables = found.groupdict()
            try:
                principal = self._authenticator.principal(
                    headers.get("x-auth-token"), headers.get("wazo-tenant")
                )
                if principal.may(stop.access(variables)):
                    return stop.at_once(principal, name, **variables)
            except LookupdError:  # told on the long way
                pass
            return None
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


def _decoded(value: bytes) -> str:
    """What a value says. Its most frequent escapes, those of a plus and of a blank, are undone quickly."""
    if b"+" in value:
        value = value.replace(b"+", b" ")
    if b"%" in value:
        value = value.replace(b"%2B", b"+").replace(b"%20", b" ")
        if b"%" in value:
            value = unquote_to_bytes(value)
    return value.decode()


def _lines(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())
