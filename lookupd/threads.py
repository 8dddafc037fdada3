"""A few threads of one source's own: a hanging directory starves only itself.

Unlike concurrent.futures' they are daemons, so a thread stuck in a directory's library never keeps the
process from ending, and what waits for them is bounded. What is less urgent never takes all of them. One that
hangs for long is replaced, as nothing ends it: a few times, for each is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: seconds after which a job that nobody waits for is one that does not end
HOPELESS = 60.0
#: how many threads that hang are replaced, for each thread
REPLACED = 3


class TooManyWaiting(Exception):
    """All threads are taken and the queue before them is full."""


class Urgency(Enum):
    """Which jobs come first."""

    HIGH = "high"  #: before all others, in any thread
    LOW = "low"  #: behind all others, in half of the threads (rounded up)


@dataclass(slots=True, kw_only=True)
class Place:
    """Where the jobs of one question stand in the queue."""

    urgency: Urgency = Urgency.HIGH
    #: whether one of them found the thread that it needed taken by a less urgent job
    is_held_up: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class _Job:
    """Something to do for somebody who waits for it, or has given it up."""

    urgency: Urgency
    work: Callable[[], None]
    done: asyncio.Future[Any]
    #: when it was taken in hand
    began: float = math.inf


class Threads:
    """At most `size` threads, started when first needed, and a bounded queue before them."""

    def __init__(
        self, name: str, size: int, waiting: int = 64, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._size = size
        self._clock = clock
        most_low = share(size)
        #: how many jobs of each urgency may be in hand, and how many may wait
        self._most = {Urgency.HIGH: size, Urgency.LOW: most_low}
        self._waiting = {Urgency.HIGH: waiting, Urgency.LOW: waiting * most_low // size}
        #: by urgency, the most urgent first
        self._queues: dict[Urgency, deque[_Job]] = {urgency: deque() for urgency in Urgency}
        self._in_hand: list[_Job] = []
        #: jobs that are not done yet: waiting or in hand
        self._open = 0
        self._threads: list[threading.Thread] = []
        self._is_closed = False
        self._changed = threading.Condition(threading.Lock())

    @property
    def stuck(self) -> int:
        """How many threads work on something that nobody waits for any more."""
        with self._changed:
            return sum(job.done.cancelled() for job in self._in_hand)

    @property
    def is_exhausted(self) -> bool:
        """Whether all threads that there may be are stuck."""
        with self._changed:
            at_work = self._at_work()
            return len(at_work) >= self._size and all(job.done.cancelled() for job in at_work)

    async def run(self, function: Callable[[], T], place: Place | None = None) -> T:
        """Its result, or its exception. A caller that stops waiting does not stop the function.

        Raises TooManyWaiting at once when the queue is full.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 - handed to the one who awaits, whatever it is
                _tell(loop, done, done.set_exception, _carriable(error))
            else:
                _tell(loop, done, done.set_result, result)

        self._put(work, done, place or Place())
        return await done

    def close(self) -> None:
        """No more jobs; each thread ends when none is left."""
        with self._changed:
            self._is_closed = True
            self._threads.clear()
            self._changed.notify_all()

    def _put(self, work: Callable[[], None], done: asyncio.Future[Any], place: Place) -> None:
        with self._changed:
            queue = self._queues[place.urgency]
            if len(queue) >= self._waiting[place.urgency]:
                self._drop_given_up(queue)
            if len(queue) >= self._waiting[place.urgency]:
                raise TooManyWaiting
            place.is_held_up |= self._holds_up(place.urgency)
            job = _Job(urgency=place.urgency, work=work, done=done)
            queue.append(job)
            self._open += 1
            if len(self._threads) < min(self._open, self._size + len(self._hopeless())) and not self._grows():
                queue.remove(job)
                self._open -= 1
                raise TooManyWaiting
            self._changed.notify()

    def _drop_given_up(self, queue: deque[_Job]) -> None:
        """Make room: where all threads hang, nobody takes what is waited for no more out of the queue."""
        wanted = [job for job in queue if not job.done.cancelled()]
        self._open -= len(queue) - len(wanted)
        queue.clear()
        queue.extend(wanted)

    def _grows(self) -> bool:
        """Whether there is one thread more, or at least one."""
        thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system has none left
            return len(self._threads) > len(self._hopeless())
        self._threads.append(thread)
        return True

    def _lost(self) -> list[_Job]:
        """What keeps its thread for good."""
        late = self._clock() - HOPELESS
        return [job for job in self._in_hand if job.began < late and job.done.cancelled()]

    def _hopeless(self) -> list[_Job]:
        """The same, as far as threads are replaced for that."""
        return self._lost()[: REPLACED * self._size]

    def _at_work(self) -> list[_Job]:
        """What is in hand, but for what is replaced."""
        hopeless = self._hopeless()
        return [job for job in self._in_hand if job not in hopeless]

    def _holds_up(self, urgency: Urgency) -> bool:
        """Whether a job finds no thread because of less urgent ones, and of none like it that is stuck."""
        at_work = self._at_work()
        if urgency is Urgency.LOW or len(at_work) < self._size:
            return False
        alike = [job for job in at_work if job.urgency is urgency]
        lost = self._lost()
        is_any_behind = any(job.urgency is not urgency and job not in lost for job in at_work)
        return is_any_behind and not any(job.done.cancelled() for job in alike)

    def _work(self) -> None:
        while job := self._taken():
            job.work()
            with self._changed:
                self._in_hand.remove(job)
                self._open -= 1
            del job  # what it held, such as a generator over a file, does not wait for the next one

    def _taken(self) -> _Job | None:
        """The next job, which is in hand then; None when there will be none."""
        with self._changed:
            while True:
                job = self._next()
                if job is not None:
                    job.began = self._clock()
                    self._in_hand.append(job)
                    return job
                if self._is_closed:
                    if (thread := threading.current_thread()) in self._threads:
                        self._threads.remove(thread)
                    return None
                self._changed.wait()

    def _next(self) -> _Job | None:
        """The most urgent job that somebody waits for and that may be begun now."""
        at_work = self._at_work()
        for urgency, queue in self._queues.items():
            while queue and sum(job.urgency is urgency for job in at_work) < self._most[urgency]:
                job = queue.popleft()
                if not job.done.cancelled():
                    return job
                self._open -= 1
        return None


def share(size: int) -> int:
    """How many of so many threads may do what is less urgent at once."""
    return size - size // 2


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
