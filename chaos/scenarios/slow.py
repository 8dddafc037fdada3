"""S3: clients that send a byte a second cost the others nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chaos.ground import gentle, known, rows
from chaos.load import ROOT, asked, failures, lag, merged, served
from chaos.scenario import Scenario, at_most, noted, ratio, some, span
from tests.faults.signals import eventually
from tests.process import RunningDaemon, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chaos.scenario import Figure

CLIENTS, RATE = 2000, 300
ROUNDS, EACH = 3, 3.0
LIMIT = 2.0
#: seconds after which a client must have sent its header, and how much later it is gone at the latest
HEADER, GRACE = 10.0, 3.0
#: seconds that the daemon may take to accept them
PATIENCE = 5.0
PEOPLE = range(500)


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Rounds without and with them, in turn; at the end they are left to themselves until all are gone."""
    clients, rounds = max(100, round(CLIENTS * scale)), max(1, round(ROUNDS * scale))
    seconds = max(0.5, EACH * min(1.0, 4 * scale))
    write_csv(folder / "staff.csv", rows(PEOPLE))
    rate = gentle(RATE, scale)
    without, beside, connected = [], [], []
    with RunningDaemon(write_config(folder, {"name": "staff"})) as daemon:
        daemon.wait_for("synced source 'staff'")
        for _ in range(rounds):
            without.append(served(asked(daemon.url, known(PEOPLE), rate=rate, seconds=seconds)))
            with _slow_clients(daemon.url, clients):
                connected.append(eventually(partial(_has, daemon, clients), within=PATIENCE))
                beside.append(served(asked(daemon.url, known(PEOPLE), rate=rate, seconds=seconds)))
        left = _left_alone(daemon, clients) if scale >= 1 else None
    both = [merged(without), merged(beside)]
    return [
        ratio("p99 ratio", both[1].p99 / both[0].p99, most=LIMIT),
        noted(f"p99 {span(both[0].p99)} and {span(both[1].p99)} beside them"),
        failures(merged(both)),
        some(min(connected), "connections open", least=clients),
        *([at_most(left, 10, f"left after {HEADER + GRACE:.0f} s")] if left is not None else []),
        lag(merged(both)),
    ]


def _has(daemon: RunningDaemon, clients: int) -> int:
    """How many connections the daemon has, once they are as many as there are clients."""
    there = _open(daemon)
    return there if there >= clients else 0


def _open(daemon: RunningDaemon) -> int:
    """The connections that the daemon has."""
    return sum(
        1 for file in Path(f"/proc/{daemon.pid}/fd").iterdir() if file.readlink().name.startswith("socket:")
    )


@contextmanager
def _slow_clients(url: str, count: int) -> Iterator[None]:
    command = [sys.executable, "-m", "chaos.slow", url, str(count), str(HEADER + GRACE)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            if process.stdout is None or process.stdout.readline() != f"{count}\n":
                raise RuntimeError("the slow clients are not connected")
            yield
        finally:
            process.kill()


def _left_alone(daemon: RunningDaemon, clients: int) -> int:
    with _slow_clients(daemon.url, clients):
        time.sleep(HEADER + GRACE)
        return _open(daemon)


SCENARIO = Scenario(
    id="S3",
    name="slow clients",
    promised=f"{CLIENTS:,} slow connections change the p99 by less than a factor of 2, "
    "and are gone after 10 s",
    how=f"{CLIENTS:,} clients that send a byte a second, in every second round of {RATE} questions/s; the "
    "connections that the daemon has are counted in /proc",
    run=run,
)
