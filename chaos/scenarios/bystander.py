"""R8: a source that hangs takes nothing from the others."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from chaos.ground import LIVE_ONLY, apart, directory, gentle, known, ldap_source, port, profile, unknown
from chaos.load import Load, bad, failures, lag, merged, served
from chaos.scenario import Scenario, noted, ratio, some, span
from tests.faults.behaviour import BlackHole, Pass
from tests.faults.proxy import ThreadedProxy
from tests.process import RunningDaemon, write_config

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure
    from tests.faults.load import LoadReport

RATE, PRESSED_RATE = 300, 30
ROUNDS, EACH = 7, 2.0
LIMIT = 1.2
#: pairs of rounds that are repeated at most, as the load was too much for the machine while no source hung
REPEATS = 4


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Rounds in which one source is well, and rounds in which it hangs, in turn."""
    rounds = 1 + max(
        1, round(ROUNDS * scale)
    )  # the first is none: connections are made, code is warm after it
    seconds = max(0.5, EACH * min(1.0, 4 * scale))
    rate, pressed_rate = gentle(RATE, scale), gentle(PRESSED_RATE, scale)
    count = round(rate * seconds)
    well: list[LoadReport] = []
    hung: list[LoadReport] = []
    pressed: list[LoadReport] = []
    repeated = 0
    with (
        apart() as hand_over,
        directory(folder / "slapd", range(2 * (rounds + REPEATS) * count)) as slapd,
        ThreadedProxy(port(slapd)) as proxy,
    ):
        names = ("good", "second", "third")
        config = write_config(
            folder,
            ldap_source("hung", proxy.port, **LIVE_ONLY),
            *(ldap_source(source, port(slapd), **LIVE_ONLY) for source in names),
            profiles={"default": profile("good"), "pressed": profile("hung", "second", "third")},
        )
        with RunningDaemon(config) as daemon:
            hand_over(daemon)
            for part in range(2 * (rounds + REPEATS)):
                proxy.behave(BlackHole() if part % 2 else Pass())
                questions = known(range(part * count, (part + 1) * count))
                strangers = unknown(range(part * count, (part + 1) * count))
                with (
                    Load(
                        daemon.url, strangers, rate=pressed_rate, seconds=seconds, profile="pressed"
                    ) as press,
                    Load(daemon.url, questions, rate=rate, seconds=seconds) as load,
                ):
                    (hung if part % 2 else well).append(served(load.report()))
                    pressed.append(press.report())
                if part % 2 and repeated < REPEATS and bad(merged([well[-1], pressed[-2]])):
                    repeated += 1
                    del well[-1], hung[-1], pressed[-2:]
                elif len(hung) == rounds:
                    break
    spans = [(before.p99, after.p99) for before, after in zip(well[1:], hung[1:], strict=True)]
    both = merged([*well, *hung])
    return [
        ratio("p99 ratio", median(after / before for before, after in spans), most=LIMIT),
        noted(f"p99 {span(median(before for before, _ in spans))}"),
        noted(f"{span(median(after for _, after in spans))} with one hung (medians of {len(spans)} rounds)"),
        failures(merged([both, *pressed])),
        some(merged(pressed).outcomes.count("incomplete"), "answers told of the hung one"),
        lag(both),
        noted(f"{repeated} pairs of rounds repeated"),
    ]


SCENARIO = Scenario(
    id="R8",
    name="bystander",
    promised="a hung source changes the p99 of another by 20 % at most",
    how=f"{RATE} cold questions/s to a live source, {PRESSED_RATE}/s to three others of which one hangs in "
    "every second round; median of the ratios",
    run=run,
)
