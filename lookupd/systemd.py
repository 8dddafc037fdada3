"""Talking with systemd, where it started us: ready, reloading, alive; and the sockets it holds for us.

The protocol is sd_notify(3) and sd_listen_fds(3): a datagram, and inherited descriptors.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: the first descriptor that is handed over
FIRST_FD = 3


class Notifier:
    """Says to the service manager how things are; says nothing where there is none."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        watchdog = environ.get("WATCHDOG_USEC", "0")
        is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        #: how often "alive" must be said at least; None where nobody waits for it
        self.watchdog = timedelta(microseconds=int(watchdog)) if is_ours and watchdog.isdecimal() else None
        if not self.watchdog:
            self.watchdog = None

    def ready(self) -> None:
        """Questions are answered from now on, or again after a reload."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read again."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """No more questions are taken."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The loop that answers still turns."""
        self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto(message.encode(), address)


def handed_sockets(environ: Mapping[str, str] = os.environ) -> list[socket.socket]:
    """The listening sockets the service manager opened for us; none where it opened none."""
    count = environ.get("LISTEN_FDS", "0")
    if environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return []
    handed = []
    for fd in range(FIRST_FD, FIRST_FD + int(count)):
        os.set_inheritable(fd, False)  # noqa: FBT003 - its only argument
        handed.append(socket.socket(fileno=fd))
    return handed
