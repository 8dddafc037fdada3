"""R3: an outage of a source is invisible for indexed numbers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from chaos.ground import directory, gentle, known, ldap_source, port, wait_for_sync
from chaos.load import Load, asked, failures, lag
from chaos.scenario import Scenario, Track, none, noted, some, span
from tests.process import RunningDaemon, write_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

RATE, SECONDS = 200, 60.0
PEOPLE = range(500)
#: seconds after which what is known is stale, and how long after the end of a server its last run may end
FRESH_FOR, LAST_RUN = 2.0, 0.5
#: the run after the outage starts within the interval of a failing source, which is `every`
EVERY = "1s"


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Killed under load, and started again when it is over."""
    seconds, rate = max(FRESH_FOR + 2 * LAST_RUN, SECONDS * scale), gentle(RATE, scale)
    with directory(folder / "slapd", PEOPLE) as slapd:
        source = ldap_source("staff", port(slapd), sync={"every": EVERY}, fresh_for=f"{FRESH_FOR}s")
        with RunningDaemon(write_config(folder, source)) as daemon:
            wait_for_sync(daemon, "staff")
            with Load(daemon.url, known(PEOPLE), rate=rate, seconds=seconds) as load:
                slapd.kill()
                report = load.report()
            slapd.start()
            again = next(
                second
                for second in itertools.count()
                if {*asked(daemon.url, known(PEOPLE), seconds=1, rate=20).outcomes} == {"fresh"}
            )
    late = report.outcomes[round(rate * (FRESH_FOR + LAST_RUN)) :]
    return [
        failures(report),
        none(report.outcomes.count("wrong") + report.outcomes.count("incomplete"), "changed names"),
        some(late.count("stale"), "answers said stale"),
        none(len(late) - late.count("stale"), "did not and should"),
        noted(f"{report.count:,} requests, p99 {span(report.p99)}"),
        noted(f"fresh again {again + 1} s after its end at the latest"),
        lag(report),
    ]


SCENARIO = Scenario(
    id="R3",
    name="outage",
    promised="no error, no changed name in an outage; answers say that they are stale",
    how=f"slapd killed for {SECONDS:.0f} s under {RATE} questions/s about {len(PEOPLE)} synced people",
    run=run,
    track=Track.CALM,
)
