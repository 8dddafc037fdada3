"""As much of HTTP/1.1 as a load client needs: GET from one server on the loopback."""

import asyncio
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked", re.IGNORECASE)
CLOSES = re.compile(rb"^HTTP/1\.0|\r\nconnection:[^\r]*close", re.IGNORECASE)
BEGINNING = b"HTTP/1."
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
WITHOUT_BODY = {204, 304}


class NotLoopback(ValueError):
    """Load goes to this machine only."""


class NotHttp(ValueError):
    """What came is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked for, and what counts as good. Raises NotLoopback for a server on another machine."""

    #: http://127.0.0.1:9489/path; `localhost` means 127.0.0.1
    url: str
    #: the path for the request of a number, from 0, where not all are the same
    path: Callable[[int], str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    #: whether connections are used again
    keeps_alive: bool = True
    #: seconds for a whole request, with its connecting
    timeout: float = 10.0
    good: frozenset[int] = frozenset({200})
    #: whether the body of a good answer to the request of a number is right
    is_right: Callable[[int, bytes], bool] | None = None

    def __post_init__(self) -> None:
        _ = self.address

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        if parts.scheme != "http" or not _is_loopback(host):
            raise NotLoopback(f"{self.url}: load goes to http://127.0.0.1 or http://[::1] only")
        return host, parts.port or 80

    def request(self, number: int) -> bytes:
        """The request of a number."""
        parts = urlsplit(self.url)
        path = self.path(number) if self.path else f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
        headers = {"Host": parts.netloc, "Connection": "keep-alive" if self.keeps_alive else "close"}
        lines = [f"{name}: {value}" for name, value in {**headers, **self.headers}.items()]
        return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


class Connection:
    """One connection, for one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        #: whether another request may follow
        self.is_reusable = False

    @classmethod
    async def open(cls, target: Target) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection(*target.address))

    async def get(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body. Raises OSError, IncompleteReadError or NotHttp."""
        self.is_reusable = False
        self._writer.write(request)
        beginning = await self._reader.readexactly(len(BEGINNING))
        if beginning != BEGINNING:  # at once: the end of a head may never come
            raise NotHttp(beginning)
        try:
            head = beginning + await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise NotHttp(beginning) from error
        found = STATUS.match(head)
        if not found:
            raise NotHttp(head[:100])
        status = int(found[1])
        body = await self._body(status, head)
        self.is_reusable = not CLOSES.search(head)
        return status, body

    @property
    def is_closed(self) -> bool:
        """Whether the server has closed it, as far as that has come through."""
        return self._reader.at_eof()

    def close(self) -> None:
        """Close it at once."""
        self._writer.transport.abort()

    async def _body(self, status: int, head: bytes) -> bytes:
        if status in WITHOUT_BODY:
            return b""
        if CHUNKED.search(head):
            return await self._chunks()
        if length := LENGTH.search(head):
            return await self._reader.readexactly(int(length[1]))
        raise NotHttp(f"an answer without a length: {head[:100]!r}")

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            line = await self._reader.readuntil(b"\r\n")
            try:
                size = int(line.split(b";")[0], 16)
            except ValueError as error:
                raise NotHttp(line[:100]) from error
            body += (await self._reader.readexactly(size + 2))[:-2]
            if not size:
                return body


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
