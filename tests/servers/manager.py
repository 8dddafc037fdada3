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

#: puts the socket where a service expects it, says whose it is, and becomes the service
_START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServiceManager:
    """Holds a socket on a free port for as long as its block lasts."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
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
        self._listening.close()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        """Where the socket is reached."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def messages(self) -> list[str]:
        """Every line that was told so far."""
        with self._news:
            return [*self._messages]

    def daemon(self, config: Path, **environment: str) -> RunningProcess:
        """A daemon to be entered, on the socket."""
        number = self._listening.fileno()
        command = (sys.executable, "-c", _START, str(number), *lookupd(config, "serve"))
        return RunningProcess(*command, environment=self.environment(**environment), files=[number])

    def environment(self, **more: str) -> Mapping[str, str]:
        """What a service is started with."""
        return {"LISTEN_FDS": "1", "NOTIFY_SOCKET": self._told.getsockname(), **more}

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
