"""One direction of a connection, as the behaviours of a proxy work on it."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

CHUNK = 65536
HELD = 1 << 20  # bytes that wait in a stalled direction


@dataclass(slots=True)
class Tally:
    """How many bytes one way; what came and did not go is held, or lost."""

    came: int = 0
    went: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Wire:
    """One direction of a connection. Bytes are held between coming and going: cancelling loses none."""

    tally: Tally
    #: set when the client has left; both directions share it
    left: asyncio.Event
    reads_client: bool
    source: socket.socket | None = None
    target: socket.socket | None = None
    held: bytearray = field(default_factory=bytearray)
    #: bytes that went on
    passed: int = 0
    is_at_end: bool = False
    is_finished: bool = False

    async def fill(self) -> bool:
        """Whether bytes are held, after waiting for some; False at the end of the stream."""
        while not self.held and not self.is_at_end:
            await self._read()
        return bool(self.held)

    async def send(self, most: int = CHUNK, change: Callable[[bytes, int], bytes] | None = None) -> None:
        """Send the held bytes, `most` of them; `change` gets bytes and the place of the first of them."""
        until = self.passed + min(most, len(self.held))
        while self.passed < until:
            await ready_to_write(self.target)
            piece = bytes(self.held[: until - self.passed])
            try:
                sent = self.target.send(change(piece, self.passed) if change else piece)
            except BlockingIOError:
                continue
            del self.held[:sent]
            self.passed += sent
            self.tally.went += sent

    async def send_first(self, count: int) -> bool:
        """Send on until `count` bytes went; False if the stream ended before."""
        while self.passed < count and await self.fill():
            await self.send(count - self.passed)
        return self.passed >= count

    async def hold_back(self) -> None:
        """Send nothing, until the client has left."""
        while self.reads_client and not self.is_at_end and len(self.held) < HELD:
            await self._read()
        await self.left.wait()

    async def swallow(self) -> None:
        """Take what comes, and lose it."""
        while await self.fill():
            self.held.clear()

    def finish(self) -> None:
        """Let the receiver see the end of the stream."""
        self.is_finished = True
        with contextlib.suppress(OSError):  # it has gone already
            self.target.shutdown(socket.SHUT_WR)

    async def _read(self) -> None:
        await ready_to_read(self.source)
        try:
            came = self.source.recv(CHUNK)
        except BlockingIOError:
            return
        self.held += came
        self.tally.came += len(came)
        self.is_at_end = not came
        if self.is_at_end and self.reads_client:
            self.left.set()


async def ready_to_read(sock: socket.socket) -> None:
    """Wait until there is something to read."""
    loop = asyncio.get_running_loop()
    await _called(loop.add_reader, loop.remove_reader, sock)


async def ready_to_write(sock: socket.socket) -> None:
    """Wait until there is room to write."""
    loop = asyncio.get_running_loop()
    await _called(loop.add_writer, loop.remove_writer, sock)


async def _called(add: Callable[..., object], remove: Callable[..., object], sock: socket.socket) -> None:
    ready = asyncio.Event()
    add(sock, ready.set)
    try:
        await ready.wait()
    finally:
        remove(sock)
