"""R17: a configuration that is read again costs nobody an answer."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from chaos.ground import gentle, known, rows
from chaos.load import Load, failures, lag, served
from chaos.scenario import Scenario, exactly, noted, some, span
from tests.process import RunningDaemon, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

RATE, SECONDS, TIMES = 500, 6.0, 8
PEOPLE = range(500)


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """A second source comes and goes."""
    seconds, times = max(1.5, SECONDS * scale), max(2, round(TIMES * scale))
    for source in ("staff", "partners"):
        write_csv(folder / f"{source}.csv", rows(PEOPLE))
    config = write_config(folder, {"name": "staff"})
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff'")
        with Load(daemon.url, known(PEOPLE), rate=gentle(RATE, scale), seconds=seconds) as load:
            for time in range(times):
                more = [] if time % 2 else [{"name": "partners"}]
                write_config(folder, {"name": "staff"}, *more)
                daemon.signal(signal.SIGHUP)
                daemon.wait_for("the configuration has been read again", time + 1)
            report = load.report()
        sources = len(daemon.get("/0.1/status")[1]["sources"])
    return [
        failures(report),
        some(report.outcomes.count("fresh"), f"right answers of {report.count:,}", least=report.count),
        noted(f"{times} times another configuration"),
        exactly(sources, 2 if times % 2 else 1, "sources in the end"),
        noted(f"p99 {span(served(report).p99)}"),
        lag(report),
    ]


SCENARIO = Scenario(
    id="R17",
    name="reload",
    promised="SIGHUP loses no request",
    how=f"{RATE} questions/s over kept connections, and {TIMES} times a source is added or taken out, "
    "then SIGHUP",
    run=run,
)
