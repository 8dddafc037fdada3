"""A TCP proxy between a client and a real server on the loopback, which behaves as badly as it is told.

`Proxy` runs in the loop of its caller, `ThreadedProxy` in a thread of its own.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Self

from tests.faults.behaviour import (
    Behaviour,
    BlackHole,
    Corrupt,
    Delay,
    Drip,
    Garbage,
    HalfOpen,
    OneWay,
    Pass,
    RefuseNew,
    Reset,
    Stall,
    Truncate,
)
from tests.faults.line import Line
from tests.faults.wire import Tally

__all__ = [
    "BlackHole", "Corrupt", "Delay", "Drip", "Garbage", "HalfOpen", "Pass", "Proxy", "RefuseNew", "Reset",
    "Schedule", "Stall", "ThreadedProxy", "Truncate",
]  # fmt: skip

#: behaviours, each for so many connections in a row; those after the last one pass
Schedule = Sequence[tuple[Behaviour, int]]

LOOPBACK = "127.0.0.1"
ALWAYS = 1 << 62
PASS = Pass()
DEADLINE = 10.0  # seconds, for a thread to begin or end


class Proxy:
    """`async with Proxy(server_port) as proxy:` listens on `proxy.port`, and passes until told otherwise."""

    def __init__(self, target_port: int, *, most_open: int = 1000) -> None:
        self._target = (LOOPBACK, target_port)
        self._most_open = most_open  # more wait in the kernel
        self._schedules: tuple[Schedule, Schedule] = ((), ())
        self._scheduled_from = 0
        self._refuses = False
        self._holder: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._lines: dict[Line, asyncio.Task[None]] = {}
        self._failures: list[BaseException] = []
        self._to_client, self._to_server = Tally(), Tally()
        #: connections accepted so far
        self.connections = 0

    @property
    def open(self) -> int:
        """Connections open now."""
        return len(self._lines)

    @property
    def bytes_from_client(self) -> int:
        """Bytes that came from the clients, whatever became of them."""
        return self._to_server.came

    @property
    def bytes_to_server(self) -> int:
        """Bytes that the server was sent."""
        return self._to_server.went

    @property
    def bytes_from_server(self) -> int:
        """Bytes that came from the server, whatever became of them."""
        return self._to_client.came

    @property
    def bytes_to_client(self) -> int:
        """Bytes that the clients were sent."""
        return self._to_client.went

    def behave(self, to_client: Behaviour = PASS, *, to_server: OneWay = PASS) -> None:
        """From now on, in connections that are open too. `behave()` heals everything."""
        refuses = isinstance(to_client, RefuseNew)
        self._take(([(PASS if refuses else to_client, ALWAYS)], [(to_server, ALWAYS)]), refuses=refuses)
        for line in self._lines:
            line.change(*self._behaviours(self.connections))

    def schedule(self, to_client: Schedule = (), *, to_server: Schedule = ()) -> None:
        """Connections from now on, by their number; open ones go on as they are."""
        if any(isinstance(behaviour, RefuseNew) for behaviour, _ in to_client):
            raise ValueError("a refused connection never comes here, so it cannot be counted: use behave")
        self._take((to_client, to_server), refuses=False)

    def cut(self) -> None:
        """Reset every open connection, as the end of a server does."""
        for line in self._lines:
            line.cut()

    async def __aenter__(self) -> Self:
        # Bound but not listening, this socket keeps the port while nobody listens on it.
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]
        if not self._refuses:
            self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop_listening()
        self._holder.close()
        self._holder = None
        tasks = list(self._lines.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._failures:
            raise self._failures[0]

    def _take(self, schedules: tuple[Schedule, Schedule], *, refuses: bool) -> None:
        if not all(isinstance(behaviour, OneWay) for behaviour, _ in schedules[1]):
            raise ValueError("to the server goes what concerns one direction only")
        self._schedules, self._refuses, self._scheduled_from = schedules, refuses, self.connections
        if refuses:
            self._stop_listening()
        else:
            self._listen()

    def _behaviours(self, number: int) -> tuple[Behaviour, OneWay]:
        to_client, to_server = (_chosen(plan, number - self._scheduled_from) for plan in self._schedules)
        return to_client, to_server

    def _listen(self) -> None:
        if self._listener or not self._holder:
            return
        self._listener = _bound(self.port)
        self._listener.listen(1024)
        self._watch()

    def _stop_listening(self) -> None:
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        if self._listener and len(self._lines) < self._most_open:
            loop.add_reader(self._listener, self._accept)
        elif self._listener:
            loop.remove_reader(self._listener)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        line = Line(client, self._to_client, self._to_server)
        line.change(*self._behaviours(self.connections))
        self.connections += 1
        task = asyncio.create_task(line.serve(self._target), name=f"proxied connection {self.connections}")
        self._lines[line] = task
        task.add_done_callback(lambda task: self._ended(line, task))
        self._watch()

    def _ended(self, line: Line, task: asyncio.Task[None]) -> None:
        line.close()
        del self._lines[line]
        self._watch()
        if not task.cancelled() and task.exception():
            self._failures.append(task.exception())


class ThreadedProxy(Proxy):
    """A Proxy for tests that are not async: `with ThreadedProxy(server_port) as proxy:`.

    What `behave`, `schedule` and `cut` do is done when they return; the counts follow a moment later.
    """

    _loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="proxy")
        started: Future[None] = Future()
        self._running = self._thread.submit(asyncio.run, self._run(started))
        wait((started, self._running), DEADLINE, FIRST_COMPLETED)
        if not started.done():
            self._running.result(0)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        try:
            self._running.result(DEADLINE)
        finally:
            self._loop = None
            self._thread.shutdown(wait=False)

    def behave(self, to_client: Behaviour = PASS, *, to_server: OneWay = PASS) -> None:
        self._call(lambda: super(ThreadedProxy, self).behave(to_client, to_server=to_server))

    def schedule(self, to_client: Schedule = (), *, to_server: Schedule = ()) -> None:
        self._call(lambda: super(ThreadedProxy, self).schedule(to_client, to_server=to_server))

    def cut(self) -> None:
        self._call(super().cut)

    async def _run(self, started: Future[None]) -> None:
        self._done = asyncio.Event()
        async with self:
            self._loop = asyncio.get_running_loop()
            started.set_result(None)
            await self._done.wait()

    def _call(self, function: Callable[[], None]) -> None:
        async def called() -> None:
            function()

        if self._loop:
            asyncio.run_coroutine_threadsafe(called(), self._loop).result(DEADLINE)
        else:
            function()  # before it runs


def _chosen(schedule: Schedule, number: int) -> Behaviour:
    for behaviour, times in schedule:
        if number < times:
            return behaviour
        number -= times
    return PASS


def _bound(port: int) -> socket.socket:
    sock = socket.socket()
    sock.settimeout(0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((LOOPBACK, port))
    return sock
