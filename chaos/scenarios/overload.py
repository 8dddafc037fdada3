"""R19: more than can be answered is refused at once, and the rest is answered as before."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from chaos.ground import apart, dialled, known, name, rows, wait_for_sync
from chaos.load import Load, lag, merged, served
from chaos.scenario import Scenario, busy, none, noted, ratio, some, span, within
from tests.faults.load import Target
from tests.front.storm import overload
from tests.process import RunningDaemon, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from chaos.scenario import Figure
    from tests.faults.load import LoadReport
    from tests.front.storm import Overload

PEOPLE = range(10_000)
#: how long a flood lasts: of text searches, then of the quickest one, and of calls
SEARCHES, FLOOD = 4.0, 3.0
#: floods of each kind, and of the quickest search, of which least is left; one in a short form
ROUNDS, QUICK_ROUNDS = 3, 5
#: how many of all are repeated where something else took the CPU of the daemon or of the client
REPEATS = 5
#: the share of its CPU that the daemon has at least where nothing else runs
OWN = 0.9
#: of the peak, so much is asked. A call costs little more than a refusal, and so much that one client can ask
TIMES, TIMES_CALLS = 5.0, 3.0
#: connections that find out the peak of searches: no more than may always be under way for one client
SEARCHERS = 3
#: calls per second beside the searches
CALLS = 50
LEAST, LIMIT = 0.8, 0.1
#: seconds by which the client may be late itself, and still tell how late others are
ON_TIME = 0.05
#: of the peak before a flood, so much is there after it: machines change by a third within seconds
RECOVERY = 0.75
#: of the seconds of a flood, so many are between the peaks
BESIDE = 1.75
OK, BUSY = "200", "503"
SOMEBODY = PEOPLE[5432]


def lookup(term: str) -> str:
    """The path of a search."""
    return f"/0.1/directories/lookup/default?term={quote(term)}"


#: what is searched for on the way to somebody: many are found at first, and one in the end
TYPED = tuple(lookup(name(SOMEBODY)[:length]) for length in (2, 6, 8, 9, 10, 11))
#: the last of these alone, which takes some half a millisecond
QUICK = TYPED[-1]
#: `explain` takes the long way
REVERSE = f"/0.1/directories/reverse/default/chaos?explain=true&exten={dialled(SOMEBODY)}"


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Five times as many searches as can be answered, with calls beside them; then quick ones, then calls."""
    write_csv(folder / "staff.csv", rows(PEOPLE))
    config = write_config(folder, {"name": "staff"})
    with apart() as hand_over, RunningDaemon(config) as daemon:
        hand_over(daemon)
        wait_for_sync(daemon, "staff")
        rounds, quick_rounds = (ROUNDS, QUICK_ROUNDS) if scale >= 1 else (1, 1)
        seconds, short = (max(1.5, length * scale) for length in (SEARCHES, FLOOD))
        ground = _Ground(daemon, repeats=REPEATS if scale >= 1 else 0)
        searching = {"factor": TIMES, "peak_connections": SEARCHERS}
        typed = ground.floods(TYPED, rounds, calls=CALLS, seconds=seconds, **searching)
        quick = ground.floods([QUICK], quick_rounds, seconds=short, **searching)
        calls = ground.floods([REVERSE], rounds, seconds=short, factor=TIMES_CALLS)
    beside = served(merged(ground.beside))
    return [
        ratio("goodput to peak", typed.middle.share, least=LEAST),
        noted(typed.rates()),
        *typed.figures(),
        busy(some(ground.refusals, "refusals looked at")),
        none(ground.bare_refusals, "of them without Retry-After"),
        busy(
            none(
                beside.count - beside.outcomes.count("fresh"), f"of {beside.count} calls beside them refused"
            )
        ),
        within("their p99", beside.p99, LIMIT),
        lag(beside),
        ratio("quick searches", quick.middle.share, least=LEAST),
        noted(quick.rates()),
        *quick.figures(),
        noted(f"calls alone: {calls.rates()}"),
        *calls.figures(),
        ratio("peaks after a flood to those before", ground.recovery(), least=RECOVERY),
        noted(f"{ground.repeated} floods repeated"),
    ]


