"""An address that is listened on, by whoever took it last.

While a configuration takes the place of another, both are there for a while. The socket is one and the same:
connections go to the new one, and back to the former if the new one comes to nothing. So none is lost. What
waits in a socket that a service manager has handed over is left to the next process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from lookupd.errors import LookupdError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

logger = logging.getLogger(__name__)

#: connections that wait to be accepted, as far as net.core.somaxconn lets them
BACKLOG = 1024
#: connections accepted before anything else gets its turn
_AT_ONCE = 64
#: until accepting is tried again, when there was no room for another connection, in seconds
_PAUSE = 1.0

#: what this process listens on, by the address as it was asked for, or by what was handed over: a process can
#: have it only once
_POSTS: dict[Hashable, Post] = {}


class Taker(Protocol):
    """One who takes connections."""

    def take(self, connection: socket.socket, host: str) -> None:
        """Serve a connection from a host, or close it; without waiting."""
        ...


class CannotListen(LookupdError):
    """The address of the configuration cannot be listened on."""


class Post:
    """A listening address, and those who take its connections."""

    def __init__(self, key: Hashable, sockets: Sequence[socket.socket], *, is_ours: bool) -> None:
        self._key = key
        self._sockets = sockets
        self._is_ours = is_ours
        self._takers: list[Taker] = []
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, host: str, port: int, taker: Taker) -> Post:
        """Give the connections of an address to `taker` from now on. Raises CannotListen."""
        post = _POSTS.get((host, port))
        if post is None:
            post = cls((host, port), _made(host, port, await _addresses(host)), is_ours=True)
        return post._taken_by(taker)

    @classmethod
    def on(cls, handed: Sequence[socket.socket], taker: Taker) -> Post:
        """Give the connections of sockets that were handed over to `taker` from now on."""
        post = _POSTS.get((*handed,))
        if post is None:
            post = cls((*handed,), handed, is_ours=False)
        return post._taken_by(taker)

    @property
    def addresses(self) -> list[str]:
        """Where it is reached, such as 127.0.0.1:4573."""
        return [_written(sock) for sock in self._sockets]

    def leave(self, taker: Taker) -> None:
        """Give it no more connections but those that wait now, if nobody else takes them."""
        if self._takers == [taker]:
            del _POSTS[self._key]
            for sock in self._sockets:
                self._loop.remove_reader(sock)
                if self._is_ours:
                    self._take_last(sock)
        self._takers.remove(taker)

    def _taken_by(self, taker: Taker) -> Post:
        self._takers.append(taker)
        if self._takers == [taker]:
            _POSTS[self._key] = self
            for sock in self._sockets:
                self._listen(sock)
        return self

    def _take_last(self, sock: socket.socket) -> None:
        for _ in range(BACKLOG):
            if not self._accepted(sock):
                break
        sock.close()

    def _listen(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0 and self._takers:
            self._loop.add_reader(sock, self._some, sock)

    def _some(self, sock: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if not self._accepted(sock):
                return

    def _accepted(self, sock: socket.socket) -> bool:
        """Whether there was a connection; it is on its way then."""
        try:
            connection, address = sock.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:  # no descriptor is free, or no memory
            logger.error("FastAGI: connections must wait: %s", error.strerror)  # noqa: TRY400 - it says all
            self._loop.remove_reader(sock)
            self._loop.call_later(_PAUSE, self._listen, sock)
            return False
        connection.settimeout(0)
        self._takers[-1].take(connection, str(address[0]))
        return True


def _made(host: str, port: int, addresses: Iterable[tuple[socket.AddressFamily, str]]) -> list[socket.socket]:
    """A socket for each address, all on one port, which other processes of ours may share."""
    with ExitStack() as stack:
        made: list[socket.socket] = []
        try:
            for family, address in addresses:
                chosen = made[0].getsockname()[1] if made else port
                sock = socket.create_server(
                    (address, chosen), family=family, backlog=BACKLOG, reuse_port=True
                )
                made.append(stack.enter_context(sock))
                sock.settimeout(0)
        except OSError as error:
            reason = error.strerror if error.errno is None else os.strerror(error.errno)
            raise CannotListen(
                f"cannot listen on {host} port {port} for FastAGI: {reason} "
                f"(set views.fastagi.listen and views.fastagi.port in the configuration)"
            ) from error
        stack.pop_all()  # they stay open
    return made


async def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """The addresses of a name, each once. Raises CannotListen."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host} for FastAGI: {error.strerror or error}") from error
    return [
        *dict.fromkeys((socket.AddressFamily(family), str(address[0])) for family, _, _, _, address in found)
    ]


def _written(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
