"""R16: the daemon is ready at once, whatever its sources do."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from contextlib import closing
from typing import TYPE_CHECKING

from chaos.ground import LIVE_ONLY, dialled, ldap_source, name, rows
from chaos.scenario import Scenario, exactly, noted, within
from tests.faults.behaviour import BlackHole
from tests.faults.proxy import ThreadedProxy
from tests.process import lookupd, write_config, write_csv
from tests.servers.manager import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

CONTACTS, TIMES = 100_000, 3
LIMIT = 2.0


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Synced once; then no source can be reached, and it is started again and again."""
    contacts, times = max(1000, round(CONTACTS * scale)), max(1, round(TIMES * scale))
    write_csv(folder / "staff.csv", rows(range(contacts)))
    subprocess.run(lookupd(write_config(folder, {"name": "staff"}), "sync"), check=True, capture_output=True)
    (folder / "staff.csv").unlink()
    with closing(_nobody()) as refusing, ThreadedProxy(refusing.getsockname()[1]) as hanging:
        hanging.behave(BlackHole())
        config = write_config(
            folder,
            {"name": "staff"},
            ldap_source("refusing", refusing.getsockname()[1], sync={"every": "1h"}),
            ldap_source("hanging", hanging.port, sync={"every": "1h"}),
            ldap_source("live", hanging.port, **LIVE_ONLY),
        )
        spans = [_started(config, contacts - 1) for _ in range(times)]
    return [
        within("READY=1 after", max(ready for ready, _, _ in spans), LIMIT),
        within("the first name after", max(answered for _, answered, _ in spans), LIMIT),
        exactly(sum(named == name(contacts - 1) for _, _, named in spans), times, "right names"),
        noted(f"the slowest of {times} starts, {contacts:,} contacts"),
    ]


def _nobody() -> socket.socket:
    """A port where nobody listens."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


def _started(config: Path, place: int) -> tuple[float, float, str | None]:
    """From the start of the process: seconds until it says READY=1, until it names somebody; and whom."""
    path = f"/0.1/directories/reverse/default/chaos?exten={dialled(place)}"
    with ServiceManager() as manager:
        began = time.monotonic()
        with manager.daemon(config) as daemon:
            # The manager's socket takes the question at once; it is answered when somebody can.
            with urllib.request.urlopen(f"{manager.url}{path}", timeout=20) as reply:
                display = json.load(reply)["display"]
            answered = time.monotonic() - began
            manager.wait_for("READY=1")
            ready = time.monotonic() - began
            daemon.stop()
    return ready, answered, display


SCENARIO = Scenario(
    id="R16",
    name="start",
    promised="ready within 2 s with 100,000 contacts and no source",
    how=f"{CONTACTS:,} contacts synced once; their file is gone, one LDAP server refuses, one hangs; from "
    f"the start of the process, {TIMES} times",
    run=run,
)
