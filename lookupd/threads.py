"""A few threads of one source's own: a hanging directory starves only itself.

Unlike concurrent.futures' they are daemons, so a thread stuck in a directory's library never keeps the
process from ending, and what waits for them is bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class TooManyWaiting(Exception):
    """All threads are taken and the queue before them is full."""


class Threads:
    """At most `size` threads, started when first needed, and a bounded queue before them."""

    def __init__(self, name: str, size: int, waiting: int = 64) -> None:
        self._name = name
        self._size = size
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting = waiting
        #: jobs that are not done yet: waiting or in hand
        self._open = 0
        #: what somebody waits for, or has given up, of each job in hand
        self._in_hand: list[asyncio.Future[Any]] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def stuck(self) -> int:
        """How many threads work on something that nobody waits for any more."""
        with self._lock:
            return sum(done.cancelled() for done in self._in_hand)

    async def run(self, function: Callable[[], T]) -> T:
        """Its result, or its exception. A caller that stops waiting does not stop the function.

        Raises TooManyWaiting at once when the queue is full.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            if done.cancelled():
                return
            with self._lock:
                self._in_hand.append(done)
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - handed to the one who awaits, whatever it is
                _tell(loop, done, done.set_exception, _carriable(error))
            else:
                _tell(loop, done, done.set_result, result)
            finally:
                with self._lock:
                    self._in_hand.remove(done)

        self._put(job)
        return await done

    def close(self) -> None:
        """No more jobs; each thread ends after the one it has in hand."""
        with self._lock:
            for _ in self._threads:
                self._jobs.put(None)
            self._threads.clear()

    def _put(self, job: Callable[[], None]) -> None:
        with self._lock:
            if self._jobs.qsize() >= self._waiting:
                raise TooManyWaiting
            self._jobs.put(job)
            self._open += 1
            if len(self._threads) < min(self._open, self._size):
                thread = threading.Thread(
                    target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            del job  # what it held, such as a generator over a file, does not wait for the next one
            with self._lock:
                self._open -= 1


def _carriable(error: BaseException) -> Exception:
    """An exception a future can hold and a loop survives: not StopIteration, not SystemExit."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    return RuntimeError(repr(error))


def _tell(
    loop: asyncio.AbstractEventLoop, done: asyncio.Future[T], setter: Callable[..., None], value: object
) -> None:
    def settle() -> None:
        if not done.done():
            setter(value)

    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(settle)
