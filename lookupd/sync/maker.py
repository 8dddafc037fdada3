"""Makes the contacts of one run: in its own thread while there are few, and beside it once there are many.

Python computes on one CPU in each process, and half of a first load is making contacts. So a long run hands
most of its rows to a process that does nothing else (making.py). Meanwhile it makes the others, stages what
they became, and pulls and names the next ones, which takes about as long. No run depends on it: what it does
not make the run makes itself.
"""

from __future__ import annotations

import logging
import os
import sys
from multiprocessing import Pipe
from subprocess import DEVNULL, Popen, TimeoutExpired
from threading import Semaphore
from typing import TYPE_CHECKING

from lookupd.errors import SyncError
from lookupd.sync import making

if TYPE_CHECKING:
    from lookupd.contact import Shape
    from lookupd.sync.making import Made
    from lookupd.sync.naming import Named

logger = logging.getLogger(__name__)

#: contacts that are made before the process is started, which takes as long as making some 10,000
ALONE = 10_000
#: the share of rows that the process takes
SHARE = 0.6
#: how long the process may take to end by itself, in seconds
GRACE = 5.0


def _cpus() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


#: how many such processes there may be at once, for all runs: they themselves take one CPU
HELPERS = Semaphore(_cpus() - 1)


class Maker:
    """Used from one thread, but for `interrupt`."""

    def __init__(self, shape: Shape, source_id: int) -> None:
        self._shape = shape
        self._source_id = source_id
        self._count = 0
        self._helper: Helper | None = None
        #: rows that the process has
        self._there: Named = {}
        #: whether it has failed once
        self._is_alone = False
        self._is_over = False

    def make(self, named: Named) -> list[Made]:
        """What some of these rows became, and those that were missing the last time. `rest` gives the others.

        Raises SyncError when it was interrupted.
        """
        ready = self.rest()
        self._count += len(named)
        rows = [*named.items()]
        cut = round(SHARE * len(rows)) if self._count > ALONE else 0
        ours = rows[cut:] if self._hand_over(dict(rows[:cut])) else rows
        return [*ready, *self._made(dict(ours))]

    def rest(self) -> list[Made]:
        """What those rows became that `make` was given last, and that were missing then. Raises the same."""
        helper, named = self._helper, self._there
        if helper is None or not named:
            return []
        self._there = {}
        try:
            return helper.get()
        except (EOFError, OSError) as error:
            self._go_on_alone(error)
            return self._made(named)

    def interrupt(self) -> None:
        """Let what is being waited for, or is asked next, fail; from any thread."""
        self._is_over = True
        if (helper := self._helper) is not None:
            helper.kill()

    def close(self) -> None:
        """End the process."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None
            HELPERS.release()

    def _made(self, named: Named) -> list[Made]:
        return making.made(self._shape, self._source_id, named)

    def _hand_over(self, named: Named) -> bool:
        """Give the process rows, if there is one, or can be one; says whether it has them."""
        if not named:
            return False
        try:
            helper = self._helper or self._started()
            if helper is None:
                return False
            helper.put(named)
        except Exception as error:  # noqa: BLE001 - a row may hold what no other process can be given
            self._go_on_alone(error)
            return False
        self._there = named
        return True

    def _started(self) -> Helper | None:
        """A new process; None while there may be no more of them, or after one has failed."""
        if self._is_alone or not HELPERS.acquire(blocking=False):
            return None
        try:
            helper = self._helper = Helper()
        except BaseException:
            HELPERS.release()
            raise
        if self._is_over:  # which was said before there was a process
            helper.kill()
        helper.put((self._shape, self._source_id))
        return helper

    def _go_on_alone(self, error: Exception) -> None:
        """Do without the process. Raises SyncError when that is what somebody wants."""
        helper, self._is_alone = self._helper, True
        self.close()
        name = self._shape.source.name
        if self._is_over:
            raise SyncError(f"source {name!r}: the run is given up") from error
        code = "not started" if helper is None else f"code {helper.process.returncode}"
        reason = f"{type(error).__name__} {error}".strip()
        logger.warning("source %r: no other process helps to make its contacts (%s, %s)", name, code, reason)


class Helper:
    """The process. It has some rows at a time: nobody writes while the other one does."""

    def __init__(self) -> None:
        """Raises OSError when it cannot be started."""
        self._run, theirs = Pipe()
        with theirs:
            descriptor = theirs.fileno()
            command = (sys.executable, "-P", "-m", making.__name__, str(descriptor))
            try:
                self.process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, pass_fds=(descriptor,))  # noqa: S603 - ours
            except BaseException:
                self._run.close()
                raise

    def put(self, what: object) -> None:
        """Give it a shape and an id, or else rows, after what those before became was taken.

        Raises OSError when it has ended.
        """
        self._run.send(what)

    def get(self) -> list[Made]:
        """What its rows became; waits for it. Raises EOFError or OSError when it has ended."""
        made: list[Made] = self._run.recv()
        return made

    def kill(self) -> None:
        """End it at once; from any thread."""
        self.process.kill()

    def close(self) -> None:
        """Let it end, and wait for that."""
        self._run.close()
        try:
            self.process.wait(GRACE)
        except TimeoutExpired:
            self.kill()
            self.process.wait()
