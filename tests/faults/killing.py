"""Kills a program at seeded moments, many times over, and checks what it leaves behind.

A bad state is kept with the seed that made it: a loop with that seed begins with the same random moment.
"""

import contextlib
import os
import random
import re
import selectors
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

LINE_TIMEOUT = 20.0  # seconds for a line to come
END_TIMEOUT = 5.0  # seconds for the last output of a killed program
SHOWN = 5  # lost writes that a message names
TAIL = 2000  # bytes of its standard error that a message shows


def untraced(env: Mapping[str, str]) -> dict[str, str]:
    """An environment without coverage: who is killed, or becomes another user, cannot tell it."""
    return {key: value for key, value in env.items() if not key.startswith("COVERAGE_PROCESS_")}


class Running:
    """The program, while it runs: what a moment may look at, and wait for."""

    def __init__(
        self, command: Sequence[str], seed: int, cwd: Path | None, env: Mapping[str, str] | None
    ) -> None:
        with contextlib.ExitStack() as unless_started:
            self._errors = unless_started.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=untraced(os.environ if env is None else env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,  # its children end with it
            )
            unless_started.pop_all()
        self._pidfd = os.pidfd_open(self.pid)
        self._ears = selectors.DefaultSelector()
        self._ears.register(self._process.stdout, selectors.EVENT_READ)
        self._ears.register(self._pidfd, selectors.EVENT_READ)
        self._rest = b""
        #: gives the same numbers for the same seed
        self.random = random.Random(seed)
        #: the whole lines of its standard output so far
        self.lines: list[str] = []
        self.has_ended = False

    @property
    def pid(self) -> int:
        """Its process id, which is that of its group as well."""
        return self._process.pid

    @property
    def errors(self) -> str:
        """The last of what it wrote to standard error."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - TAIL))
        return self._errors.read().decode(errors="replace")

    def wait(self, seconds: float) -> None:
        """Let it run so long, or until it ends."""
        deadline = time.monotonic() + seconds
        while not self.has_ended and (left := deadline - time.monotonic()) > 0:
            self._listen(left)

    def wait_for_line(self, pattern: str, *, count: int = 1) -> None:
        """Let it run until `count` lines match a regular expression at their beginning, or until it ends.

        Raises AssertionError if they do not come within 20 s.
        """
        deadline = time.monotonic() + LINE_TIMEOUT
        seen = found = 0
        while True:
            found += sum(bool(re.match(pattern, line)) for line in self.lines[seen:])
            seen = len(self.lines)
            if found >= count or self.has_ended:
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"{found} lines like {pattern!r} in {LINE_TIMEOUT:g} s; {self.errors}")
            self._listen(deadline - time.monotonic())

    def kill(self) -> int:
        """End it and its children, hear its last words, and give its status; a signal's is negative."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # before it is waited for: so long the id is its own
        status = self._process.wait()
        self._ears.unregister(self._pidfd)
        deadline = time.monotonic() + END_TIMEOUT
        while self._ears.get_map() and time.monotonic() < deadline:
            self._listen(END_TIMEOUT)
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:  # the moment raised
            self.kill()
        self._ears.close()
        os.close(self._pidfd)
        self._process.stdout.close()
        self._errors.close()

    def _listen(self, seconds: float) -> None:
        for key, _ in self._ears.select(max(0.0, seconds)):
            if key.fileobj == self._pidfd:
                self.has_ended = True
            elif came := os.read(key.fd, 1 << 16):
                *lines, self._rest = (self._rest + came).split(b"\n")
                self.lines += [line.decode(errors="replace") for line in lines]
            else:
                self._ears.unregister(key.fileobj)


#: returns when it is time to kill
Moment = Callable[[Running], object]


def randomly(longest: float, *, shortest: float = 0.0, line: str = "") -> Moment:
    """At a random moment, in seconds after the first line that matches; without one, after the start."""

    def moment(running: Running) -> None:
        if line:
            running.wait_for_line(line)
        running.wait(running.random.uniform(shortest, longest))

    return moment


def at_line(pattern: str, *, count: int = 1, seconds: float = 0.0) -> Moment:
    """So many seconds after the `count`-th line that matches a regular expression at its beginning."""

    def moment(running: Running) -> None:
        running.wait_for_line(pattern, count=count)
        running.wait(seconds)

    return moment


SOMEWHEN = randomly(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What one run left; an incomplete last line is not among `lines`."""

    number: int
    seed: int
    lines: Sequence[str]
    was_killed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A bad state, and how to make it again."""

    number: int
    seed: int
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it."""

    #: runs, and those of them that did not end by themselves before their moment came
    times: int
    killed: int
    bad: Sequence[Bad]


#: gives None or nothing where all is well, else what is wrong; it may also fail an assertion
Check = Callable[[Remains], str | None]


class KillLoop:
    """`KillLoop(command, seed=1).run(times=200, check=check)`.

    The command may be a function that prepares something for the run of a number, and returns the command.
    """

    def __init__(
        self,
        command: Sequence[str] | Callable[[int], Sequence[str]],
        *,
        seed: int,
        moment: Moment = SOMEWHEN,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._command = command
        self._seed = seed
        self._moment = moment
        self._cwd = cwd
        self._env = env

    def run(self, *, times: int, check: Check, within: float = 300.0, most_bad: int = 10) -> Report:
        """Run, kill and check so many times; fewer if `within` seconds are over, or enough is bad."""
        deadline = time.monotonic() + within
        killed = 0
        bad: list[Bad] = []
        for number in range(times):
            if time.monotonic() > deadline or len(bad) >= most_bad:
                return Report(times=number, killed=killed, bad=bad)
            seed = self._seed + number
            with _noted(f"in run {number}, of seed {seed}"):
                remains, what = self._run_once(number, seed)
                what = what or _checked(check, remains)
            killed += remains.was_killed
            if what:
                bad.append(Bad(number=number, seed=seed, what=what))
        return Report(times=times, killed=killed, bad=bad)

    def _run_once(self, number: int, seed: int) -> tuple[Remains, str]:
        command = self._command(number) if callable(self._command) else self._command
        with Running(command, seed, self._cwd, self._env) as running:
            self._moment(running)
            status = running.kill()
            was_killed = status == -signal.SIGKILL
            what = "" if was_killed or not status else f"ended with status {status}: {running.errors}"
            return Remains(number=number, seed=seed, lines=running.lines, was_killed=was_killed), what


def lost(acknowledged: Iterable[str], kept: Iterable[str]) -> str:
    """Which acknowledged writes are not there, in words; nothing if all are."""
    there = set(kept)
    missing = [one for one in acknowledged if one not in there]
    return f"{len(missing)} acknowledged and lost: {', '.join(missing[:SHOWN])}" if missing else ""


def _checked(check: Check, remains: Remains) -> str | None:
    try:
        return check(remains)
    except (AssertionError, sqlite3.DatabaseError) as error:
        return f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def _noted(where: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(where)
        raise
