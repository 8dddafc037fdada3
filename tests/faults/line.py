"""One connection through a proxy: the client's side, and the server's, made when it is first needed."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Coroutine

from tests.faults.behaviour import Behaviour, HalfOpen, OneWay, Whole
from tests.faults.wire import Tally, Wire, ready_to_write

RESETS = struct.pack("ii", 1, 0)  # of SO_LINGER: closing sends RST


class Line:
    """Serves one client; what it does may change at any moment."""

    def __init__(self, client: socket.socket, to_client: Tally, to_server: Tally) -> None:
        _prepare(client)
        left = asyncio.Event()
        self.up = Wire(tally=to_server, left=left, reads_client=True, source=client)
        self.down = Wire(tally=to_client, left=left, reads_client=False, target=client)
        self._client = client
        self._server: socket.socket | None = None
        self._is_alone = False
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    def change(self, to_client: Behaviour, to_server: OneWay) -> None:
        """Go on in another way; not a byte goes the old way any more."""
        self._behaviours = to_client, to_server
        self._interrupt()

    def cut(self) -> None:
        """End by a reset on both sides; not a byte goes any more."""
        self._reset_when_closed()
        self._interrupt()

    async def serve(self, target: tuple[str, int]) -> None:
        """Until the connection has ended; then `close` it."""
        while not self._is_over:
            self._tasks = [asyncio.create_task(job) for job in self._jobs(target)]
            try:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_EXCEPTION)
            finally:
                self._interrupt()
                await asyncio.wait(self._tasks)
            for error in [task.exception() for task in self._tasks if not task.cancelled()]:
                if isinstance(error, OSError):
                    self._reset_when_closed()
                elif error:
                    raise error

    def lose_server(self) -> None:
        """Close the server's side for ever."""
        self._is_alone = True
        if self._server:
            self._server.close()

    def _reset_when_closed(self) -> None:
        self._is_over = True
        for sock in self._sockets():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESETS)

    def close(self) -> None:
        """Close both sides."""
        for sock in self._sockets():
            sock.close()

    def _sockets(self) -> list[socket.socket]:
        return [sock for sock in (self._client, self._server) if sock and sock.fileno() >= 0]

    def _interrupt(self) -> None:
        # Directly: an outer task would pass it on later, and bytes would go on meanwhile.
        for task in self._tasks:
            task.cancel()

    def _jobs(self, target: tuple[str, int]) -> list[Coroutine[None, None, None]]:
        to_client, to_server = self._behaviours
        if self._is_alone:
            return [self._hold(HalfOpen())]
        if isinstance(to_client, Whole):
            return [self._hold(to_client)]
        if not self._server:
            return [self._connect(target)]
        return [self._carry(to_client, self.down), self._carry(to_server, self.up)]

    async def _hold(self, behaviour: Whole) -> None:
        await behaviour.hold(self)
        self._is_over = True

    async def _carry(self, behaviour: OneWay, wire: Wire) -> None:
        if not wire.is_finished:
            await behaviour.carry(wire)
            wire.finish()
        self._is_over = self.up.is_finished and self.down.is_finished

    async def _connect(self, target: tuple[str, int]) -> None:
        with contextlib.ExitStack() as unless_connected:
            server = unless_connected.enter_context(socket.socket())
            _prepare(server)
            server.connect_ex(target)
            await ready_to_write(server)
            server.getpeername()  # raises if it was refused
            unless_connected.pop_all()
        self._server = self.up.target = self.down.source = server


def _prepare(sock: socket.socket) -> None:
    sock.settimeout(0)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