@dataclass
class _Ground:
    """A daemon to flood, and what came of all floods, also of those that were repeated."""

    daemon: RunningDaemon
    _: KW_ONLY
    #: how many floods may be repeated, and have been
    repeats: int
    repeated: int = 0
    #: the calls beside floods
    beside: list[LoadReport] = field(default_factory=list)
    refusals: int = 0
    bare_refusals: int = 0
    #: of each flood, before and after
    peaks: list[tuple[float, float]] = field(default_factory=list)

    def floods(self, paths: Sequence[str], rounds: int, *, calls: float = 0, **how: Any) -> _Floods:  # noqa: ANN401 - as `overload` takes it
        """So many floods of these questions, with so many calls a second beside them, if any."""
        return _Floods([self._undisturbed(paths, calls, how) for _ in range(rounds)])

    def recovery(self) -> float:
        """What is left of the peak when a flood is over: the middle of all."""
        return median(after / before for before, after in self.peaks)

    def _undisturbed(self, paths: Sequence[str], calls: float, how: Mapping[str, Any]) -> Overload:
        """A flood; another one, if that may be, where something else took the CPU of daemon or client."""
        targets = [Target(url=f"{self.daemon.url}{path}") for path in paths]
        while True:
            one = self._with_calls(targets, calls, how) if calls else self._flood(targets, how)
            self.peaks.append(one.peaks)
            is_disturbed = one.storm.server_share < OWN or one.storm.lag > ON_TIME
            if not is_disturbed or self.repeated >= self.repeats:
                return one
            self.repeated += 1

    def _with_calls(self, targets: Sequence[Target], calls: float, how: Mapping[str, Any]) -> Overload:
        whole, url = BESIDE * how["seconds"], self.daemon.url
        with (
            ThreadPoolExecutor(1) as threads,
            Load(url, known(PEOPLE[:500]), rate=calls, seconds=whole) as load,
        ):
            looking = threads.submit(_refusals, url, whole)
            one = self._flood(targets, how)
            self.beside.append(load.report())
            refusals, bare = looking.result()
        self.refusals += refusals
        self.bare_refusals += bare
        return one

    def _flood(self, targets: Sequence[Target], how: Mapping[str, Any]) -> Overload:
        return asyncio.run(overload(targets, server=self.daemon.pid, **how))


@dataclass(frozen=True, slots=True)
class _Floods:
    """Some floods of the same questions, each between two measurements of their peak."""

    each: Sequence[Overload]

    @property
    def middle(self) -> Overload:
        """The middle one by what is left of the peak: what else the machine does comes and goes."""
        return sorted(self.each, key=lambda one: one.share)[len(self.each) // 2]

    def rates(self) -> str:
        """What was left in the middle one, and all shares."""
        one, shares = self.middle, ", ".join(f"{each.share:.2f}" for each in self.each)
        asked = sum(answers.counts.get(status, 0) for answers in one.storm.paths for status in answers.counts)
        return (
            f"{one.share:.2f} (of {shares}) of their peak of {one.peak:.0f}/s left, "
            f"{one.storm.rate():.0f}/s of {asked / one.storm.seconds:.0f}/s"
        )

    def figures(self) -> Sequence[Figure]:
        """How the answers of all were: the slowest, and all that were no answers."""
        storms = [one.storm for one in self.each]
        counts = Counter[str]()
        for answers in (answers for storm in storms for answers in storm.paths):
            counts.update(answers.counts)
        others = counts.total() - counts[OK] - counts[BUSY] + sum(storm.unanswered for storm in storms)
        late = max(storm.lag for storm in storms)
        slowest = {status: max(storm.p99(status) for storm in storms) for status in (OK, BUSY)}
        spans = [
            within("p99 of admitted", slowest[OK], LIMIT),
            within("of refusals", slowest[BUSY], LIMIT),
        ]
        return [
            *(
                noted(f"{figure.text} (the client was late itself)") if late > ON_TIME else figure
                for figure in spans
            ),
            busy(some(counts[BUSY], "refused")),
            none(others, "answered otherwise or not"),
            noted(f"client lag p99 {span(late)}"),
        ]


def _refusals(url: str, seconds: float) -> tuple[int, int]:
    """How many refusals came in this time, and how many of them do not say when to ask again."""
    end = time.monotonic() + seconds
    found = without = 0
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)) as connection:
        while time.monotonic() < end:
            connection.request("GET", QUICK)
            reply = connection.getresponse()
            reply.read()
            if reply.status == http.HTTPStatus.SERVICE_UNAVAILABLE:
                found += 1
                without += not (reply.headers["Retry-After"] or "").isdigit()
            time.sleep(0.02)
    return found, without


SCENARIO = Scenario(
    id="R19",
    name="overload",
    promised="at 5x the capacity for searches 80 % of their peak; admitted ones, calls too, within 100 ms "
    "(p99), else 503 and Retry-After; no share of the peak is promised for calls alone",
    how="the peak of text searches as they are typed, then 5 times as many by the clock over 1,000 "
    f"connections, while {CALLS} calls/s must all be answered; the same for the quickest search alone, then "
    f"{TIMES_CALLS:.0f} times the peak of calls; the middle of {ROUNDS} rounds each, "
    f"{QUICK_ROUNDS} of the quickest; at most {REPEATS} are repeated, where something else took the CPU",
    run=run,
)
