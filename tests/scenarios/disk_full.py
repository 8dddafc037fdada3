"""A disk that is full while the daemon serves: look-ups go on, writes say so, and it heals by itself."""

import fcntl
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.faults.disk import FailingDisk
from tests.faults.signals import eventually
from tests.process import RunningDaemon, lookupd, write_config, write_csv

#: how many contacts the synced source has
CONTACTS = 200
#: longest wait for something to happen, in seconds
PATIENCE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFull:
    """What was seen."""

    #: questions that were asked while the disk was full, and those of them that were not answered as before
    asked: int
    errors: int
    #: what the log says of the sync run that failed, once; empty if it says nothing
    told: str
    #: exit code and standard error of `lookupd token add`
    token_code: int
    token_said: str
    #: whether `/ready` said that answers are not kept, and was 200
    is_degraded: bool
    #: files that failed runs left while the disk was full
    staged: tuple[str, ...]
    #: writes that the disk refused; 0 would show that nothing was tested
    refused: int
    #: whether a sync, an answer that was remembered meanwhile and a new token were written afterwards
    recovered: bool
    #: how long after there was room again that was so, in seconds
    seconds: float


def people(surname: str) -> list[dict[str, Any]]:
    """The directory, with another name for everybody."""
    return [
        {"id": str(n), "name": f"Person{n:04} {surname}", "number": f"+331990{n:05}"} for n in range(CONTACTS)
    ]


LIVE = {"id": "1", "name": "Eve Live", "number": "+33188000001"}


class _Questions:
    """Asks for one contact after the other until it is told to end, and counts what goes wrong."""

    def __init__(self, daemon: RunningDaemon, surname: str) -> None:
        self._daemon = daemon
        self._surname = surname
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.asked = self.errors = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._is_over.wait(0.005):
            n = self.asked % CONTACTS
            name = f"Person{n:04} {self._surname}"
            self.asked += 1
            try:
                is_right = self._daemon.caller(f"+331990{n:05}") == name
                if self.asked % 10 == 0:
                    _, page = self._daemon.get(f"/0.1/directories/lookup/default?term=Person{n:04}")
                    is_right &= [name] == [result["column_values"][0] for result in page["results"]]
            except (OSError, TypeError, KeyError):
                is_right = False
            self.errors += not is_right


def disk_full(folder: Path, seconds: float = 3.0) -> DiskFull:
    """Fill the disk under a running daemon, for so many seconds or longer, and make room again."""
    staff = folder / "staff.csv"
    config = write_config(
        folder,
        {"name": "staff", "sync": {"every": "1s", "jitter": "0s"}},
        {"name": "paid", "sync": False},
        displays={"default": [{"title": "Name", "field": "name"}]},
    )
    write_csv(staff, people("Before"))
    write_csv(folder / "paid.csv", [LIVE])
    with (
        FailingDisk(pattern=str(folder / "data"), kinds=["write"]) as disk,
        RunningDaemon(config, environment=disk.env) as daemon,
    ):
        # Not only answered: until the first sync has ended, the file itself is asked.
        eventually(lambda: _is_synced(daemon), within=PATIENCE)
        assert daemon.caller("+33199000000") == "Person0000 Before"
        assert _add_token(config, disk.env).returncode == 0
        disk.fail(error="ENOSPC")
        write_csv(staff, people("After"))
        with _Questions(daemon, "Before") as questions:
            until = time.monotonic() + seconds
            told = daemon.wait_for(r"sync of source 'staff' failed.*the disk of .* is full.*")[0]
            assert daemon.caller(LIVE["number"]) == LIVE["name"]
            is_degraded = bool(eventually(lambda: _is_degraded(daemon), within=PATIENCE))
            staged = _left(folder / "data" / "staging")
            adding = _add_token(config, disk.env)
            time.sleep(max(0.0, until - time.monotonic()))
        disk.heal()
        healed_at = time.monotonic()
        recovered = _recovers(daemon, config, disk.env)
        return DiskFull(
            asked=questions.asked,
            errors=questions.errors,
            told=told,
            token_code=adding.returncode,
            token_said=adding.stderr,
            is_degraded=is_degraded,
            staged=staged,
            refused=disk.failed,
            recovered=recovered,
            seconds=time.monotonic() - healed_at,
        )


def _is_synced(daemon: RunningDaemon) -> bool:
    return bool(daemon.get("/0.1/status")[1]["sources"]["staff"]["generation"])


def _is_degraded(daemon: RunningDaemon) -> bool:
    status, body = daemon.get("/ready")
    return status == 200 and "remembered answers cannot be written" in body["reasons"]


def _is_well(daemon: RunningDaemon) -> bool:
    return daemon.get("/ready") == (200, {"status": "ok", "reasons": []})


def _add_token(config: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = lookupd(config, "token", "add", "reception")
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def _left(staging: Path) -> tuple[str, ...]:
    """What failed runs left. It waits until none is under way, since that has a file of its own."""
    [file] = staging.glob("*.lock")
    with file.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return tuple(found.name for found in staging.iterdir() if found != file)


def _remembered(answers: Path) -> list[str]:
    with closing(sqlite3.connect(answers)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM answer WHERE uid IS NOT NULL")]


def _recovers(daemon: RunningDaemon, config: Path, env: dict[str, str]) -> bool:
    """Whether everything is written again, with no help."""
    try:
        eventually(lambda: daemon.caller("+33199000000") == "Person0000 After", within=PATIENCE)
        eventually(lambda: _is_well(daemon), within=PATIENCE)
    except AssertionError:
        return False
    kept = _remembered(config.parent / "data" / "answers.db")
    return LIVE["number"] in kept and _add_token(config, env).returncode == 0
