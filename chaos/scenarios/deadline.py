"""R2: a question is answered in time, whatever its source does."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import TYPE_CHECKING

from chaos.ground import LIVE_ONLY, directory, known, ldap_source, port, unknown
from chaos.load import Load, counted, failures, lag, merged, served
from chaos.scenario import Scenario, noted, some, within
from tests.faults.behaviour import BlackHole, Drip, HalfOpen, RefuseNew
from tests.faults.proxy import ThreadedProxy
from tests.process import RunningDaemon, write_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from chaos.load import Question
    from chaos.scenario import Figure
    from tests.faults.behaviour import Behaviour
    from tests.faults.load import LoadReport
    from tests.servers.slapd import Slapd

RATE = 50
#: seconds under load for each fault, and how long the fault lasts before the source is well for as long:
#: so its breaker closes again and again, and every fault meets a source that is asked
EACH, SPELL = 6.0, 1.5
NEARLY_ALL, ALL = 0.5, 0.6
#: an answer that took longer has waited for a source in trouble; a healthy one takes a few milliseconds
WAITED = 0.05


def behaving(behaviour: Behaviour) -> Callable[[Slapd, ThreadedProxy], AbstractContextManager[None]]:
    """A fault of the network."""

    @contextlib.contextmanager
    def fault(_: Slapd, proxy: ThreadedProxy) -> Iterator[None]:
        proxy.behave(behaviour)
        if isinstance(behaviour, RefuseNew):
            proxy.cut()
        try:
            yield
        finally:
            proxy.behave()

    return fault


FAULTS: dict[str, Callable[[Slapd, ThreadedProxy], AbstractContextManager[None]]] = {
    "SIGSTOP": lambda slapd, _: slapd.suspended(),
    "black hole": behaving(BlackHole()),
    "1 byte/s": behaving(Drip(bytes_per_second=1)),
    "half-open": behaving(HalfOpen()),
    "refused": behaving(RefuseNew()),
}


def questions(fault: int, count: int) -> list[Question]:
    """Nobody was asked for any of these before: people and strangers in turn."""
    places = range(fault * count, (fault + 1) * count)
    pairs = zip(known(places), unknown(places), strict=True)
    return [question for pair in pairs for question in pair]


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Every fault in turn, coming and going under load."""
    seconds = max(0.8, EACH * scale)
    count = round(RATE * seconds)
    people = range(len(FAULTS) * count)
    reports = []
    with (
        directory(folder / "slapd", people) as slapd,
        ThreadedProxy(port(slapd)) as proxy,
        RunningDaemon(write_config(folder, ldap_source("staff", proxy.port, **LIVE_ONLY))) as daemon,
    ):
        for place, fault in enumerate(FAULTS.values()):
            with Load(daemon.url, questions(place, count), rate=RATE, seconds=seconds) as load:
                _come_and_go(partial(fault, slapd, proxy), seconds)
                reports.append(served(load.report()))
    return _figures(reports)


def _come_and_go(fault: Callable[[], AbstractContextManager[None]], seconds: float) -> None:
    end = time.monotonic() + seconds
    spell = min(SPELL, seconds / 3)
    while time.monotonic() + spell < end:
        time.sleep(spell / 2)
        with fault():
            time.sleep(spell)
        time.sleep(spell / 2)


def _figures(reports: Sequence[LoadReport]) -> Sequence[Figure]:
    whole = merged(reports)
    waited = sum(latency > WAITED for latency in whole.latencies)
    worst = max(zip(FAULTS, reports, strict=True), key=lambda pair: pair[1].max)
    answers = counted(whole)
    return [
        within("99.9 %", whole.p999, NEARLY_ALL),
        within("max", whole.max, ALL),
        noted(f"the slowest under {worst[0]}"),
        failures(whole),
        noted(f"{whole.count:,} requests"),
        some(waited, "waited for the source"),
        some(answers.get("incomplete", 0), "told that it does not answer"),
        lag(whole),
    ]


SCENARIO = Scenario(
    id="R2",
    name="deadline",
    promised="99.9 % of answers within 500 ms, all within 600 ms",
    how="a live-only LDAP source under SIGSTOP, black hole, 1 byte/s, half-open and refused connections, "
    f"each coming and going for {EACH:.0f} s under {RATE} cold questions/s",
    run=run,
)
