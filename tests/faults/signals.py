"""Processes that hang or die for a while, and waiting for what they do then."""

import asyncio
import contextlib
import inspect
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")

PAUSE = 0.005  # seconds between two looks


class Restartable(Protocol):
    """A server that can be killed and started again."""

    def start(self) -> object:
        """Run, and return when it answers."""

    def kill(self) -> object:
        """End as a power cut would end it."""


@contextlib.contextmanager
def suspended(pid: int) -> Iterator[None]:
    """Hanging inside the block: the kernel still accepts its connections, nothing is answered."""
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: state_of(pid) == "T")
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # somebody killed it inside the block
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def killed(server: Restartable) -> Iterator[None]:
    """Dead inside the block, and there again after it."""
    server.kill()
    try:
        yield
    finally:
        server.start()


@contextlib.contextmanager
def ended_within(seconds: int) -> Iterator[None]:
    """Ends what hangs in the block with a TimeoutError: Python's own loops and waits can be interrupted."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def state_of(pid: int) -> str:
    """What /proc says of a process: R, S or D (runs), T (stopped), Z (ended, not waited for), "" (none)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[0]  # the name before it, in parentheses, may hold anything


def eventually(condition: Callable[[], T], *, within: float = 5.0, pause: float = PAUSE) -> T:
    """What the condition gives, once that is true. While it raises AssertionError, it does not hold yet.

    `pause` lies between two looks, in seconds: a look takes the processor from what is waited for.

    Raises AssertionError with the last value when `within` seconds are over.
    """
    deadline = time.monotonic() + within
    while True:
        is_late = time.monotonic() > deadline  # read before looking: the last look is after the deadline
        try:
            value = condition()
        except AssertionError:
            if is_late:
                raise
        else:
            if value:
                return value
            _check_time(value, within, is_late=is_late)
        time.sleep(pause)


async def eventually_async(condition: Callable[[], T | Awaitable[T]], *, within: float = 5.0) -> T:
    """As `eventually`, while the loop runs on; the condition may be `async def`, and returns by itself."""
    deadline = time.monotonic() + within
    while True:
        is_late = time.monotonic() > deadline
        try:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
        except AssertionError:
            if is_late:
                raise
        else:
            if value:
                return value
            _check_time(value, within, is_late=is_late)
        await asyncio.sleep(PAUSE)


def _check_time(value: object, within: float, *, is_late: bool) -> None:
    if is_late:
        raise AssertionError(f"not within {within:g} s; the last value was {value!r}")
