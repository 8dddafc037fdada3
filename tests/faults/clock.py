"""A clock for code that waits: it stands still until a test moves it, however long that takes."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = 10**9  # nanoseconds, so that three times 0.1 s are 0.3 s
TURNS = 50  # of the loop, in which what was woken may act and wait again


class FakeTime:
    """Give its methods to the code under test for `time.monotonic`, `datetime.now` and `asyncio.sleep`.

    What was woken gets some turns of the loop to act in: enough for code that waits for this clock alone. If
    it waits for threads or sockets too, look for the result with `eventually_async`.
    """

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._elapsed = 0
        self._stepped = timedelta()
        self._numbers = itertools.count()  # among equals, who came first is woken first
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def sleepers(self) -> int:
        """How many sleep."""
        return len(self._awaited())

    @property
    def next_in(self) -> float | None:
        """Seconds until somebody wakes; None if nobody sleeps."""
        awaited = self._awaited()
        return (awaited[0][0] - self._elapsed) / SECOND if awaited else None

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._elapsed / SECOND

    def now(self) -> datetime:
        """What a clock on the wall shows."""
        return self._start + timedelta(seconds=self.monotonic()) + self._stepped

    def step(self, seconds: float) -> None:
        """Set the clock on the wall, as NTP or an operator does; `monotonic` and sleepers do not notice."""
        self._stepped += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Until the clock was moved so far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        wakes_at = self._elapsed + max(1, round(seconds * SECOND))
        self._sleepers.append((wakes_at, next(self._numbers), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Move on, and wake what is due on the way at its own time, in order; those that sleep again too."""
        target = self._elapsed + round(seconds * SECOND)
        await settle()
        while (awaited := self._awaited()) and awaited[0][0] <= target:
            self._elapsed, _, woken = awaited.pop(0)
            woken.set_result(None)
            await settle()
        self._elapsed = target

    def _awaited(self) -> list[tuple[int, int, asyncio.Future[None]]]:
        """The sleepers, the first one first; those that were cancelled are forgotten."""
        self._sleepers = sorted(one for one in self._sleepers if not one[2].done())
        return self._sleepers


async def settle() -> None:
    """Let the loop run what can run now."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
