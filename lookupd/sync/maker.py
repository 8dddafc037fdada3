"""Makes the contacts of one run: in its own thread while there are few, and beside it once there are many.

Python computes on one CPU in each process, and half of a first load is making contacts. So a long run hands
most of its rows to a process that does nothing else (making.py). Meanwhile it makes the others, stages what
they became, and pulls and names the next ones, which takes about as long.
"""

from __future__ import annotations

import os
import sys
from multiprocessing import Pipe
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import TYPE_CHECKING

from lookupd.errors import SyncError
from lookupd.sync import making

if TYPE_CHECKING:
    from lookupd.contact import Shape
    from lookupd.sync.making import Made
    from lookupd.sync.naming import Named

#: contacts that are made before the process is started, which takes as long as making some 10,000
ALONE = 10_000
#: the share of rows that the process takes
SHARE = 0.6
#: how long the process may take to end by itself, in seconds
GRACE = 5.0


class Maker:
    """Used from one thread, but for `interrupt`."""

    def __init__(self, shape: Shape, source_id: int) -> None:
        self._shape = shape
        self._source_id = source_id
        self._count = 0
        self._beside: _Beside | None = None
        self._is_over = False

    def make(self, named: Named) -> list[Made]:
        """What some of these rows became, and those that were missing the last time. `rest` gives the others.

        Raises SyncError when the process ends before the run does.
        """
        self._count += len(named)
        if self._beside is None and (self._count <= ALONE or len(os.sched_getaffinity(0)) == 1):
            return making.made(self._shape, self._source_id, named)
        ready = self.rest()
        rows = [*named.items()]
        cut = round(SHARE * len(rows))
        if cut:
            self._process().put(dict(rows[:cut]))
        return [*ready, *making.made(self._shape, self._source_id, dict(rows[cut:]))]

    def rest(self) -> list[Made]:
        """What those rows became that `make` was given last, and that were missing then. Raises the same."""
        return self._beside.get() if self._beside is not None else []

    def interrupt(self) -> None:
        """Let what is being waited for, or is asked next, fail; from any thread."""
        self._is_over = True
        if self._beside is not None:
            self._beside.kill()

    def close(self) -> None:
        """End the process."""
        if self._beside is not None:
            self._beside.close()

    def _process(self) -> _Beside:
        if self._beside is None:
            self._beside = _Beside(self._shape, self._source_id)
            if self._is_over:  # which was said before there was a process
                self._beside.kill()
        return self._beside


class _Beside:
    """The process. It has some rows at a time: nobody writes while the other one does."""

    def __init__(self, shape: Shape, source_id: int) -> None:
        self._name = shape.source.name
        self._run, theirs = Pipe()
        with theirs:
            descriptor = theirs.fileno()
            command = (sys.executable, "-m", making.__name__, str(descriptor))
            self._process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, pass_fds=(descriptor,))  # noqa: S603 - our own
        self._is_busy = False
        self._send((shape, source_id))

    def put(self, named: Named) -> None:
        """Give it rows, after what those before have become was taken."""
        self._send(named)
        self._is_busy = True

    def get(self) -> list[Made]:
        """What its rows have become; waits for it."""
        if not self._is_busy:
            return []
        self._is_busy = False
        try:
            made: list[Made] = self._run.recv()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        return made

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def close(self) -> None:
        """Let it end, and wait for that."""
        self._run.close()
        try:
            self._process.wait(GRACE)
        except TimeoutExpired:
            self.kill()
            self._process.wait()

    def _send(self, what: object) -> None:
        try:
            self._run.send(what)
        except OSError as error:
            raise self._ended() from error

    def _ended(self) -> SyncError:
        code = self._process.wait()
        return SyncError(
            f"source {self._name!r}: the process that makes its contacts ended with code {code}; "
            f"nothing is changed, and it is pulled again"
        )
