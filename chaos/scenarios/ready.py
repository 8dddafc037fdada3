"""R18: whoever watches the daemon is told the truth."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chaos.ground import LIVE_ONLY, dialled, directory, ldap_source, name, nobodys, port, rows, wait_for_sync
from chaos.scenario import Scenario, claim, none, within
from tests.faults.behaviour import BlackHole
from tests.faults.proxy import ThreadedProxy
from tests.faults.signals import eventually
from tests.process import RunningDaemon, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

TIMES = 200
#: seconds within which a question about the daemon itself is answered
LIMIT = 0.1
TROUBLES = ["crm: does not answer", "ldap: last sync failed", "staff: last sync failed"]


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """All sources are well, then all are down, each in its own way."""
    times = max(20, round(TIMES * scale))
    write_csv(folder / "staff.csv", rows(range(10)))
    with directory(folder / "slapd", range(10)) as slapd, ThreadedProxy(port(slapd)) as proxy:
        config = write_config(
            folder,
            {"name": "staff", "sync": {"every": "300ms"}},
            ldap_source("ldap", port(slapd), sync={"every": "300ms"}),
            ldap_source("crm", proxy.port, **LIVE_ONLY),
        )
        with RunningDaemon(config) as daemon:
            for source in ("staff", "ldap"):
                wait_for_sync(daemon, source)
            well = daemon.get("/ready")
            slapd.kill()
            (folder / "staff.csv").unlink()
            proxy.behave(BlackHole())
            daemon.caller(nobodys(0))
            # The question finds the directory down perhaps before its next sync does, which says more.
            eventually(lambda: sorted(_reasons(daemon)) == TROUBLES, within=20)
            down = _reasons(daemon)
            answers = [_timed(daemon, path) for path in ("/live", "/ready") for _ in range(times)]
            display = daemon.caller(dialled(0))
    return [
        claim("ok while all is well", holds=well == (200, {"status": "ok", "reasons": []})),
        claim(f"degraded, with {len(TROUBLES)} reasons", holds=sorted(down) == TROUBLES),
        none(sum(status != 200 for status, _ in answers), f"of {len(answers)} not 200"),
        within("max", max(seconds for _, seconds in answers), LIMIT),
        claim("names are still given", holds=display == name(0)),
    ]


def _reasons(daemon: RunningDaemon) -> list[str]:
    reasons: list[str] = daemon.get("/ready")[1]["reasons"]
    return reasons


def _timed(daemon: RunningDaemon, path: str) -> tuple[int, float]:
    began = time.monotonic()
    status, _ = daemon.get(path)
    return status, time.monotonic() - began


SCENARIO = Scenario(
    id="R18",
    name="live and ready",
    promised="/live knows nothing of sources; /ready is 200, degraded, and says why",
    how=f"a file is deleted, an LDAP server killed, another hangs; each asked {TIMES} times",
    run=run,
)
