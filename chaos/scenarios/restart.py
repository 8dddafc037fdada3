"""R17: another daemon takes over, and nobody notices; or the former ends first, and who asks then waits."""

from __future__ import annotations

import signal
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaos.ground import gentle, known, rows
from chaos.load import Load, failures, lag, served
from chaos.scenario import Scenario, none, noted, some, span
from tests.process import write_config, write_csv
from tests.servers.manager import ServiceManager

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure
    from tests.faults.load import LoadReport

RATE, SECONDS, TIMES = 500, 6.0, 3
#: the same where the former daemon ends first, as systemd does it
RATE_THERE, SECONDS_THERE, TIMES_THERE = 100, 6.0, 3
#: seconds between two of those restarts
APART = 0.5
PEOPLE = range(500)


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """A service manager holds the socket. Both ways of a restart, one after the other."""
    write_csv(folder / "staff.csv", rows(PEOPLE))
    config = write_config(folder, {"name": "staff"})
    codes: list[int] = []
    beside, times = _beside(scale, config, codes)
    after, times_there, ends = _after(scale, config, codes)
    return [
        failures(beside),
        some(beside.outcomes.count("fresh"), f"right answers of {beside.count:,}", least=beside.count),
        noted(f"{times} restarts"),
        noted(f"p99 {span(served(beside).p99)}"),
        lag(beside),
        noted("where the former ends first"),
        failures(after),
        some(after.outcomes.count("fresh"), f"right answers of {after.count:,}", least=after.count),
        noted(f"{times_there} restarts, the longest wait {span(served(after).max)}"),
        noted(f"of that until the former has ended {span(max(ends))}"),
        lag(after),
        none(sum(code != 0 for code in codes), "daemons ended badly"),
    ]


def _beside(scale: float, config: Path, codes: list[int]) -> tuple[LoadReport, int]:
    """The new daemon starts, then the old one is told to end; what came of the load, and how often."""
    seconds, times = max(2.5, SECONDS * scale), max(1, round(TIMES * scale))
    with ServiceManager() as manager, ExitStack() as daemons:
        daemon = daemons.enter_context(manager.daemon(config))
        manager.wait_for("READY=1")
        daemon.wait_for("synced source 'staff'")
        with Load(manager.url, known(PEOPLE), rate=gentle(RATE, scale), seconds=seconds) as load:
            for turn in range(times):
                following = daemons.enter_context(manager.daemon(config))
                manager.wait_for("READY=1", turn + 2)
                daemon.signal(signal.SIGTERM)
                codes.append(daemon.wait())
                daemon = following
            report = load.report()
        codes.append(daemon.stop())
    return report, times


def _after(scale: float, config: Path, codes: list[int]) -> tuple[LoadReport, int, list[float]]:
    """The old daemon ends, with an idle connection, then the new one starts; and how long the ends took."""
    seconds, times = max(3.0, SECONDS_THERE * scale), max(1, round(TIMES_THERE * scale))
    ends = []
    with ServiceManager() as manager, ExitStack() as daemons:
        daemon = daemons.enter_context(manager.daemon(config))
        manager.wait_for("READY=1")
        daemon.wait_for("synced source 'staff'")
        rate = gentle(RATE_THERE, scale)
        with Load(manager.url, known(PEOPLE), rate=rate, seconds=seconds, keeps_alive=False) as load:
            for turn in range(times):
                with _idle(manager.url):
                    time.sleep(APART)
                    began = time.monotonic()
                    daemon.signal(signal.SIGTERM)
                    codes.append(daemon.wait())
                    ends.append(time.monotonic() - began)
                daemon = daemons.enter_context(manager.daemon(config))
                manager.wait_for("READY=1", turn + 2)
            report = load.report()
        codes.append(daemon.stop())
    return report, times, ends


def _idle(url: str) -> socket.socket:
    """A connection on which something was asked."""
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname or "", where.port or 0))
    connection.sendall(b"GET /live HTTP/1.1\r\nHost: chaos\r\n\r\n")
    connection.recv(65536)
    return connection


SCENARIO = Scenario(
    id="R17",
    name="restart",
    promised="a restart loses no request",
    how=f"{RATE} questions/s over kept connections; a service manager hands its socket to {TIMES} new "
    "daemons in turn, and ends the old one when the new one says READY=1; then "
    f"{RATE_THERE}/s over connections of their own, and {TIMES_THERE} times the old one ends before the new "
    "one starts, as systemd does it",
    run=run,
)
