"""Keeps the sync process alive: starts it, starts it again when it dies, ends it with the daemon."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

#: first and longest pause before a dead process is started again, in seconds
RESTART_FIRST, RESTART_LAST = 1.0, 60.0
#: a process that lived this long had started well: its next death is a first one
LIVED = 60.0
#: how long it may take to end by itself, in seconds
GRACE = 5.0


class Supervisor:
    """The owner of the sync process."""

    def __init__(self, config: Path, *, pause: float = RESTART_FIRST, grace: float = GRACE) -> None:
        self._pause = pause
        self._grace = grace
        self._command = (sys.executable, "-m", "lookupd.sync.process", str(config))
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the process, and go on doing so."""
        self._task = asyncio.create_task(self._keep(), name="sync-supervisor")

    def reload(self) -> None:
        """Let the process read the configuration again; one that is not there will, when it starts."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(b"reload\n")

    async def stop(self) -> None:
        """Ask the process to end; end it if it does not."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._process is None or self._process.returncode is not None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(self._grace):
                await self._process.wait()
        except TimeoutError:
            logger.warning("the sync process did not end within %.0f s: killed", self._grace)
            self._process.kill()
            await self._process.wait()

    async def _keep(self) -> None:
        pause = self._pause
        while True:
            started = time.monotonic()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=asyncio.subprocess.PIPE
                )
            except OSError as error:
                logger.error("the sync process cannot be started: %s; tried again in %.0f s", error, pause)  # noqa: TRY400 - it says all
            else:
                code = await self._process.wait()
                if time.monotonic() - started > LIVED:
                    pause = self._pause
                level = logging.ERROR if code else logging.INFO  # 0: somebody told it to end, maybe us all
                logger.log(level, "the sync process ended with code %d; started again in %.0f s", code, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, RESTART_LAST)
