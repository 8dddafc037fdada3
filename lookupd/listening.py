"""The listening sockets: made as the configuration says, unless a service manager hands them over."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeAlias

from lookupd.errors import LookupdError
from lookupd.front import Limits
from lookupd.sockets import Sockets
from lookupd.systemd import handed_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lookupd.config import Http


Address: TypeAlias = "tuple[socket.AddressFamily, str]"

#: the views that may have sockets of their own, by which these are named
VIEWS = frozenset({"fastagi"})
#: what sockets for HTTP are called; one that its unit names nothing has the name of the unit
HTTP, _UNKNOWN, _UNIT = "http", "unknown", ".socket"


class CannotListen(LookupdError):
    """The address of the configuration cannot be listened on."""


class NobodyTakes(CannotListen):
    """A socket that a service manager hands over has a name that means nothing here."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"nobody takes the socket {name!r} that the service manager hands over "
            f"(FileDescriptorName= of its unit is to be {', '.join(sorted(VIEWS))} or {HTTP}, or not there)"
        )


def handed() -> Sockets:
    """What a service manager hands over to this process; asked once. Raises NobodyTakes."""
    http: list[socket.socket] = []
    views: dict[str, list[socket.socket]] = {}
    for name, one in handed_sockets():
        if name in VIEWS:
            views.setdefault(name, []).append(one)
        elif name in {"", HTTP, _UNKNOWN} or name.endswith(_UNIT):
            http.append(one)
        else:
            raise NobodyTakes(name)
    return Sockets(http=http, views=views)


def shares(http: Http, handed: Sequence[socket.socket] = ()) -> list[list[socket.socket]]:
    """The sockets that each of the serving processes is to serve HTTP on. Raises CannotListen.

    Each has its own on the same port, among which the kernel shares out the connections; those that a service
    manager hands over are for all.
    """
    if handed:
        return [[*handed]] * http.workers
    with ExitStack() as stack:
        made: list[list[socket.socket]] = []
        for _ in range(http.workers):
            port = made[0][0].getsockname()[1] if made else http.port
            made.append(_made(http, port))
            for one in made[-1]:
                stack.callback(one.close)
        stack.pop_all()  # they stay open
    return made


def url(listening: socket.socket) -> str:
    """Where a socket is reached, such as http://127.0.0.1:9489."""
    address, port = listening.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def _made(http: Http, port: int) -> list[socket.socket]:
    """A socket for each address, all on one port; 0 takes a free one."""
    with ExitStack() as stack:
        made: list[socket.socket] = []
        try:
            for address in _addresses(http.listen):
                port = made[0].getsockname()[1] if made else port
                made.append(stack.enter_context(_listening(address, port, is_shared=http.workers > 1)))
        except OSError as error:
            raise CannotListen(
                f"cannot listen on {http.listen} port {http.port}: {_reason(error)} "
                f"(set http.listen and http.port in the configuration)"
            ) from error
        stack.pop_all()  # they stay open
    return made


def _reason(error: OSError) -> str:
    """In short; a name that cannot be resolved has a number of another kind."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _addresses(host: str) -> Iterator[Address]:
    """The addresses of a name, each once. Raises OSError when it is asked for the first."""
    found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    yield from dict.fromkeys((family, str(address[0])) for family, _, _, _, address in found)


def _listening(address: Address, port: int, *, is_shared: bool) -> socket.socket:
    family, host = address
    made = socket.create_server((host, port), family=family, backlog=Limits().backlog, reuse_port=is_shared)
    made.settimeout(0)
    return made
