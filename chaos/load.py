"""Load from a process of its own, so that neither proxies nor the scenario slow it down, nor it them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Self

from chaos.scenario import Figure, noted, span
from tests.faults.load import LoadReport

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
#: what an answer may come to without being wrong; see `caller.word`
GOOD = frozenset({"fresh", "stale", "expired", "absent", "incomplete", "found", "partial"})
#: seconds that a question may take before it counts as not answered
TIMEOUT = 5.0
#: seconds that it may take to start and to tell
SPARE = 10.0

#: a number as it is dialled, and the name that its directory has, or None
Question = tuple[str, str | None]


@dataclass
class Load:
    """Questions to a daemon; inside the block they are asked, and `report` waits for the last answer."""

    url: str
    #: asked in turn, again and again
    questions: Sequence[Question]
    _: KW_ONLY
    seconds: float
    #: so many each second, by the clock
    rate: float = 0.0
    #: or so many clients, each of which asks when it is answered
    clients: int = 0
    profile: str = "default"
    #: "reverse", "plain", which explains nothing, or "lookup": then a question is a term, and the name of
    #: somebody to be found
    kind: str = "reverse"
    #: whether connections are used again, or each question has one of its own
    keeps_alive: bool = True

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.caller"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self._begin(self._process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def report(self) -> LoadReport:
        """What came of it."""
        output, _ = self._process.communicate(timeout=self.seconds + 2 * TIMEOUT + SPARE)
        told = json.loads(output)
        return LoadReport(**told, good=GOOD)

    def _begin(self, process: subprocess.Popen[str]) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the load has no pipes")
        spec = {field.name: getattr(self, field.name) for field in fields(self)}
        process.stdin.write(f"{json.dumps({**spec, 'timeout': TIMEOUT})}\n")
        process.stdin.flush()
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the load does not start")
        process.stdin.write("\n")
        process.stdin.flush()


def asked(
    url: str, questions: Sequence[Question], *, seconds: float, rate: float, profile: str = "default"
) -> LoadReport:
    """What came of a load that was waited for."""
    with Load(url, questions, seconds=seconds, rate=rate, profile=profile) as load:
        return load.report()


def served(report: LoadReport) -> LoadReport:
    """The same with the time since each request was sent, not since it was due.

    What this client itself was late by is not the daemon's. It sends late for another reason only when 500
    of its requests are on their way, and then the latencies tell.
    """
    latencies = [latency - lag for latency, lag in zip(report.latencies, report.lags, strict=True)]
    return merged([report], latencies)


def merged(reports: Sequence[LoadReport], latencies: Sequence[float] | None = None) -> LoadReport:
    """Several as one; the seconds add up."""
    return LoadReport(
        outcomes=[outcome for report in reports for outcome in report.outcomes],
        latencies=latencies
        if latencies is not None
        else [latency for report in reports for latency in report.latencies],
        lags=[lag for report in reports for lag in report.lags],
        seconds=sum(report.seconds for report in reports),
        good=GOOD,
    )


def bad(report: LoadReport) -> int:
    """How many were not answered, or wrongly."""
    return sum(report.errors.values())


def failures(report: LoadReport) -> Figure:
    """Errors must not happen; where they did, the figure says which."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.errors.items()))
    return Figure(text=f"{bad(report)} errors{f' ({kinds})' if kinds else ''}", holds=not bad(report))


def counted(report: LoadReport) -> Mapping[str, int]:
    """How many answers came to what."""
    return {outcome: report.outcomes.count(outcome) for outcome in {*report.outcomes}}


def lag(report: LoadReport) -> Figure:
    """How late the client itself was."""
    lags = sorted(report.lags)
    return noted(f"client lag p99 {span(lags[int(0.99 * (len(lags) - 1))])}" if lags else "no requests")
