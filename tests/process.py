"""Real processes for tests: the daemon on a free port, waited for, watched through its log, ended by pid."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from tests.fakes import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: longest wait for anything a process is to do, in seconds; no test takes that long unless it fails
DEADLINE = 20.0

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def lookupd(config: Path, *arguments: str) -> tuple[str, ...]:
    """The command line of `lookupd` with a configuration."""
    return (str(Path(sys.executable).with_name("lookupd")), "-c", str(config), *arguments)


def sync_process(config: Path) -> tuple[str, ...]:
    """The command line of the sync process alone."""
    return (sys.executable, "-m", "lookupd.sync.process", str(config))


def write_config(folder: Path, *sources: dict[str, Any], **more: Any) -> Path:
    """A `config.yml` in a folder: these sources in the profile `default`, a free port, nobody kept out.

    A source without `backend` is a CSV file named like it; its columns are those of `tests.fakes`.
    """
    names = [source["name"] for source in sources]
    tree = {
        "region": "FR",
        "data": "data",
        "http": {"port": 0},
        "auth": {"mode": "none"},
        "sources": [_source(source) for source in sources],
        "profiles": {"default": {"lookup": {"sources": names}, "reverse": {"sources": names}}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.yml"
    file.write_text(yaml.safe_dump({**tree, **more}), encoding="utf-8")
    return file


def _source(source: dict[str, Any]) -> dict[str, Any]:
    csv = {"backend": "csv", "config": {"file": f"{source['name']}.csv"}}
    return {**({} if "backend" in source else csv), **COLUMNS, **source}


def write_csv(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Rows as a CSV file with the columns of `tests.fakes`, there whole or not at all."""
    columns = ("id", "name", "number", "mobile")
    lines = [",".join(columns)] + [",".join(str(row.get(key) or "") for key in columns) for row in rows]
    new = file.with_suffix(".new")
    new.write_text("\n".join([*lines, ""]), encoding="utf-8")
    new.replace(file)


def wait_until(claim: Callable[[], object], what: str = "it") -> None:
    """Return as soon as a claim holds; fail the test when it does not in time."""
    end = time.monotonic() + DEADLINE
    while not claim():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {DEADLINE:.0f} s")
        time.sleep(0.002)


class RunningProcess:
    """A process whose standard error is collected; a context manager that leaves nothing behind.

    Its children share the pipe of its standard error: `wait_for_end_of_log` returns when all have ended.
    """

    def __init__(
        self,
        *command: str,
        path: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        files: Sequence[int] = (),
    ) -> None:
        """`path` has more plugins, `environment` is added to ours, and `files` stay open in the process."""
        self._command = command
        self._environment = {key: value for key, value in os.environ.items() if key != "LOOKUPD_CONFIG"}
        self._environment.update(environment or {})
        self._files = files
        if path:  # folders with more plugins; stevedore's cache must not remember them
            known = self._environment.get("PYTHONPATH", "").split(os.pathsep)
            self._environment["PYTHONPATH"] = os.pathsep.join([*map(str, path), *filter(None, known)])
            self._environment["XDG_CACHE_HOME"] = str(path[0] / ".cache")
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._is_over = False

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
            pass_fds=self._files,
        )
        self._reader = threading.Thread(target=self._collect, name=f"log-{self.pid}", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.close_stdin()
        self.wait_for_end_of_log()
        self._reader.join()
        self._process.stderr.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it and its children have written to standard error so far."""
        with self._news:
            return "".join(self._lines)

    @property
    def children(self) -> list[int]:
        """The pids of its children, as far as they live."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def wait_for(self, pattern: str, times: int = 1) -> re.Match[str]:
        """The match of a pattern in the log, the n-th one; waits for it, but not for one that cannot come."""
        with self._news:
            self._news.wait_for(lambda: self._is_over or self._found(pattern, times), DEADLINE)
            found = self._found(pattern, times)
        if found is None:
            raise AssertionError(f"{pattern!r} is not {times} times in the log:\n{self.log}")
        return found

    def wait_for_end_of_log(self) -> None:
        """Return when this process and every child of it have ended."""
        with self._news:
            if not self._news.wait_for(lambda: self._is_over, DEADLINE):
                raise AssertionError("somebody still holds the log open")

    def wait(self) -> int:
        """Its exit code, once it has ended by itself; minus the number of the signal that ended it."""
        return self._process.wait(DEADLINE)

    def close_stdin(self) -> None:
        """End its standard input."""
        self._process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, unless it has ended already."""
        self._process.kill()
        self._process.wait(DEADLINE)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def _collect(self) -> None:
        for line in self._process.stderr:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()
        with self._news:
            self._is_over = True
            self._news.notify_all()

    def _found(self, pattern: str, times: int) -> re.Match[str] | None:
        found = [*re.finditer(pattern, "".join(self._lines))]
        return found[times - 1] if len(found) >= times else None


class RunningDaemon(RunningProcess):
    """`lookupd serve` with a configuration, which should have `http.port: 0`; entered when it is ready."""

    def __init__(
        self, config: Path, *, path: Sequence[Path] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(*lookupd(config, "serve"), path=path, environment=environment)
        #: where it answers, such as "http://127.0.0.1:40001"
        self.url = ""

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.url = self.wait_for(r"ready: (\S+)")[1]
        except BaseException:
            self.__exit__()
            raise
        return self

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Status and JSON body of a GET; the text where the body is no JSON."""
        request = urllib.request.Request(f"{self.url}{path}", headers=headers)
        try:
            with _OPENER.open(request, timeout=DEADLINE) as response:
                return response.status, _value(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _value(error.read())

    def headers(self, path: str) -> dict[str, str]:
        """The headers of a successful GET."""
        with _OPENER.open(f"{self.url}{path}", timeout=DEADLINE) as response:
            return dict(response.headers)

    def caller(self, exten: str) -> str | None:
        """The name the profile `default` shows for a number."""
        number = urllib.request.quote(exten)
        return self.get(f"/0.1/directories/reverse/default/somebody?exten={number}")[1]["display"]


def _value(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
