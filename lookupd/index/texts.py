"""The connection for all that takes longer than a number: one question at a time, each with an end.

SQLite works on it in a thread of its own. Whoever comes waits for the turn; when time is up, what is being
read is interrupted, and what was read by then counts.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiosqlite

from lookupd.index import database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

T = TypeVar("T")

#: rows that are taken over at once
CHUNK = 512
#: the part of a span in which rows are collected; the rest is for what is made of them
COLLECTING = 0.8
#: how often what does not end is interrupted again, in seconds
INSIST = 0.005
#: how long everything may take to end when the connection is closed, in seconds
ENDING = 5.0


class Turn:
    """One question's time with the connection, all in one read transaction."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self._connection: aiosqlite.Connection | None = None
        self._is_collecting = False
        #: whether time was up before everything was collected
        self.is_partial = False
        self._is_stopped = False

    @property
    def has_come(self) -> bool:
        """Whether it has begun."""
        return self._connection is not None

    async def begin(self, connection: aiosqlite.Connection) -> None:
        """Take the connection."""
        self._connection = connection
        if connection.in_transaction:  # of one that was given up
            await connection.execute("COMMIT")
        await connection.execute("BEGIN")

    async def end(self) -> None:
        """Give the connection back."""
        if self._connection is not None and self._connection.in_transaction:
            await self._connection.execute("COMMIT")

    async def rows(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - as sqlite3 takes them
        """All rows of a statement."""
        if self._connection is None:
            raise RuntimeError("the turn has not come")
        return [*await self._connection.execute_fetchall(statement, values)]

    async def collect(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - as sqlite3 takes them
        """The rows of a statement that may take long, as far as there is time."""
        if self._connection is None:
            raise RuntimeError("the turn has not come")
        rows: list[Any] = []
        self._is_collecting = True
        try:
            if not self._is_stopped:
                async with self._connection.execute(statement, values) as cursor:
                    while not self._is_stopped:
                        chunk = [*await cursor.fetchmany(CHUNK)]
                        rows += chunk
                        if len(chunk) < CHUNK:
                            return rows
        except sqlite3.OperationalError as error:
            if not self._is_stopped or error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        finally:
            self._is_collecting = False
        self.is_partial = True
        return rows

    async def aside(self, work: Callable[..., T], *args: object) -> T:
        """What a function gives that keeps a thread busy: not that of the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(work, *args))

    async def stop_collecting(self) -> None:
        """What is collected by now is all; may be said again while that takes no effect."""
        self._is_stopped = True
        if self._is_collecting:
            await self.interrupt()

    async def interrupt(self) -> None:
        """End what is being read, whatever it is."""
        self._is_stopped = True
        if self._connection is not None:
            await self._connection.interrupt()


class Texts:
    """The connection, which turns to the file that is the index when it is used."""

    def __init__(self, path: Path, which: Callable[[], object], connection: aiosqlite.Connection) -> None:
        self._path = path
        self._which = which
        self._open = which()
        self._connection = connection
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "index-search")
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, path: Path, which: Callable[[], object]) -> Self:
        """Open the file at `path`; `which` says which one it is, None while there is none."""
        return cls(path, which, await _connect(path))

    async def close(self) -> None:
        """End what is under way, and close the connection."""
        tasks = {*self._tasks}
        for task in tasks:
            task.cancel()
        if tasks:
            await self._connection.interrupt()
            await asyncio.wait(tasks, timeout=ENDING)
        self._thread.shutdown(wait=False)
        await self._connection.close()

    async def rows(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - as sqlite3 takes them
        """All rows of a statement that takes no time to speak of."""
        return await self._take(Turn(self._thread), lambda turn: turn.rows(statement, values))

    async def within(self, patience: float, work: Callable[[Turn], Awaitable[T]], late: T) -> T:
        """What `work` makes of its turn, within `patience` seconds; `late` when even that is not there then.

        The waiting for the turn counts too. Whoever gives up ends what is being read for it.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        turn = Turn(self._thread)
        task = loop.create_task(self._take(turn, work), name="index-turn")
        self._keep(task)
        try:
            await asyncio.wait([task], timeout=patience * COLLECTING)
            while not task.done() and loop.time() < end:
                await turn.stop_collecting()
                await asyncio.wait([task], timeout=min(INSIST, end - loop.time()))
            return task.result() if task.done() else late
        finally:
            if not task.done():
                self._keep(loop.create_task(_given_up(turn, task), name="index-give-up"))

    async def _take(self, turn: Turn, work: Callable[[Turn], Awaitable[T]]) -> T:
        async with self._lock:
            await turn.begin(await self._current())
            try:
                return await work(turn)
            finally:
                await turn.end()

    async def _current(self) -> aiosqlite.Connection:
        which = self._which()
        if which not in {self._open, None}:
            connection = await _connect(self._path)
            former, self._connection, self._open = self._connection, connection, which
            await former.close()
        return self._connection

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_let_go)


async def _given_up(turn: Turn, task: asyncio.Task[Any]) -> None:
    """End what nobody waits for any more, so that the next one's turn comes."""
    while not task.done():
        if turn.has_come:
            await turn.interrupt()
        else:
            task.cancel()
        await asyncio.wait([task], timeout=INSIST)


async def _connect(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(database.address(path), uri=True, isolation_level=None)
    try:
        for statement in database.READING:  # read to the end: SQLite keeps an interrupt while one is open
            await connection.execute_fetchall(statement)
    except BaseException:
        await connection.close()
        raise
    return connection


def _let_go(task: asyncio.Task[Any]) -> None:
    """Nobody may be left to read how it ended."""
    if not task.cancelled():
        task.exception()
