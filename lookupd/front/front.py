"""Takes connections from listening sockets for an application, and ends without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, cast

from aiohttp import web

from lookupd.front.admission import Admission
from lookupd.front.connection import Connection
from lookupd.front.limits import Limits
from lookupd.front.load import Load
from lookupd.front.queue import Queue
from lookupd.front.watch import Watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

#: for requests that were given up to end, in seconds
_LAST_WAIT = 0.1
#: turns of the loop, of uvloop or asyncio, after which a connection that was accepted is known to be there
_ACCEPTING = 4


class Front:
    """Takes connections for an application: bounded, timed, and drained."""

    def __init__(
        self,
        app: web.Application,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        at_once: Callable[[bytes], bytes | None] | None = None,
        load: Load | None = None,
        search_cost: Callable[[], float] | None = None,
    ) -> None:
        """`at_once` is given each request that stands alone, and may have the whole reply ready.

        `search_cost` says how many seconds a text search takes at the moment, and so how many may wait.
        """
        #: what there is to do, and what was refused
        self.load = Load() if load is None else load
        self._limits = limits
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_LAST_WAIT)
        self._queue = Queue(limits, time.monotonic)
        self._watch = Watch(limits, self.load, time.monotonic, at_once, search_cost)
        self._server: web.Server | None = None
        self._servers: dict[socket.socket, asyncio.Server] = {}
        self._next_sweep: asyncio.TimerHandle | None = None
        #: whether idle connections are not to be waited for any longer than requests come on them
        self._is_hasty = False

    async def open(self, sockets: Sequence[socket.socket]) -> None:
        """Start the application, and serve on these listening sockets, which stay those of the caller."""
        await self._runner.setup()
        self._server = cast("web.Server", self._runner.server)  # setup has made it
        self._server.request_handler = Admission(self._server.request_handler, self._watch, self._queue)
        self._sweep()
        try:
            await self.take(sockets)
        except BaseException:
            await self.drain(0)
            raise

    async def take(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on these sockets too."""
        server = self._server
        if server is None or self.load.is_draining:
            return
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(server, self._watch, self._queue, loop)

        for sock in sockets:
            own = sock.dup()
            try:
                serving = await loop.create_server(connection, sock=own, backlog=self._limits.backlog)
            except BaseException:
                own.close()
                raise
            self._servers[sock] = serving

    def leave(self, sockets: Sequence[socket.socket]) -> None:
        """Take no more connections from these; those that are open go on."""
        for sock in sockets:
            if sock in self._servers:
                self._servers.pop(sock).close()

    def stop(self) -> None:
        """Take no more connections, and let each answer on an open one be its last."""
        self.leave([*self._servers])
        self.load.is_draining = True
        self._watch.last_answers()

    def hasten(self) -> None:
        """Wait for idle connections only while requests come on them, when it drains or does so already."""
        self._is_hasty = True

    async def drain(self, patience: float = 5.0) -> None:
        """Stop, answer what still comes on open connections, and clean up.

        Connections that wait to be accepted are left to whoever else has the socket. After a short grace,
        idle connections are closed; after `patience` seconds in all, the others too.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        self.stop()
        for _ in range(_ACCEPTING):
            await asyncio.sleep(0)
        await self._used_up(loop.time() + min(self._limits.grace, patience))
        self._watch.close_idle()
        await self._emptied(end)
        await self._runner.cleanup()
        self._watch.drop_all()
        if self._next_sweep is not None:
            self._next_sweep.cancel()
            self._next_sweep = None

    async def _used_up(self, end: float) -> None:
        """Wait until all connections had their last answer, in haste only while some have; or until `end`."""
        loop = asyncio.get_running_loop()
        while (left := self.load.connections) and loop.time() < end:
            await self._emptied(min(end, loop.time() + self._limits.haste))
            if self._is_hasty and self.load.connections >= left:
                return

    async def _emptied(self, end: float) -> None:
        """Wait until there are no connections, or until `end`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._watch.emptied.wait()

    def _sweep(self) -> None:
        self._next_sweep = asyncio.get_running_loop().call_later(self._limits.sweep, self._sweep)
        self._watch.sweep()
