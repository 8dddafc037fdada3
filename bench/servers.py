"""The servers that are measured: the daemon and the bare handler, as processes of their own on one CPU."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, Request, build_opener

from bench.load import REVERSE, SERVER
from tests.process import RunningProcess, lookupd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.place import Place

#: at most such a share of a CPU, so many times in a row, with so many seconds between, is rest
IDLE, RESTING, LOOK = 0.04, 3, 0.5
#: longest wait for that, in seconds
PATIENCE = 1800.0
_OPENER = build_opener(ProxyHandler({}))


class Server:
    """A running process that answers HTTP."""

    def __init__(self, process: RunningProcess, url: str, token: str, seconds: float) -> None:
        self._process = process
        self.url = url
        self.token = token
        #: from its start until it said that it is ready
        self.start_seconds = seconds

    def get(self, path: str) -> bytes:
        """The body of a good answer."""
        request = Request(f"{self.url}{path}", headers={"X-Auth-Token": self.token})  # noqa: S310 - the loopback
        with _OPENER.open(request, timeout=30) as answer:
            body: bytes = answer.read()
            return body

    def reverse(self, number: str) -> dict[str, object]:
        """The answer for a number as it stands in a URL."""
        answer: dict[str, object] = json.loads(self.get(f"{REVERSE}?exten={number}"))
        return answer

    def free_children(self) -> None:
        """Let the processes it has started run on every CPU."""
        for child in self._process.children:
            os.sched_setaffinity(child, os.sched_getaffinity(0))

    def wait_for_rest(self) -> None:
        """Return when the processes it has started have nothing to do; at first they check the index."""
        children = self._process.children
        end, resting, before = time.monotonic() + PATIENCE, 0, sum(map(cpu_seconds, children))
        while resting < RESTING:
            if time.monotonic() > end:
                raise TimeoutError(f"the processes {children} are still busy after {PATIENCE:.0f} s")
            time.sleep(LOOK)
            now = sum(map(cpu_seconds, children))
            resting = resting + 1 if now - before <= IDLE * LOOK else 0
            before = now

    def cpu_seconds(self) -> float:
        """What it has computed so far."""
        return cpu_seconds(self._process.pid)

    def private_mib(self) -> float:
        """Its private memory."""
        return private_mib(self._process.pid)


@contextmanager
def daemon(place: Place, cpu: str | None = SERVER) -> Iterator[Server]:
    """`lookupd serve` on the index of a place; its sync process takes whichever CPU is free."""
    with _running(place.token(), cpu, *lookupd(place.config, "serve")) as server:
        server.free_children()
        yield server


@contextmanager
def bare(body: Path, cpu: str | None = SERVER) -> Iterator[Server]:
    """The handler that looks nothing up, and answers what stands in the file."""
    with _running("", cpu, sys.executable, "-m", "bench.bare", str(body)) as server:
        yield server


@contextmanager
def _running(token: str, cpu: str | None, *command: str) -> Iterator[Server]:
    pinned = ("taskset", "-c", cpu) if cpu is not None else ()
    path = str(Path(__file__).resolve().parent.parent)
    begun = time.perf_counter()
    with RunningProcess(*pinned, *command, environment={"PYTHONPATH": path}) as process:
        url = process.wait_for(r"ready: (\S+)")[1]
        yield Server(process, url, token, time.perf_counter() - begun)
        process.stop()


def cpu_seconds(pid: int) -> float:
    """What a process has computed so far."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family_mib(pid: int) -> float:
    """Private memory of a process and of those that its threads have started."""
    children: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (thread / "children").read_text(encoding="ascii").split())
    return sum(map(private_mib, (pid, *children)))


def private_mib(pid: int) -> float:
    """Private memory of a process: mapped files do not count. 0 when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:")) / 1024
