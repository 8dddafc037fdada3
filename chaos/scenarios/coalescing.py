"""R5: many who ask the same at once are one question."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chaos.ground import LIVE_ONLY, Tap, directory, gentle, known, ldap_source, nobodys, number, port, unknown
from chaos.load import asked, counted, failures, lag, merged
from chaos.scenario import Scenario, exactly, noted, span
from tests.faults.behaviour import Delay
from tests.faults.proxy import ThreadedProxy
from tests.faults.signals import eventually
from tests.process import RunningDaemon, write_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.load import Question
    from chaos.scenario import Figure
    from tests.faults.load import LoadReport

CALLERS, ROUNDS = 500, 5
#: seconds within which all of them come: as quickly as a client of this machine can open its connections
BARRIER = 0.25
#: how long the directory takes: all of them come while it is asked
SLOW = 0.3


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Round by round, about somebody else; the last is about one who is there."""
    rounds, callers = max(1, round(ROUNDS * scale)), round(gentle(CALLERS, scale))
    tap = Tap()
    with (
        directory(folder / "slapd", range(10)) as slapd,
        ThreadedProxy(port(slapd)) as proxy,
        RunningDaemon(write_config(folder, ldap_source("staff", proxy.port, **LIVE_ONLY))) as daemon,
    ):
        daemon.caller(nobodys(ROUNDS))  # logs in
        proxy.behave(Delay(seconds=SLOW), to_server=tap)
        for place in range(3):  # learns that this directory takes long, and is to be waited for
            eventually(partial(_is_answered, daemon, nobodys(ROUNDS + 1 + place)))
        misses = [_at_once(daemon.url, question, callers) for question in unknown(range(rounds))]
        proxy.behave(Delay(seconds=SLOW / 2), to_server=tap)  # an entry may come in two pieces
        hit = _at_once(daemon.url, known(range(1))[0], callers)
    questions = [tap.questions(f"+33198{place:06}") for place in range(rounds)]
    report = merged([*misses, hit])
    answers = counted(report)
    return [
        exactly(max(questions), 1, f"question reached slapd for {callers} misses, at most"),
        exactly(min(questions), 1, f"at least, {rounds} rounds"),
        exactly(tap.questions(number(0)), 1, f"for {callers} hits"),
        failures(report),
        exactly(answers.get("absent", 0), callers * rounds, "were told nobody"),
        exactly(answers.get("fresh", 0), callers, "the name"),
        noted(f"the last after {span(report.max)}"),
        lag(report),
    ]


def _is_answered(daemon: RunningDaemon, exten: str) -> bool:
    _, answer = daemon.get(f"/0.1/directories/reverse/default/chaos?explain=true&exten={exten}")
    return not answer["explain"]["failed"]


def _at_once(url: str, question: Question, callers: int) -> LoadReport:
    return asked(url, [question], rate=callers / BARRIER, seconds=BARRIER)


SCENARIO = Scenario(
    id="R5",
    name="coalescing",
    promised=f"{CALLERS} equal misses at once are 1 question upstream",
    how=f"{CALLERS} clients within {BARRIER * 1000:.0f} ms, {ROUNDS} rounds with a new number each; slapd "
    f"takes {SLOW * 1000:.0f} ms; questions are counted on the way to it",
    run=run,
)
