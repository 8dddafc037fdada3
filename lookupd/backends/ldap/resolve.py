"""Connecting to a host by its name, in time."""

from __future__ import annotations

import math
import socket
import threading
import time
from concurrent.futures import Future
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeAlias

from lookupd.backends.ldap.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Sequence

#: what getaddrinfo tells of an address: family, type, protocol, canonical name, socket address
_Address: TypeAlias = (
    "tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int | bytes, ...]]"
)
_Told: TypeAlias = "Future[Sequence[_Address]]"


class Resolver:
    """Asks the system for the addresses of hosts; that knows no timeout, and may hang for many seconds.

    So each name is asked for in a thread of its own, one at most, which outlives those who wait for it: what
    it brings after they have left is there for the next one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, int], _Told] = {}

    def connected(self, host: str, port: int, seconds: float, deadline: Deadline) -> socket.socket:
        """A connection to the first address that takes one, within so many seconds once they are known.

        Raises OSError; ldap.TIMEOUT where no time is left to begin with.
        """
        addresses = self._addresses(host, port, deadline)
        end = Deadline(time.monotonic() + deadline.left(seconds))
        failed: OSError | None = None
        for place, (family, kind, protocol, _, address) in enumerate(addresses):
            plain = socket.socket(family, kind, protocol)
            try:
                plain.settimeout(end.share(len(addresses) - place).left(seconds))
                plain.connect(address)
            except OSError as error:
                plain.close()
                failed = error
            except BaseException:
                plain.close()
                raise
            else:
                return plain
        raise failed or OSError("it has no address")

    def _addresses(self, host: str, port: int, deadline: Deadline) -> Sequence[_Address]:
        if _is_address(host):
            return _resolve(host, port)
        seconds = deadline.left(math.inf)
        told = self._told(host, port)
        try:
            addresses = told.result(None if seconds == math.inf else seconds)
        except TimeoutError:
            raise TimeoutError(f"its name was not resolved within {seconds:.2g} s") from None
        self._forget(host, port, told)
        return addresses

    def _told(self, host: str, port: int) -> _Told:
        """What the system tells, or is about to."""
        with self._lock:
            told = self._asked.get((host, port))
            if told is None:
                told = self._asked[host, port] = Future()
                name = f"resolve-{host}"
                threading.Thread(target=self._ask, args=(host, port, told), name=name, daemon=True).start()
            return told

    def _ask(self, host: str, port: int, told: _Told) -> None:
        try:
            told.set_result(_resolve(host, port))
        except (OSError, UnicodeError) as error:
            self._forget(host, port, told)
            told.set_exception(error)

    def _forget(self, host: str, port: int, told: _Told) -> None:
        with self._lock:
            if self._asked.get((host, port)) is told:
                del self._asked[host, port]


def _resolve(host: str, port: int) -> Sequence[_Address]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
