"""The connection for all that takes longer than a number: one question at a time, each with an end.

A question is worked on in the thread of its connection, from its words to its contacts. Whoever comes waits
for the turn; when time is up, what is being read is interrupted, and what was read by then counts.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing, contextmanager
from functools import partial
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, TypeVar

import aiosqlite

from lookupd.index import database

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

T = TypeVar("T")

#: rows that are taken over at once
CHUNK = 256
#: memory for pages of the file: those that are looked through may lie on a thousand of 4 KiB and more
CACHE = "PRAGMA cache_size = -8192"
#: the part of a span in which rows are collected; the rest is for what is made of them
COLLECTING = 0.8
#: how often what does not end is interrupted again, in seconds
INSIST = 0.005


class GivenUp(Exception):
    """Nobody waits for this turn any more."""


class Turn:
    """One question's time with the connection, all in one read transaction.

    It is worked on in the thread; only `stop_collecting` and `give_up` come from elsewhere.
    """

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._is_collecting = False
        #: held while these change, so that nobody interrupts the next turn
        self._guard = Lock()
        self._is_stopped = False
        self._is_given_up = False
        #: whether time was up before everything was collected
        self.is_partial = False

    @property
    def has_come(self) -> bool:
        """Whether it has begun, and not ended."""
        return self._connection is not None

    def begin(self, connection: sqlite3.Connection) -> None:
        """Take the connection. Raises GivenUp."""
        if self._is_given_up:
            raise GivenUp
        if connection.in_transaction:  # of one that could not end
            connection.execute("ROLLBACK")
        connection.execute(CACHE)
        connection.execute("BEGIN")
        with self._guard:
            self._connection = connection

    def end(self) -> None:
        """Give the connection back."""
        connection = self._taken
        with self._guard:
            self._connection = None
        if connection.in_transaction:  # an error may have ended it
            connection.execute("COMMIT")

    def rows(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - as sqlite3 takes them
        """All rows of a statement."""
        return self._taken.execute(statement, values).fetchall()

    def collect(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - as sqlite3 takes them
        """The rows of a statement that may take long, as far as there is time."""
        return [row for chunk in self.chunks(statement, values) for row in chunk]

    def chunks(self, statement: str, values: Any) -> Generator[list[Any]]:  # noqa: ANN401 - as above
        """The same, CHUNK rows at once, for whoever may not need them all."""
        rest: list[Any] = []
        with self._collecting(), closing(self._taken.cursor()) as cursor:
            cursor.execute(statement, values)
            while not self._is_stopped:
                rest.extend(islice(cursor, CHUNK))
                chunk, rest = rest, []
                yield chunk
                if len(chunk) < CHUNK:
                    return
            self.is_partial = True
        yield rest  # what was read before an interrupt

    def stop_collecting(self) -> None:
        """What is collected by now is all; may be said again while that takes no effect."""
        self._is_stopped = True
        with self._guard:
            if self._is_collecting and self._connection is not None:
                self._connection.interrupt()

    def give_up(self) -> None:
        """End what is being read, whatever it is, and do not begin; may be said again as well."""
        self._is_stopped = self._is_given_up = True
        with self._guard:
            if self._connection is not None:
                self._connection.interrupt()

    @property
    def _taken(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("the turn has not come")
        return self._connection

    @contextmanager
    def _collecting(self) -> Iterator[None]:
        """While it lasts, the end of the time ends what is read, and is no error."""
        with self._guard:
            self._is_collecting = True
        try:
            yield
        except sqlite3.OperationalError as error:
            if not self._is_stopped or error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            self.is_partial = True
        finally:
            with self._guard:
                self._is_collecting = False


class Texts:
    """The connection, which turns to the file that is the index when it is used."""

    def __init__(self, path: Path, which: Callable[[], object], connection: _Connection) -> None:
        self._path = path
        self._which = which
        self._open = which()
        self._connection = connection
        self._turning = asyncio.Lock()
        #: whoever waits for a turn or has it
        self._turns: dict[asyncio.Task[Any], Turn] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(cls, path: Path, which: Callable[[], object]) -> Self:
        """Open the file at `path`; `which` says which one it is, None while there is none."""
        return cls(path, which, await _connect(path))

    async def close(self) -> None:
        """End what is under way, and close the connection."""
        turns = {**self._turns}
        for task in turns:
            task.cancel()
        closing = asyncio.create_task(self._connection.close(), name="index-close")
        while not closing.done():
            for turn in turns.values():
                turn.give_up()
            await asyncio.wait([closing], timeout=INSIST)
        await closing

    async def rows(self, statement: str, values: Any) -> list[Any]:  # noqa: ANN401 - as sqlite3 takes them
        """All rows of a statement that takes no time to speak of."""
        return await self._begun(Turn(), lambda turn: turn.rows(statement, values))

    async def within(self, patience: float, work: Callable[[Turn], T], late: T) -> T:
        """What `work` makes of its turn, within `patience` seconds; `late` when even that is not there then.

        The waiting for the turn counts too. Whoever gives up ends what is being read for it.
        """
        if patience <= 0:
            return late
        loop = asyncio.get_running_loop()
        end = loop.time() + patience
        turn = Turn()
        task = self._begun(turn, work)
        try:
            await asyncio.wait([task], timeout=patience * COLLECTING)
            while not task.done() and loop.time() < end:
                turn.stop_collecting()
                await asyncio.wait([task], timeout=min(INSIST, end - loop.time()))
            return task.result() if task.done() else late
        finally:
            if not task.done():
                giving_up = loop.create_task(_given_up(turn, task), name="index-give-up")
                self._tasks.add(giving_up)
                giving_up.add_done_callback(self._tasks.discard)

    def _begun(self, turn: Turn, work: Callable[[Turn], T]) -> asyncio.Task[T]:
        task = asyncio.create_task(self._take(turn, work), name="index-turn")
        self._turns[task] = turn
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        del self._turns[task]
        if not task.cancelled():  # nobody may be left to read how it ended
            task.exception()

    async def _take(self, turn: Turn, work: Callable[[Turn], T]) -> T:
        connection = await self._current()
        return await connection.do(partial(_worked_on, turn, work))

    async def _current(self) -> _Connection:
        if self._which() not in {self._open, None}:
            async with self._turning:
                which = self._which()
                if which not in {self._open, None}:
                    connection = await _connect(self._path)
                    former, self._connection, self._open = self._connection, connection, which
                    await former.close()
        return self._connection


class _Connection(aiosqlite.Connection):
    """A connection whose thread does as much at once as one likes."""

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` makes of the connection there: one way to the thread and back, not one a statement."""
        result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call] # it is theirs
        return result


async def _connect(path: Path) -> _Connection:
    connection = _Connection(partial(database.connect_reader, path), iter_chunk_size=CHUNK)
    _ = await connection  # itself
    return connection


def _worked_on(turn: Turn, work: Callable[[Turn], T], connection: sqlite3.Connection) -> T:
    turn.begin(connection)
    try:
        return work(turn)
    finally:
        turn.end()


async def _given_up(turn: Turn, task: asyncio.Task[Any]) -> None:
    """End what nobody waits for any more, so that the next one's turn comes."""
    while not task.done():
        turn.give_up()
        await asyncio.wait([task], timeout=INSIST)
