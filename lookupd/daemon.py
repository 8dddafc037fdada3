"""The composition root: builds everything in the order in which data flow, and stops it in the other.

The listening sockets and the records last as long as the process. What is made from the configuration is
made anew when that changes, beside the former, which lets go of the sockets and finishes what it has begun.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack, suppress
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from lookupd import ballast, checkup, control, listening, log
from lookupd.accepted import Accepted
from lookupd.front import raise_file_limit
from lookupd.heap import growing, settle
from lookupd.index import database
from lookupd.reloadable import Reloadable
from lookupd.sockets import Sockets
from lookupd.supervisor import Kept, Supervisor
from lookupd.sync.paths import paths
from lookupd.systemd import Notifier

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from lookupd.config import Config
    from lookupd.serving import Serving

logger = logging.getLogger(__name__)

#: how long another serving process may take to end, some more than its requests may, and how long it may give
#: no sign of life, in seconds
ENDING, STUCK = 8.0, 10.0
#: how long the sync process may take to end: a run that is killed has changed nothing
BREAKING_OFF = 0.1


class Daemon:
    """One serving process, and those it owns: the sync process, and more serving ones."""

    def __init__(self, config: Config, file: Path) -> None:
        #: the configuration as it was read last
        self._config = config
        #: the one whose address and data it has, whatever was read since
        self._started_with = config
        self._file = file
        self._served: Reloadable | None = None
        self._accepted: Accepted | None = None
        self._sync: Supervisor | None = None
        self._workers: list[Supervisor] = []
        #: where it answers, such as "http://127.0.0.1:9489"; empty before it does
        self.url = ""

    @property
    def served(self) -> Reloadable:
        """What this process itself serves."""
        if self._served is None:
            raise RuntimeError("the daemon was not started")
        return self._served

    @property
    def accepted(self) -> Accepted:
        """What its processes go by."""
        if self._accepted is None:
            raise RuntimeError("the daemon was not started")
        return self._accepted

    @property
    def serving(self) -> Serving:
        """What is made from the configuration that counts."""
        return self.served.serving

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
            with growing():
                await self.start(stack)
            for task in (self._reload_when(reload, notifier), _show_life(notifier)):
                stack.push_async_callback(_end, asyncio.create_task(task))
            settle()
            notifier.ready(f"answering on {self.url}")
            on_ready(self.url)
            await end.wait()
            notifier.stopping()
            logger.info("ending")

    async def start(self, stack: AsyncExitStack, *, with_sync: bool = True) -> None:
        """Start everything; the stack stops it."""
        await asyncio.to_thread(ballast.give, self._config.data)
        await asyncio.to_thread(database.prepare, paths(self._config).index)
        self._accepted = Accepted(self._config)
        stack.callback(self.accepted.close)
        handed = listening.handed()
        own, *others = listening.shares(self._config.http, handed.http)
        for one in dict.fromkeys(chain(own, *others, *handed.views.values())):
            stack.callback(one.close)
        read, listened = partial(checkup.read, self._file), Sockets(http=own, views=handed.views)
        self._served = await Reloadable.open(self._config, read, listened, stack)
        stack.push_async_callback(self._close)
        for place, sockets in enumerate(others, start=2):
            both = Sockets(http=sockets, views=handed.views)
            worker = self._process(f"serving process {place}", "lookupd.worker", both)
            self._workers.append(Supervisor(worker, grace=ENDING, silence=STUCK))
            self._workers[-1].start()
            alone = [sock for sock in sockets if sock not in own]
            standing_in = asyncio.create_task(_stand_in(self._served, self._workers[-1], alone))
            stack.push_async_callback(_end, standing_in)
        if with_sync:
            syncing = self._process("the sync process", "lookupd.sync.process")
            self._sync = Supervisor(syncing, grace=BREAKING_OFF)
            self._sync.start()
        await control.serve(stack, self._config.data, lambda: self.serving.desk.services["status"])
        self.url = listening.url(own[0])

    async def reload(self) -> str:
        """Read the configuration again and serve it, without a request lost: what came of that, in words.

        A configuration with mistakes changes nothing; each of them is logged.
        """
        former = self.served.serving
        outcome = await self.served.reload()
        if self.served.serving is not former:
            config = self.served.config
            self._tell_what_waits(config)
            self._config = config
            self.accepted.put(self.served.serving.config)
            log.configure(config.log.level)
            for supervisor in (*self._workers, *([self._sync] if self._sync else [])):
                supervisor.reload()
        return outcome

    def _tell_what_waits(self, config: Config) -> None:
        """Say which changes count only after a restart."""
        before = self._started_with
        kept = {
            "data": (before.data, config.data),
            "http.listen": (before.http.listen, config.http.listen),
            "http.port": (before.http.port, config.http.port),
            "http.workers": (before.http.workers, config.http.workers),
        }
        for key, (old, new) in kept.items():
            if old != new:
                logger.warning("%s stays %s until lookupd is started again", key, old)

    def _process(self, name: str, module: str, sockets: Sockets | None = None) -> Kept:
        """One of our processes; with sockets it is one that serves."""
        is_serving = sockets is not None
        words = sockets.words() if sockets else {}
        accepted = self.accepted.descriptor
        command = (sys.executable, "-P", "-m", module, str(self._file), str(accepted), *words)
        files = [accepted, *words.values()]
        return Kept(name=name, command=command, files=files, is_telling=is_serving, is_robust=not is_serving)

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
        others = [*self._workers, *([self._sync] if self._sync else [])]
        await asyncio.gather(self.served.close(), *(process.stop() for process in others))


async def _stand_in(served: Reloadable, worker: Supervisor, sockets: Sequence[socket.socket]) -> None:
    """Serve on a worker's sockets while it is not there: who connects is not to wait until it is."""
    while True:
        await worker.gone.wait()
        try:
            await served.take(sockets)
        except OSError as error:  # who connects there waits until the process is back
            logger.error("nobody stands in for a serving process: %s", error)  # noqa: TRY400 - it says all
        await worker.ready.wait()
        served.leave(sockets)


async def _show_life(notifier: Notifier) -> None:
    """Feed the watchdog from the loop that answers: when it is stuck, nobody does."""
    while notifier.watchdog is not None:
        notifier.alive()
        await asyncio.sleep(notifier.watchdog / 3)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
