"""Keeps another process of ours alive: starts it, starts it again when it dies, ends it with the daemon."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

logger = logging.getLogger(__name__)

#: first and longest pause before a dead process is started again, in seconds
RESTART_FIRST, RESTART_LAST = 1.0, 60.0
#: a process that lived this long had started well: its next death is a first one
LIVED = 60.0
#: how long it may take to end by itself, in seconds
GRACE = 5.0
#: how long one that gives signs of life may give none, in seconds
SILENCE = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A process to keep alive."""

    #: as it is called in the log, such as "the sync process"
    name: str
    command: Sequence[str]
    #: descriptors that it inherits
    files: Sequence[int] = ()
    #: whether it writes a line to its standard output when it is ready, and again and again while it is well
    is_telling: bool = False
    #: whether nothing is lost when it is killed
    is_robust: bool = False


class Supervisor:
    """The owner of a process, which ends when its standard input does."""

    def __init__(
        self, kept: Kept, *, pause: float = RESTART_FIRST, grace: float = GRACE, silence: float = SILENCE
    ) -> None:
        self._kept = kept
        self._pause = pause
        self._grace = grace
        self._silence = silence
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        #: whether the process is there and has said that it is well; always one of both
        self.ready, self.gone = asyncio.Event(), asyncio.Event()
        self.gone.set()

    def start(self) -> None:
        """Start the process, and go on doing so."""
        self._task = asyncio.create_task(self._keep(), name=f"{self._kept.name}-supervisor")

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
            level = logging.INFO if self._kept.is_robust else logging.WARNING
            logger.log(level, "%s did not end within %g s: killed", self._kept.name, self._grace)
            self._process.kill()
            await self._process.wait()

    async def _keep(self) -> None:
        name, pause = self._kept.name, self._pause
        while True:
            started = time.monotonic()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self._kept.command,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE if self._kept.is_telling else None,
                    pass_fds=self._kept.files,
                )
            except OSError as error:
                logger.error("%s cannot be started: %s; tried again in %.0f s", name, error, pause)  # noqa: TRY400 - it says all
            else:
                await self._listen(self._process)
                code = await self._process.wait()
                self.ready.clear()
                self.gone.set()
                if time.monotonic() - started > LIVED:
                    pause = self._pause
                level = logging.ERROR if code else logging.INFO  # 0: somebody told it to end, maybe us all
                logger.log(level, "%s ended with code %d; started again in %.0f s", name, code, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, RESTART_LAST)

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """Take its signs of life, and kill it when they fail to come."""
        if process.stdout is None:
            return
        try:
            while True:
                async with asyncio.timeout(self._silence):
                    if not await _line(process.stdout):
                        return
                if not self.ready.is_set():
                    logger.info("%s is there", self._kept.name)
                self.gone.clear()
                self.ready.set()
        except TimeoutError:
            logger.error("%s gave no sign of life for %.0f s: killed", self._kept.name, self._silence)  # noqa: TRY400 - it says all
            with suppress(ProcessLookupError):
                process.kill()


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line, or a part of one that is too long; empty at the end."""
    try:
        return await stream.readline()
    except ValueError:
        return b"..."
