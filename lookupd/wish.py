"""What is wanted of a process that another one keeps: by signals, and by its standard input.

SIGHUP and each line mean to read the configuration again. It ends at SIGTERM and SIGINT, and when its
standard input does, so that it never outlives the one that started it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from enum import Enum, auto


class Wish(Enum):
    """What is wanted."""

    RELOAD = auto()
    END = auto()


class Wishes:
    """What is wanted, one after the other."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Wish] = asyncio.Queue()
        for number, wish in (
            (signal.SIGTERM, Wish.END),
            (signal.SIGINT, Wish.END),
            (signal.SIGHUP, Wish.RELOAD),
        ):
            self._loop.add_signal_handler(number, self.put, wish)
        self._loop.add_reader(sys.stdin.fileno(), self._read)

    def put(self, wish: Wish) -> None:
        """Something is wanted."""
        self._queue.put_nowait(wish)

    async def next(self) -> Wish:
        """The next one; many at once are one."""
        wishes = {await self._queue.get()}
        while not self._queue.empty():
            wishes.add(self._queue.get_nowait())
        return Wish.END if Wish.END in wishes else Wish.RELOAD

    def _read(self) -> None:
        if os.read(sys.stdin.fileno(), 4096):
            self.put(Wish.RELOAD)
        else:
            self._loop.remove_reader(sys.stdin.fileno())
            self.put(Wish.END)
