"""The composition root: builds everything in the order in which data flow, and stops it in the other.

The listening sockets and the records last as long as the process. What is made from the configuration is
made anew when that changes, beside the former, which lets go of the sockets and finishes what it has begun.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from lookupd import checkup, control, listening, log
from lookupd.errors import ConfigError, LookupdError
from lookupd.front import raise_file_limit
from lookupd.index import database
from lookupd.serving import Serving
from lookupd.sync.process import paths
from lookupd.sync.supervisor import Supervisor
from lookupd.systemd import Notifier

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from lookupd.config import Config

logger = logging.getLogger(__name__)


class Daemon:
    """One serving process, and the sync process it owns."""

    def __init__(self, config: Config, file: Path) -> None:
        #: the configuration as it was read last
        self._config = config
        self._file = file
        self._sockets: list[socket.socket] = []
        self._supervisor: Supervisor | None = None
        self._serving: Serving | None = None
        #: former configurations that finish their requests
        self._ending: set[asyncio.Task[None]] = set()
        #: where it answers, such as "http://127.0.0.1:9489"; empty before it does
        self.url = ""

    @property
    def serving(self) -> Serving:
        """What is made from the configuration that counts."""
        if self._serving is None:
            raise RuntimeError("the daemon was not started")
        return self._serving

    async def run(self, on_ready: Callable[[str], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT; `on_ready` gets the URL. Raises LookupdError if it cannot start.

        SIGHUP makes it read its configuration again.
        """
        end, reload = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end.set)
        loop.add_signal_handler(signal.SIGHUP, reload.set)
        notifier = Notifier.of()
        raise_file_limit()
        async with AsyncExitStack() as stack:
            await self.start(stack)
            for task in (self._reload_when(reload, notifier), _show_life(notifier)):
                stack.push_async_callback(_end, asyncio.create_task(task))
            _settle()
            notifier.ready(f"answering on {self.url}")
            on_ready(self.url)
            await end.wait()
            notifier.stopping()
            logger.info("ending")

    async def start(self, stack: AsyncExitStack, *, with_sync: bool = True) -> None:
        """Start everything; the stack stops it."""
        await asyncio.to_thread(database.prepare, paths(self._config).index)
        if with_sync:
            self._supervisor = Supervisor(self._file)
            stack.push_async_callback(self._supervisor.stop)
            self._supervisor.start()
        self._sockets = listening.sockets(self._config.http)
        for one in self._sockets:
            stack.callback(one.close)
        self._serving = await Serving.open(self._config, self._sockets, stack)
        stack.push_async_callback(self._close)
        await control.serve(stack, self._config.data, lambda: self.serving.desk.services["status"])
        self.url = listening.url(self._sockets[0])

    async def reload(self) -> str:
        """Read the configuration again and serve it, without a request lost: what came of that, in words.

        A configuration with mistakes changes nothing; each of them is logged.
        """
        try:
            config = await asyncio.to_thread(checkup.read, self._file)
            former = self.serving
            self._serving = await former.again(config, self._sockets)
        except ConfigError as error:
            for mistake in error.mistakes:
                logger.error("the configuration is not used: %s", mistake)  # noqa: TRY400 - it says all
            return f"the configuration is not used, {len(error.mistakes)} mistakes are in the log"
        except LookupdError as error:
            logger.error("the configuration is not used: %s", error)  # noqa: TRY400 - it says all
            return "the configuration is not used, the log says why"
        self._tell_what_waits(config)
        self._config = config
        log.configure(config.log.level)
        if self._supervisor is not None:
            self._supervisor.reload()
        ending = asyncio.create_task(former.close(), name="former-configuration")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        logger.info("the configuration has been read again")
        return "the configuration has been read again"

    def _tell_what_waits(self, config: Config) -> None:
        """Say which changes count only after a restart."""
        before = self._config
        kept = {
            "data": (before.data, config.data),
            "http.listen": (before.http.listen, config.http.listen),
            "http.port": (before.http.port, config.http.port),
        }
        for key, (old, new) in kept.items():
            if old != new:
                logger.warning("%s stays %s until lookupd is started again", key, old)

    async def _reload_when(self, asked: asyncio.Event, notifier: Notifier) -> None:
        while True:
            await asked.wait()
            asked.clear()
            notifier.reloading()
            outcome = "the configuration is not used, the log says why"
            try:
                outcome = await self.reload()
            except Exception:
                logger.exception("the configuration cannot be read again")
            notifier.ready(f"answering on {self.url}; {outcome}")

    async def _close(self) -> None:
        await self.serving.close()
        await asyncio.gather(*self._ending)


def _settle() -> None:
    """What was made until now stays: looking through it for garbage, again and again, makes questions wait."""
    gc.collect()
    gc.freeze()


async def _show_life(notifier: Notifier) -> None:
    """Feed the watchdog from the loop that answers: when it is stuck, nobody does."""
    while notifier.watchdog is not None:
        notifier.alive()
        await asyncio.sleep(notifier.watchdog / 3)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
