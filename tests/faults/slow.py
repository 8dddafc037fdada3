"""Clients that take as long as they are let (slowloris): each sends its request one byte at a time."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.faults.client import Target

SPARE = 100  # descriptors that this process needs for other things
CONNECT_TIMEOUT = 5.0  # seconds
AT_ONCE = 50  # connections that are made at the same time


@dataclass(slots=True, kw_only=True)
class SlowClients:
    """What became of them so far."""

    #: those that the server still has
    sockets: list[socket.socket] = field(default_factory=list)
    #: those that were never connected
    refused: int = 0
    #: those that the server closed, answered or not
    dropped: int = 0
    #: bytes that each of the open ones has sent
    sent: int = 0

    @property
    def open(self) -> int:
        """How many the server still has."""
        return len(self.sockets)

    def send(self, byte: bytes) -> None:
        """The next byte of each."""
        self.sockets, before = [], self.sockets
        for sock in before:
            if _goes_on(sock, byte):
                self.sockets.append(sock)
            else:
                sock.close()
                self.dropped += 1
        self.sent += 1

    def close(self) -> None:
        """Leave, all of them."""
        while self.sockets:
            self.sockets.pop().close()


@contextlib.asynccontextmanager
async def slow_clients(
    target: Target, count: int, *, seconds: float = 30.0, every: float = 1.0
) -> AsyncIterator[SlowClients]:
    """So many connections inside the block, for `seconds` at most, each with a byte every `every` seconds.

    The header of their requests never ends.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if count + SPARE > soft:
        raise RuntimeError(
            f"{count} clients need {count + SPARE} descriptors, and {soft} are allowed: ulimit -n"
        )
    clients = SlowClients()
    sending: asyncio.Task[None] | None = None
    try:
        await _connect(target, count, clients)
        sending = asyncio.create_task(_send(target, clients, seconds, every))
        yield clients
    finally:
        if sending:
            sending.cancel()
            await asyncio.wait({sending})
        clients.close()
    if not sending.cancelled():
        sending.result()


async def _connect(target: Target, count: int, clients: SlowClients) -> None:
    turn = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in target.address[0] else socket.AF_INET

    async def one() -> None:
        sock = socket.socket(family)
        sock.settimeout(0)
        try:
            async with turn, asyncio.timeout(CONNECT_TIMEOUT):
                await loop.sock_connect(sock, target.address)
        except OSError:
            sock.close()
            clients.refused += 1
        except BaseException:
            sock.close()
            raise
        else:
            clients.sockets.append(sock)

    async with asyncio.TaskGroup() as connecting:
        for _ in range(count):
            connecting.create_task(one())


async def _send(target: Target, clients: SlowClients, seconds: float, every: float) -> None:
    header = target.request(0).removesuffix(b"\r\n") + b"X-Slow: "
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                clients.send(header[clients.sent : clients.sent + 1] or b"a")
                await asyncio.sleep(every)
    clients.close()


def _goes_on(sock: socket.socket, byte: bytes) -> bool:
    try:
        if not sock.recv(4096):
            return False
    except BlockingIOError:
        pass
    except OSError:
        return False
    with contextlib.suppress(BlockingIOError):
        try:
            sock.send(byte)
        except ConnectionError:
            return False
    return True
