"""R4: stale answers are quick, and their source is asked behind, but not too often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.ground import Tap, directory, gentle, known, ldap_source, number, port, wait_for_sync
from chaos.load import asked, failures, lag, served
from chaos.scenario import Scenario, at_most, noted, some, within
from tests.faults.behaviour import Delay
from tests.faults.proxy import ThreadedProxy
from tests.process import RunningDaemon, write_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

RATE, SECONDS = 200, 32.0
PEOPLE = range(10)
LIMIT = 0.02
#: seconds between two refreshes of a number, at the least
EVERY = 30.0
#: how long the directory takes: an answer that waited for it would show
SLOW = 0.1


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Everything is stale at once, and so asked again whenever it may be."""
    seconds, rate = max(1.0, SECONDS * scale), gentle(RATE, scale)
    tap = Tap()
    with directory(folder / "slapd", PEOPLE) as slapd, ThreadedProxy(port(slapd)) as proxy:
        live = {"spellings": ["e164"]}
        source = ldap_source("staff", proxy.port, sync={"every": "1h"}, live=live, fresh_for="100ms")
        with RunningDaemon(write_config(folder, source)) as daemon:
            wait_for_sync(daemon, "staff")
            proxy.behave(Delay(seconds=SLOW), to_server=tap)
            report = served(asked(daemon.url, known(PEOPLE), rate=rate, seconds=seconds))
    questions = [tap.questions(number(place)) for place in PEOPLE]
    stale = report.only("stale")
    return [
        within("p99", stale.p99, LIMIT),
        noted(f"{stale.count:,} stale answers of {report.count:,}"),
        failures(report),
        at_most(max(questions), 1 + int(seconds / EVERY), f"questions about one number in {seconds:.0f} s"),
        some(min(questions), "at least"),
        lag(report),
    ]


SCENARIO = Scenario(
    id="R4",
    name="stale",
    promised="stale answers within 20 ms (p99); a number is asked behind once in 30 s",
    how=f"{len(PEOPLE)} people stale after 100 ms under {RATE} questions/s; the questions about each that "
    f"reach slapd, which takes {SLOW * 1000:.0f} ms, are counted on the way",
    run=run,
)
