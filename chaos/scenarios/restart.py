"""R17: another daemon takes over, and nobody notices."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

from chaos.ground import gentle, known, rows
from chaos.load import Load, failures, lag, served
from chaos.scenario import Scenario, none, noted, some, span
from tests.process import write_config, write_csv
from tests.servers.manager import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

RATE, SECONDS, TIMES = 500, 10.0, 3
PEOPLE = range(500)


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """A service manager holds the socket; the new daemon starts, then the old one is told to end."""
    seconds, times = max(2.5, SECONDS * scale), max(1, round(TIMES * scale))
    write_csv(folder / "staff.csv", rows(PEOPLE))
    config = write_config(folder, {"name": "staff"})
    codes = []
    with ServiceManager() as manager, ExitStack() as daemons:
        daemon = daemons.enter_context(manager.daemon(config))
        manager.wait_for("READY=1")
        daemon.wait_for("synced source 'staff'")
        with Load(manager.url, known(PEOPLE), rate=gentle(RATE, scale), seconds=seconds) as load:
            for time in range(times):
                following = daemons.enter_context(manager.daemon(config))
                manager.wait_for("READY=1", time + 2)
                daemon.signal(signal.SIGTERM)
                codes.append(daemon.wait())
                daemon = following
            report = load.report()
        codes.append(daemon.stop())
    return [
        failures(report),
        some(report.outcomes.count("fresh"), f"right answers of {report.count:,}", least=report.count),
        noted(f"{times} restarts"),
        none(sum(code != 0 for code in codes), "daemons ended badly"),
        noted(f"p99 {span(served(report).p99)}"),
        lag(report),
    ]


SCENARIO = Scenario(
    id="R17",
    name="restart",
    promised="a restart loses no request",
    how=f"{RATE} questions/s over kept connections; a service manager hands its socket to {TIMES} new "
    "daemons in turn, and ends the old one when the new one says READY=1",
    run=run,
)
