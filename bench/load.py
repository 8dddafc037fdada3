"""Load on a server of this machine by wrk, and files of requests for it."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bench import data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_SCRIPT = Path(__file__).with_name("wrk.lua")
_MEASURED = re.compile(r"^MEASURED (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)
USER = "00000000-0000-4000-8000-000000000001"
REVERSE = f"/0.1/directories/reverse/default/{USER}"
LOOKUP = "/0.1/directories/lookup/default"
#: the CPU of servers, and that of wrk: two different ones where there are two
SERVER, CLIENT = (str(choose(os.sched_getaffinity(0))) for choose in (min, max))
#: requests in a file for each second that it is to last: more than any server here answers
PER_SECOND = 25_000

#: (contacts, how many, dice) -> numbers
Choose: TypeAlias = "Callable[[int, int, random.Random], Iterator[data.Number]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What is sent: a file of ends of URLs, or of bodies."""

    file: Path
    path: str = f"{REVERSE}?exten="
    method: str = "GET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How wrk is run."""

    connections: int
    seconds: float
    token: str
    #: milliseconds between two requests of a connection
    think: int = 0
    #: the CPU of wrk; None: whichever is free
    cpu: str | None = CLIENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of it; latencies are milliseconds, those of requests that failed among them."""

    requests: int
    #: refused as too many, or answered with another error
    failed: int
    seconds: float
    p50: float
    p99: float
    max: float

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return (self.requests - self.failed) / self.seconds


class LoadFailed(Exception):
    """Most requests were not answered, or with an error; figures of such a run say nothing."""


def run(url: str, requests: Requests, load: Load) -> Measured:
    """Send requests for a while. Raises LoadFailed unless most are answered well; says so if not all are."""
    pinned = ["taskset", "-c", load.cpu] if load.cpu is not None else []
    # wrk takes whole seconds only: shorter runs are ended by a signal, and tell as much
    whole = max(1, round(load.seconds))
    command = [
        *pinned,
        *(["timeout", "--signal=INT", str(load.seconds)] if load.seconds < 1 else []),
        *("wrk", "--threads", "1", "--connections", str(load.connections), "--duration", f"{whole}s"),
        *("--timeout", "10s", "--header", f"X-Auth-Token: {load.token}", "--script", str(_SCRIPT), url),
        *("--", str(requests.file), requests.method, requests.path),
    ]
    environment = {**os.environ, "THINK": str(load.think)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    found = _MEASURED.search(done.stdout)
    if not found:
        raise LoadFailed(f"wrk ended with code {done.returncode}: {done.stdout} {done.stderr}")
    sent, failed, duration, p50, p99, longest = map(int, found.groups())
    if failed > sent / 2 or not sent:
        raise LoadFailed(f"{failed} of {sent} requests to {url} failed")
    if failed:
        print(f"  {failed} of {sent} requests failed", flush=True)
    return Measured(
        requests=sent,
        failed=failed,
        seconds=duration / 1e6,
        p50=p50 / 1e3,
        p99=p99 / 1e3,
        max=longest / 1e3,
    )


def failures(measured: Sequence[Measured]) -> str:
    """How many of all requests failed, for a reader; nothing if none did."""
    failed, sent = sum(one.failed for one in measured), sum(one.requests for one in measured)
    return f", {failed / sent:.2%} failed" if failed else ""


class Questions:
    """Files of reverse questions, each with other numbers than the one before, but the same in each run."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._file = folder / "requests"
        self._count = max(1000, round(seconds * PER_SECOND))
        self._dice = random.Random(data.SEED)

    def single(self, contacts: int, choose: Choose = data.uniform) -> Requests:
        """One number to a request."""
        self._file.write_text("\n".join(self._texts(contacts, self._count, choose)) + "\n", encoding="ascii")
        return Requests(file=self._file)

    def bulk(self, contacts: int, each: int) -> Requests:
        """So many numbers to a request."""
        texts = (text.replace("%2B", "+").replace("%20", " ")
                 for text in self._texts(contacts, self._count, data.uniform))  # fmt: skip
        lines = [json.dumps({"extens": group}) for group in zip(*[texts] * each, strict=False)]
        self._file.write_text("\n".join(lines) + "\n", encoding="ascii")
        return Requests(file=self._file, path=REVERSE, method="POST")

    def _texts(self, contacts: int, count: int, choose: Choose) -> Iterator[str]:
        return (data.asked(number, self._dice) for number in choose(contacts, count, self._dice))


def terms(folder: Path, terms: Sequence[str], options: str = "") -> Requests:
    """A file of text searches."""
    file = folder / "terms"
    file.write_text("".join(f"{term}{options}\n" for term in terms), encoding="ascii")
    return Requests(file=file, path=f"{LOOKUP}?term=")
