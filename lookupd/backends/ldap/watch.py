"""Ends connections from outside, for waits within libldap that know no timeout."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet


@contextlib.contextmanager
def after(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Do something in another thread if the block takes longer than this."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def shut_down(connected: socket.socket) -> None:
    """End a connection, so that who waits for it gets an error."""
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def shut_down_new(peer: object, before: AbstractSet[int]) -> None:
    """End the connections to an address that were not there before."""
    for descriptor in connected_to(peer) - before:
        with contextlib.suppress(OSError), socket_of(descriptor) as connected:
            shut_down(connected)


def connected_to(peer: object) -> AbstractSet[int]:
    """The descriptors of connections to an address: libldap does not tell the one that it still opens."""
    found = set()
    with contextlib.suppress(OSError):  # where the system has no such list
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names, not paths
            with contextlib.suppress(OSError), socket_of(int(name)) as connected:
                if connected.getpeername() == peer:
                    found.add(int(name))
    return found


def socket_of(descriptor: int) -> socket.socket:
    """A second handle on a socket. Raises OSError when it is none, or gone."""
    second = os.dup(descriptor)
    try:
        return socket.socket(fileno=second)
    except OSError:
        os.close(second)
        raise
