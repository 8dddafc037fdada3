"""More requests than a server can answer, from a process of its own; 20,000 a second take about a core.

`closed_storm` measures what a server can do, `open_storm` asks by the clock, `overload` is both. `Target`
gives address, path and headers, as for `tests.faults.load`.
"""

import asyncio
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from tests.faults.client import LENGTH, Target

ROOT = Path(__file__).parents[2]
TICK = 0.001  # seconds between two looks at the clock
MISSING = 5.0  # seconds to wait for the last answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What came of the requests of one path."""

    counts: dict[str, int]  # by status


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """What came of a storm, without its first `skip` seconds."""

    seconds: float
    paths: list[Answers]
    #: by status, in seconds from when a request was due
    p99_of_all: dict[str, float]
    unanswered: int = 0
    #: seconds the client was late itself, at the 99th percentile: for what it does whatever is answered
    lag: float = 0.0
    #: the part of a CPU that the server had meanwhile, if that was to be looked at
    server_share: float = math.nan

    def rate(self, status: str = "200", path: int | None = None) -> float:
        """Answers of a status per second."""
        chosen = self.paths if path is None else [self.paths[path]]
        return sum(answers.counts.get(status, 0) for answers in chosen) / self.seconds

    def p99(self, status: str = "200") -> float:
        """Of all paths together: of one alone there may be a hundred answers, whose p99 is the slowest."""
        return self.p99_of_all.get(status, math.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """What a server does at its best, and when it is asked for a multiple of that."""

    #: of answers per second, before and after
    peaks: tuple[float, float]
    storm: Storm

    @property
    def peak(self) -> float:
        """The mean: some machines are half as fast from one moment to the next."""
        return sum(self.peaks) / len(self.peaks)

    @property
    def share(self) -> float:
        """Of the peak, so much is left."""
        return self.storm.rate() / self.peak

    def __str__(self) -> str:
        storm = self.storm
        counts = [answers.counts for answers in storm.paths]
        return (
            f"peak {self.peak:.0f}/s, overloaded {storm.rate():.0f}/s ({self.share:.0%}), "
            f"p99 {1000 * storm.p99():.1f} ms, 503 {storm.rate('503'):.0f}/s "
            f"p99 {1000 * storm.p99('503'):.1f} ms, "
            f"{storm.unanswered} unanswered, lag {1000 * storm.lag:.1f} ms, {counts}"
        )


@dataclass(slots=True, kw_only=True)
class _Order:
    """What a process is to do."""

    host: str
    port: int
    requests: list[str]
    rate: float  # 0: ask again when answered
    seconds: float
    skip: float
    connections: int
    server: int = 0


async def closed_storm(
    targets: Sequence[Target], *, connections: int, seconds: float, skip: float = 0.5
) -> Storm:
    """Each connection asks again when it is answered; the targets are of one server, and take turns."""
    return await _storm(targets, rate=0.0, connections=connections, seconds=seconds, skip=skip)


async def open_storm(
    targets: Sequence[Target],
    *,
    rate: float,
    seconds: float,
    connections: int = 1000,
    skip: float = 0.5,
    server: int = 0,
) -> Storm:
    """So many requests per second, whatever comes of them."""
    how = {"rate": rate, "connections": connections, "seconds": seconds, "skip": skip, "server": server}
    return await _storm(targets, **how)


async def overload(
    targets: Sequence[Target],
    *,
    factor: float = 5.0,
    seconds: float = 5.0,
    peak_connections: int = 64,
    connections: int = 1000,
    skip: float = 1.0,
    server: int = 0,
) -> Overload:
    """What is left of a server's peak when `factor` times as much is asked of it.

    `server` is its process, if it is to be known how much of its CPU it had.
    """
    calm: dict[str, Any] = {"connections": peak_connections, "seconds": max(1.5, seconds / 3)}
    before = (await closed_storm(targets, **calm)).rate()
    flood: dict[str, Any] = {"connections": connections, "seconds": seconds, "skip": skip, "server": server}
    storm = await open_storm(targets, rate=factor * before, **flood)
    after = (await closed_storm(targets, **calm)).rate()
    return Overload(peaks=(before, after), storm=storm)


async def _storm(targets: Sequence[Target], **how: Any) -> Storm:
    host, port = targets[0].address
    order = _Order(
        host=host,
        port=port,
        requests=[target.request(0).decode("latin-1") for target in targets],
        **how,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.front.storm", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    said, _ = await process.communicate(json.dumps(asdict(order)).encode())
    if process.returncode:
        raise RuntimeError(f"the storm ended with {process.returncode}")
    report: dict[str, Any] = json.loads(said)
    paths = [Answers(**answers) for answers in report.pop("paths")]
    return Storm(paths=paths, **report)


class _Client(asyncio.Protocol):
    """One connection, for one request after the other."""

    def __init__(self, storm: "_Running") -> None:
        self._storm = storm
        self._data = b""
        self._path = 0
        self._due = 0.0
        self.is_busy = False
        self._transport: Any = None

    def connection_made(self, transport):
        self._transport = transport

    def connection_lost(self, _error):
        self._storm.lost(self)

    def ask(self, path: int, due: float) -> None:
        self._path = path
        self._due = due
        self.is_busy = True
        self._transport.write(self._storm.requests[path])

    def data_received(self, data):
        if self._data:
            data = self._data + data
        end = data.find(b"\r\n\r\n") + 4
        length = LENGTH.search(data, 0, end) if end > 3 else None
        if length is None or len(data) < end + int(length[1]):
            self._data = data
            return
        self._data = b""
        self.is_busy = False
        self._storm.answered(self, self._path, data[9:12], self._due)


@dataclass(slots=True)
class _Running:
    order: _Order
    requests: list[bytes] = field(default_factory=list)
    free: list[_Client] = field(default_factory=list)
    latencies: list[dict[bytes, list[float]]] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    clients: list[_Client] = field(default_factory=list)
    began: float = 0.0
    sent: int = 0

    async def run(self) -> dict[str, Any]:
        order, loop = self.order, asyncio.get_running_loop()
        self.requests = [text.encode("latin-1") for text in order.requests]
        self.latencies = [{} for _ in self.requests]
        for _ in range(order.connections):
            _, client = await loop.create_connection(lambda: _Client(self), order.host, order.port)
            self.clients.append(client)
        self.free = list(self.clients)
        computed = _computed(order.server)
        self.began = now = time.perf_counter()
        while now < self.began + order.seconds:
            self._ask(now)
            await asyncio.sleep(TICK)
            before, now = now, time.perf_counter()
            self.lags.append(now - before - TICK)
        server_share = (_computed(order.server) - computed) / (time.perf_counter() - self.began)
        end = time.perf_counter() + MISSING
        self.order.rate = math.inf  # nothing more is asked
        while any(client.is_busy for client in self.clients) and time.perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(TICK)  # the clock is what is waited for
        together: dict[bytes, list[float]] = {}
        for answers in self.latencies:
            for status, times in answers.items():
                together.setdefault(status, []).extend(times)
        return {
            "seconds": order.seconds - order.skip,
            "paths": [
                {"counts": {status.decode(): len(times) for status, times in answers.items()}}
                for answers in self.latencies
            ],
            "p99_of_all": {status.decode(): _quantile(times, 0.99) for status, times in together.items()},
            "unanswered": sum(client.is_busy for client in self.clients),
            "lag": _quantile(self.lags, 0.99),
            "server_share": server_share,
        }

    def _ask(self, now: float) -> None:
        if not self.order.rate:
            while self.free:
                self._next(now)
            return
        due = int((now - self.began) * self.order.rate)
        while self.sent < due and self.free:
            self._next(self.began + self.sent / self.order.rate)

    def _next(self, due: float) -> None:
        self.free.pop().ask(self.sent % len(self.requests), due)
        self.sent += 1

    def answered(self, client: _Client, path: int, status: bytes, due: float) -> None:
        now = time.perf_counter()
        if self.order.skip <= due - self.began < self.order.seconds:
            self.latencies[path].setdefault(status, []).append(now - due)
        if not self.order.rate and now < self.began + self.order.seconds:
            client.ask(self.sent % len(self.requests), now)
            self.sent += 1
        else:
            self.free.append(client)

    def lost(self, client: _Client) -> None:
        if client.is_busy:
            self.latencies[0].setdefault(b"lost", []).append(0.0)


def _computed(pid: int) -> float:
    """The seconds a process has computed so far, by its own clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2) if pid else math.nan


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_Running(_Order(**json.load(sys.stdin))).run())))  # noqa: T201
