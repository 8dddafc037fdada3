"""R6: nobody is asked twice for an unknown number, and no failure passes for one."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

from chaos.ground import (
    LIVE_ONLY,
    Tap,
    dialled,
    directory,
    known,
    ldap_source,
    name,
    person,
    port,
    profile,
    unknown,
    wait_for_sync,
)
from chaos.load import asked, failures, lag, merged
from chaos.scenario import Scenario, exactly, none, noted, within
from tests.faults.behaviour import RefuseNew
from tests.faults.proxy import ThreadedProxy
from tests.faults.signals import eventually
from tests.process import RunningDaemon, lookupd, write_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure
    from tests.servers.slapd import Slapd

RATE, SECONDS = 100, 3.0
PEOPLE = range(50)
#: somebody who joins later
NEW = 777
#: seconds until a sync run has ended an absence
LIMIT = 1.0


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Strangers, before and after a restart; a failure; somebody who joins."""
    seconds = max(0.3, SECONDS * scale)
    tap = Tap()
    with directory(folder / "slapd", PEOPLE) as slapd, ThreadedProxy(port(slapd)) as proxy:
        config = write_config(
            folder,
            ldap_source("crm", proxy.port, **LIVE_ONLY),
            ldap_source("staff", port(slapd), sync={"every": "1h"}, live={"spellings": ["e164"]}),
            profiles={"default": profile("crm"), "office": profile("staff")},
        )
        proxy.behave(to_server=tap)
        reports = []
        for _ in range(2):
            with RunningDaemon(config) as daemon:
                reports.append(asked(daemon.url, unknown(range(5)), rate=RATE, seconds=seconds))
                daemon.stop()
        questions = [tap.questions(f"+33198{place:06}") for place in range(5)]
        with RunningDaemon(config) as daemon:
            kept = _failures_that_were_kept(daemon, proxy)
            ended = _end_of_an_absence(daemon, config, slapd)
    report = merged(reports)
    return [
        exactly(max(questions), 1, f"question about each of 5 strangers, {report.count} times asked"),
        noted("the daemon restarted in between"),
        none(report.count - report.outcomes.count("absent"), "other answers"),
        failures(report),
        none(kept, "of 10 failures taken for an absence"),
        within("an absence ended after a sync by", ended, LIMIT),
        lag(report),
    ]


def _failures_that_were_kept(daemon: RunningDaemon, proxy: ThreadedProxy) -> int:
    """How many people are not named by a directory that is well again, as it failed for them before."""
    kept = 0
    for (exten, display), _ in zip(known(PEOPLE), range(10), strict=False):
        proxy.behave(RefuseNew())
        proxy.cut()
        failed = daemon.get(f"/0.1/directories/reverse/default/chaos?explain=true&exten={exten}")[1]
        proxy.behave()
        if not failed["explain"]["failed"]:
            raise RuntimeError(f"a directory that refuses was not found to fail: {failed}")
        kept += eventually(partial(_word, daemon, exten), within=20) != [display]
    return kept


def _word(daemon: RunningDaemon, exten: str) -> list[object]:
    """The name that the directory gives, None for nobody; nothing while it cannot be asked in time."""
    answer = daemon.get(f"/0.1/directories/reverse/default/chaos?explain=true&exten={exten}")[1]
    return [] if answer["explain"]["failed"] else [answer["display"]]


def _end_of_an_absence(daemon: RunningDaemon, config: Path, slapd: Slapd) -> float:
    """Seconds from the end of the sync run that brings a number to the first answer with its name."""

    def display() -> object:
        return daemon.get(f"/0.1/directories/reverse/office/chaos?exten={dialled(NEW)}")[1]["display"]

    wait_for_sync(daemon, "staff")
    if display() is not None:
        raise RuntimeError("somebody who has not joined yet is named")
    slapd.add([person(NEW)])
    if display() is not None:
        raise RuntimeError("an absence was not remembered")
    subprocess.run(lookupd(config, "sync", "staff"), check=True, capture_output=True)
    began = time.monotonic()
    eventually(lambda: display() == name(NEW), within=20)
    return time.monotonic() - began


SCENARIO = Scenario(
    id="R6",
    name="absence",
    promised="a stranger is asked for once in an hour; no failure is kept; a sync ends an absence within 1 s",
    how="strangers asked for again and again, and after a restart; a person while the directory refuses, and "
    "again when it is well; a person who joins, then `lookupd sync`",
    run=run,
)
