"""What a service manager hands over and wants to be told: sockets, readiness, signs of life.

The protocols of sd_listen_fds(3) and sd_notify(3). Without a service manager nothing is handed over, and
nobody is told.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import MutableMapping

logger = logging.getLogger(__name__)

#: the number of the first file that is handed over
FIRST = 3


def handed_sockets(environ: MutableMapping[str, str] = os.environ) -> list[tuple[str, socket.socket]]:
    """The listening sockets this process was started with, and their names; none without socket activation.

    What tells of them is taken out of the environment, so that no child believes they are its own. A name is
    empty where the service manager gives none.
    """
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    sockets = []
    for number, name in zip(range(FIRST, FIRST + int(count)), chain(names, repeat("")), strict=False):
        os.set_inheritable(number, False)  # noqa: FBT003 - it has no keyword
        taken = socket.socket(fileno=number)
        taken.settimeout(0)
        sockets.append((name, taken))
    return sockets


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Tells the service manager how the daemon is doing."""

    #: where it listens, None when there is nobody
    address: str | None = None
    #: how long it waits for a sign of life before it starts the daemon again, in seconds; None: for ever
    watchdog: float | None = None

    @classmethod
    def of(cls, environ: MutableMapping[str, str] = os.environ) -> Self:
        """As the environment says, out of which it is taken: the children are not spoken to."""
        address = environ.pop("NOTIFY_SOCKET", None)
        span, pid = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", str(os.getpid()))
        watchdog = int(span) / 1e6 if span.isdigit() and pid == str(os.getpid()) else None
        return cls(address=address or None, watchdog=watchdog)

    def ready(self, status: str) -> None:
        """The daemon answers questions, or does so again after `reloading`; `status` is shown to people."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """The configuration is being read again."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The daemon has begun to end."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The daemon still does things."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self.address is None:
            return
        # An address that begins with "@" is one without a file: the kernel writes that as a zero byte.
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        text = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.settimeout(0)
                told.sendto(text.encode(), address)
        except OSError as error:
            logger.warning("the service manager cannot be told %s: %s", lines[0], error)
