"""A service manager in small: it holds the listening socket, starts daemons with it, and is told how they do.

What systemd does for a service with a socket unit and `Type=notify`, by sd_listen_fds(3) and sd_notify(3).
"""

from __future__ import annotations

import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.process import DEADLINE, RunningProcess, lookupd

if TYPE_CHECKING:
    from collections.abc import Mapping

#: puts the sockets where a service expects them, says whose they are, and becomes the service
_START = """
import os, sys
for place, number in enumerate(sys.argv[1].split(","), start=3):
    os.dup2(int(number), place)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServiceManager:
    """Holds sockets on free ports for as long as its block lasts, one for each name."""

    def __init__(self, *names: str) -> None:
        self._names = names or ("lookupd.socket",)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._sockets = [socket.create_server(("127.0.0.1", 0), backlog=4096) for _ in self._names]
        # as they are put to 3 and so on: no number may be taken before it is copied
        self._sockets.sort(key=socket.socket.fileno)
        self._told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._told.bind(str(Path(self._folder.name) / "notify"))
        self._messages: list[str] = []
        self._news = threading.Condition()
        self._is_over = False
        self._reader = threading.Thread(target=self._collect, name="notify", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._told.getsockname())
        self._reader.join()
        self._told.close()
        for one in self._sockets:
            one.close()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Where the first socket is reached."""
        return f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}"

    def port(self, name: str) -> int:
        """The port of the socket with a name."""
        return self._sockets[self._names.index(name)].getsockname()[1]

    @property
    def messages(self) -> list[str]:
        """Every line that was told so far."""
        with self._news:
            return [*self._messages]

    def daemon(self, config: Path, **environment: str) -> RunningProcess:
        """A daemon to be entered, on the sockets."""
        numbers = [one.fileno() for one in self._sockets]
        command = (sys.executable, "-c", _START, ",".join(map(str, numbers)), *lookupd(config, "serve"))
        return RunningProcess(*command, environment=self.environment(**environment), files=numbers)

    def environment(self, **more: str) -> Mapping[str, str]:
        """What a service is started with."""
        handed = {"LISTEN_FDS": str(len(self._names)), "LISTEN_FDNAMES": ":".join(self._names)}
        return {**handed, "NOTIFY_SOCKET": self._told.getsockname(), **more}

    def wait_for(self, beginning: str, times: int = 1) -> str:
        """The n-th line that begins so; waits until it is told."""
        with self._news:
            self._news.wait_for(lambda: len(self._found(beginning)) >= times, DEADLINE)
            found = self._found(beginning)
            if len(found) < times:
                raise AssertionError(f"{beginning!r} was not told {times} times, but {self._messages}")
            return found[times - 1]

    def _found(self, beginning: str) -> list[str]:
        return [line for line in self._messages if line.startswith(beginning)]

    def _collect(self) -> None:
        while not self._is_over:
            lines = self._told.recv(65536).decode().splitlines()
            with self._news:
                self._messages += lines
                self._news.notify_all()
