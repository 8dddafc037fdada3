"""Load on a server of this machine, and slow clients. Any other address is refused.

In an open loop requests start by the clock, however slow the server is, and a latency begins when a request
was due: one that had to wait because others hung counts as slow (no coordinated omission).
"""

import asyncio
import itertools
import math
import time
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.faults.client import Connection, NotHttp, NotLoopback, Target
from tests.faults.slow import SlowClients, slow_clients

__all__ = ["LoadReport", "NotLoopback", "SlowClients", "Target", "closed_loop", "open_loop", "slow_clients"]

#: the first that fits counts
FAILURES: Mapping[type[Exception], str] = {
    TimeoutError: "timeout",
    ConnectionRefusedError: "refused",
    ConnectionError: "reset",
    asyncio.IncompleteReadError: "closed",
    NotHttp: "garbage",
    OSError: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What came of the requests, in the order they ended. Times are seconds."""

    #: a status, as "200", or else: wrong, timeout, refused, reset, closed, garbage, failed, unsent
    outcomes: Sequence[str]
    #: from when a request was due until it ended, well or not
    latencies: Sequence[float]
    #: from when a request was due until it began: a large one means that this client is what is slow
    lags: Sequence[float]
    #: from the first request to the last answer
    seconds: float
    good: frozenset[str]

    @property
    def count(self) -> int:
        """Requests."""
        return len(self.outcomes)

    @property
    def errors(self) -> Mapping[str, int]:
        """How many came to what, without the good ones."""
        return Counter(outcome for outcome in self.outcomes if outcome not in self.good)

    @property
    def goodput(self) -> float:
        """Good answers per second."""
        return (self.count - sum(self.errors.values())) / self.seconds

    def latency(self, share: float) -> float:
        """What so large a share of the requests did not exceed: 0.99 for the 99th percentile; NaN of none."""
        return _quantile(self.latencies, share)

    def only(self, *outcomes: str) -> "LoadReport":
        """Of the requests that came to this alone."""
        chosen = [number for number, outcome in enumerate(self.outcomes) if outcome in outcomes]
        return LoadReport(
            outcomes=[self.outcomes[number] for number in chosen],
            latencies=[self.latencies[number] for number in chosen],
            lags=[self.lags[number] for number in chosen],
            seconds=self.seconds,
            good=self.good,
        )

    @property
    def p50(self) -> float:
        """The median latency."""
        return self.latency(0.5)

    @property
    def p99(self) -> float:
        """99 % took no longer."""
        return self.latency(0.99)

    @property
    def p999(self) -> float:
        """99.9 % took no longer."""
        return self.latency(0.999)

    @property
    def max(self) -> float:
        """The longest latency."""
        return self.latency(1)

    def __str__(self) -> str:
        times = ", ".join(
            f"{name} {1000 * self.latency(share):.1f}"
            for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1))
        )
        errors = ", ".join(f"{count} {kind}" for kind, count in sorted(self.errors.items())) or "no errors"
        lag = 1000 * _quantile(self.lags, 0.99)
        return f"{self.count} requests, {self.goodput:.0f}/s good, {errors}; ms: {times}, lag p99 {lag:.1f}"


async def open_loop(target: Target, *, rate: float, seconds: float, most_in_flight: int = 500) -> LoadReport:
    """`rate` requests per second, for so long; those that would be too many at once wait for their turn.

    It ends after `seconds` and at most two timeouts; what was not sent by then is `unsent`.
    """
    running = _Running(target)
    turn = asyncio.Semaphore(most_in_flight)

    async def one(number: int, due: float) -> None:
        try:
            await running.ask(number, due)
        finally:
            turn.release()

    async with running, asyncio.TaskGroup() as requests:
        for number in range(round(rate * seconds)):
            due = running.began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            await turn.acquire()
            if time.perf_counter() > running.began + seconds + target.timeout:
                turn.release()
                running.note("unsent", due, time.perf_counter())
            else:
                requests.create_task(one(number, due))
    return running.report()


async def closed_loop(target: Target, *, clients: int, seconds: float) -> LoadReport:
    """So many clients, for so long; each asks again when it is answered."""
    running = _Running(target)
    numbers = itertools.count()

    async def client() -> None:
        while (now := time.perf_counter()) < running.began + seconds:
            await running.ask(next(numbers), now)

    async with running, asyncio.TaskGroup() as all_clients:
        for _ in range(clients):
            all_clients.create_task(client())
    return running.report()


class _Running:
    """Idle connections, and what came of the requests so far."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._idle: list[Connection] = []
        self._outcomes: list[str] = []
        self._latencies = array("d")
        self._lags = array("d")
        self.began = self._ended = time.perf_counter()

    async def ask(self, number: int, due: float) -> None:
        begun = time.perf_counter()
        self.note(await self._outcome(number), due, begun)

    def note(self, outcome: str, due: float, begun: float) -> None:
        self._ended = time.perf_counter()
        self._outcomes.append(outcome)
        self._latencies.append(self._ended - due)
        self._lags.append(begun - due)

    def report(self) -> LoadReport:
        return LoadReport(
            outcomes=self._outcomes,
            latencies=self._latencies,
            lags=self._lags,
            seconds=self._ended - self.began,
            good=frozenset(str(status) for status in self._target.good),
        )

    async def __aenter__(self) -> None:
        self.began = time.perf_counter()

    async def __aexit__(self, *_: object) -> None:
        for connection in self._idle:
            connection.close()
        await asyncio.sleep(0)  # so that they are closed

    async def _outcome(self, number: int) -> str:
        try:
            async with asyncio.timeout(self._target.timeout):
                status, body = await self._get(number)
        except tuple(FAILURES) as error:
            return next(kind for failure, kind in FAILURES.items() if isinstance(error, failure))
        right = self._target.is_right
        return "wrong" if status in self._target.good and right and not right(number, body) else str(status)

    def _kept(self) -> Connection | None:
        """A connection to be used again, not one that the server has closed meanwhile."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed:
                return connection
            connection.close()
        return None

    async def _get(self, number: int) -> tuple[int, bytes]:
        connection = self._kept() or await Connection.open(self._target)
        try:
            return await connection.get(self._target.request(number))
        finally:
            if connection.is_reusable and self._target.keeps_alive:
                self._idle.append(connection)
            else:
                connection.close()


def _quantile(values: Sequence[float], share: float) -> float:
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
