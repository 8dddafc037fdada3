"""R10: a source that suddenly lists far fewer is not believed before somebody says so."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from chaos.ground import dialled, known, name, rows
from chaos.load import asked, failures, lag
from chaos.scenario import Scenario, Track, claim, none, noted
from tests.process import RunningDaemon, lookupd, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

PEOPLE, LEFT = range(1000), range(100)


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """A file cut short, an empty one; then the loss is accepted."""
    file = folder / "staff.csv"
    write_csv(file, rows(PEOPLE))
    config = write_config(folder, {"name": "staff", "sync": {"every": "200ms"}})
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff'")
        write_csv(file, [])
        daemon.wait_for("staff.*kept the old")
        write_csv(file, rows(LEFT))
        status = daemon.get("/0.1/status")[1]["sources"]["staff"]
        ready = daemon.get("/ready")
        report = asked(daemon.url, known(PEOPLE), rate=200, seconds=max(1.0, 5 * scale))
        daemon.stop()
    subprocess.run(lookupd(config, "sync", "--accept-loss"), check=True, capture_output=True)
    with RunningDaemon(config) as daemon:
        gone, there = daemon.caller(dialled(PEOPLE[-1])), daemon.caller(dialled(LEFT[0]))
    return [
        none(report.count - report.outcomes.count("fresh") - report.outcomes.count("stale"), "names lost"),
        failures(report),
        noted(f"{status['contacts']:,} contacts kept"),
        claim("status names it held", holds=bool(status["held"]) and status["status"] != "ok"),
        claim("/ready tells", holds=ready == (200, {"status": "degraded", "reasons": ["staff: sync held"]})),
        claim("gone once accepted", holds=(gone, there) == (None, name(LEFT[0]))),
        lag(report),
    ]


SCENARIO = Scenario(
    id="R10",
    name="held run",
    promised="a run that would remove more than 20 % is held: the old data stay, an alarm shows",
    how=f"a CSV file of {len(PEOPLE):,} people is emptied, then has {len(LEFT)}; all are asked for; then "
    "`lookupd sync --accept-loss`",
    run=run,
    track=Track.CALM,
)
