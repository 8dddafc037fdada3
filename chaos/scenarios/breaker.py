"""R7: a source that does not answer soon costs nothing, and is asked again when it is well."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from chaos.ground import (
    LIVE_ONLY,
    dialled,
    directory,
    gentle,
    known,
    ldap_source,
    name,
    port,
    profile,
    rows,
    wait_for_sync,
)
from chaos.load import Load, failures, lag, merged, served
from chaos.scenario import Scenario, at_most, none, noted, span, within
from tests.faults.behaviour import BlackHole
from tests.faults.proxy import ThreadedProxy
from tests.faults.signals import eventually
from tests.process import RunningDaemon, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

RATE, SECONDS = 100, 10.0
#: those in the index; and one whom only the directory has
STAFF, CUSTOMER = range(200), 900
LIMIT = 0.001
#: seconds from the end of a pause to an answer
GRACE = 1.0


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """The same people asked of an index, alone and with a directory before it that hangs, at once."""
    seconds, rate = max(1.0, SECONDS * scale), gentle(RATE, scale)
    write_csv(folder / "staff.csv", rows(STAFF))
    with (
        directory(folder / "slapd", range(CUSTOMER, CUSTOMER + 1)) as slapd,
        ThreadedProxy(port(slapd)) as proxy,
    ):
        config = write_config(
            folder,
            {"name": "staff"},
            ldap_source("crm", proxy.port, **LIVE_ONLY),
            profiles={"default": profile("crm", "staff"), "alone": profile("staff")},
        )
        proxy.behave(BlackHole())
        with RunningDaemon(config) as daemon:
            wait_for_sync(daemon, "staff")
            eventually(lambda: _opened(daemon), within=10)
            before = proxy.connections
            with (
                Load(daemon.url, known(STAFF), rate=rate, seconds=seconds) as both,
                Load(daemon.url, known(STAFF), rate=rate, seconds=seconds, profile="alone") as alone,
            ):
                shadowed, bare = served(both.report()), served(alone.report())
            probes = proxy.connections - before
            pause = float(_live(daemon)["retry_in"])
            proxy.behave()
            began = time.monotonic()
            eventually(lambda: daemon.caller(dialled(CUSTOMER)) == name(CUSTOMER), within=pause + 10)
            recovered = time.monotonic() - began
            is_closed = _live(daemon)["breaker"] == "closed"
    whole = merged([shadowed, bare])
    return [
        within("median extra", shadowed.p50 - bare.p50, LIMIT),
        noted(f"medians {span(shadowed.p50)} and {span(bare.p50)}"),
        failures(whole),
        none(whole.outcomes.count("incomplete"), "without a name"),
        at_most(probes, 2 + int(seconds).bit_length(), f"probes in {seconds:.0f} s"),
        within(f"asked again {span(pause)} ahead, and there after", recovered, pause + GRACE),
        none(int(not is_closed), "breakers still open"),
        lag(whole),
    ]


def _live(daemon: RunningDaemon) -> dict[str, Any]:
    live: dict[str, Any] = daemon.get("/0.1/status")[1]["sources"]["crm"]["live"]
    return live


def _opened(daemon: RunningDaemon) -> bool:
    """Whether the breaker is open, after another question about somebody whom nobody has."""
    daemon.caller("0197000000")
    return bool(_live(daemon)["breaker"] == "open")


SCENARIO = Scenario(
    id="R7",
    name="breaker",
    promised="an open breaker costs 1 ms at most (median); a probe finds out when the source is back",
    how=f"{RATE}/s indexed people, with and without a hung live source before the index, at the same time; "
    "then the source is healed",
    run=run,
)
