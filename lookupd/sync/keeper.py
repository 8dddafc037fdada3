"""Keeps the index sound: looks at all of it, at the start and once a day, and sees when it was made anew."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from lookupd import ballast
from lookupd.datafile import SQLITE, which
from lookupd.errors import DataError, IndexDamaged
from lookupd.index import database, scrub
from lookupd.sync import callers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

#: how often the whole index is looked at, and how often whether it is still the same file
SCRUB_EVERY = timedelta(days=1)
WATCH_EVERY = timedelta(seconds=1)


class Keeper:
    """The one that keeps the index of the sync process. Its looks take place in threads."""

    def __init__(
        self,
        path: Path,
        *,
        begin: Callable[[], Awaitable[None]],
        refill: Callable[[], None],
        scrub_every: timedelta = SCRUB_EVERY,
    ) -> None:
        self._path = path
        #: called once, when the index was found sound or is empty
        self._begin = begin
        #: called when everything must be pulled again
        self._refill = refill
        self._scrub_every = scrub_every.total_seconds()
        self._file: int | None = None
        self._is_over = False
        self._trouble: str | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> asyncio.Task[None]:
        """Look at the index, and begin. The task ends only with `stop`, or with an error nobody foresaw."""
        self._file = which(self._path)
        self._task = asyncio.create_task(self._keep(), name="index-keeper")
        return self._task

    async def stop(self) -> None:
        """End; a look that is under way is broken off. Raises what ended it before."""
        self._is_over = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.result()

    async def _keep(self) -> None:
        await self._look()
        await self._begin()
        if await asyncio.to_thread(self._was_lost):
            self._file = which(self._path)
            self._refill()
        await asyncio.gather(self._watch(), self._scrub())

    async def _watch(self) -> None:
        while True:
            await asyncio.to_thread(self._make_missing)
            await asyncio.to_thread(ballast.keep, self._path.parent)
            now = which(self._path)
            if now not in {self._file, None}:
                self._file = now
                logger.warning("%s was made anew: every source is pulled again", self._path)
                self._refill()
            await asyncio.sleep(WATCH_EVERY.total_seconds())

    async def _scrub(self) -> None:
        while True:
            await self._look_at_callers()
            await asyncio.sleep(self._scrub_every)
            await self._look()

    async def _look(self) -> None:
        """Look at the whole index, and put an empty one in its place if it is damaged."""
        file = which(self._path)
        try:
            problem = await asyncio.to_thread(scrub.problem, self._path, lambda: self._is_over)
            if problem is not None and file is not None:
                await asyncio.to_thread(database.replace, self._path, file, problem)
        except (OSError, *SQLITE) as error:
            logger.error("%s is damaged, and cannot be replaced: %s", self._path, error)  # noqa: TRY400 - it says all

    async def _look_at_callers(self) -> None:
        """Make the file of callers anew if it does not say what the index says, or did so earlier."""
        try:
            for look in (callers.check, callers.renew):
                await asyncio.to_thread(look, self._path, lambda: self._is_over)
        except (IndexDamaged, OSError, *SQLITE) as error:
            logger.error("%s", error)  # noqa: TRY400 - a run meets it too, and mends it

    def _was_lost(self) -> bool:
        """Whether the index was made anew before this process began: some sources may not be due yet."""
        try:
            return database.was_lost(self._path)
        except SQLITE as error:
            logger.debug("%s: %s", self._path, error)  # whoever pulls meets it too, and says it
            return False

    def _make_missing(self) -> None:
        try:
            if which(self._path) is not None:
                return
            database.prepare(self._path)
        except (DataError, OSError) as error:
            if str(error) != self._trouble:
                logger.error("%s", error)  # noqa: TRY400 - the message says all
            self._trouble = str(error)
        else:
            self._trouble = None
