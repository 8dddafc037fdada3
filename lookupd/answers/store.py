"""Remembered answers on disk, behind the memory that serves them: written later, in a thread of its own.

Whatever the disk does, answers are served from memory; what could not be written yet is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookupd.answers import file
from lookupd.answers.table import Table
from lookupd.datafile import SQLITE, is_damage, words
from lookupd.memory import CAPACITY

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from lookupd.answers.table import Kept, Pair
    from lookupd.memory import Asked, Remembered

logger = logging.getLogger(__name__)

#: how many answers are handed over at a time
PIECE = 1000
#: how long the last answers may take to be written when the process ends, in seconds
ENDING = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long the thread rests, in seconds."""

    #: before answers are written, so that many are written at once
    gather: float = 0.05
    #: between two looks at what other processes have written
    poll: float = 0.25
    #: after a failure
    retry: float = 1.0
    #: between two removals of what is past use
    purge: float = 600.0


class Store:
    """Keeps answers in a file, and hands over what is in it."""

    def __init__(
        self,
        path: Path,
        kept: Mapping[str, Kept],
        clock: Callable[[], datetime],
        pauses: Pauses = Pauses(),
    ) -> None:
        """`kept` are the sources, by uuid; answers of others are not handed over."""
        self._path = path
        self._table = Table(kept)
        self._clock = clock
        self._pauses = pauses
        #: why answers cannot be kept at the moment; None when they can
        self.problem: str | None = None
        #: the sources to be kept from the next turn on, where they are others
        self._followed: tuple[Mapping[str, Kept], frozenset[str]] | None = None
        self._pending: dict[Asked, Remembered] = {}
        self._lock = threading.Lock()
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="answers", daemon=True)
        self._connection: sqlite3.Connection | None = None
        self._file: int | None = None
        self._purge_at = time.monotonic() + pauses.purge
        self._hand: Callable[[list[Pair]], None] = lambda _: None

    async def start(self, learn: Callable[[Asked, Remembered], None]) -> None:
        """Hand over what the file holds, and from then on what other processes add to it."""
        loop, loaded = asyncio.get_running_loop(), asyncio.Event()

        def take(pairs: list[Pair]) -> None:
            for question, remembered in pairs:
                learn(question, remembered)
            if not pairs:  # said once the file has been read
                loaded.set()

        def hand(pairs: list[Pair]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to learn
                for at in range(0, max(1, len(pairs)), PIECE):  # questions are answered in between
                    loop.call_soon_threadsafe(take, pairs[at : at + PIECE])

        self._hand = hand
        self._thread.start()
        await loaded.wait()

    def keep(self, question: Asked, remembered: Remembered) -> None:
        """Write it soon. Never waits."""
        with self._lock:
            self._pending.pop(question, None)
            self._pending[question] = remembered
            if len(self._pending) > CAPACITY:
                del self._pending[next(iter(self._pending))]
        self._wake.set()

    def follow(self, kept: Mapping[str, Kept], changed: frozenset[str]) -> None:
        """Keep the answers of these sources from now on; what the file holds of them is handed over again.

        What the sources with the uuids `changed` said under other settings goes, written or not.
        """
        with self._lock:
            self._followed = kept, changed | (self._followed[1] if self._followed else frozenset())
            for question in [question for question in self._pending if question.source in changed]:
                del self._pending[question]
        self._wake.set()

    async def close(self) -> None:
        """Write what is left."""
        self._ending.set()
        self._wake.set()
        await asyncio.to_thread(self._thread.join, ENDING)

    def _work(self) -> None:
        self._turn()
        self._hand([])
        while not self._ending.is_set():
            if self.problem is not None:
                self._ending.wait(self._pauses.retry)
            elif self._wake.wait(self._pauses.poll):
                self._ending.wait(self._pauses.gather)
            self._wake.clear()
            self._turn()
        self._turn()
        self._disconnect()

    def _turn(self) -> None:
        """Write what waits, read what is new, remove what is past use."""
        try:
            connection = self._connected()
            with self._lock:
                batch = dict(self._pending)
                followed, self._followed = self._followed, None
            if followed is not None:
                self._table.follow(*followed)
            news = self._table.exchange(connection, batch, self._clock())
            if news:
                self._hand(news)
            self._written(batch)
            if time.monotonic() >= self._purge_at:
                self._table.purge(connection, self._clock())
                self._purge_at = time.monotonic() + self._pauses.purge
        except (*SQLITE, OSError) as error:
            self._failed(error)
        else:
            self._well()

    def _connected(self) -> sqlite3.Connection:
        """A connection to the file that lies there now."""
        if self._connection is None or self._file != file.which(self._path):
            self._disconnect()
            self._connection = file.connect(self._path)
            self._file = file.which(self._path)
            self._table.begin()
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _written(self, batch: Mapping[Asked, Remembered]) -> None:
        with self._lock:
            for question, remembered in batch.items():
                if self._pending.get(question) is remembered:
                    del self._pending[question]

    def _failed(self, error: Exception) -> None:
        if self.problem is None:
            logger.error(
                "%s: answers are kept in memory only, until it can be written: %s", self._path, words(error)
            )
        self.problem = words(error)
        if is_damage(error):
            self._disconnect()
            with suppress(OSError):
                file.set_aside(self._path, self._file, words(error))

    def _well(self) -> None:
        if self.problem is not None:
            logger.info("%s: answers are written again", self._path)
        self.problem = None
