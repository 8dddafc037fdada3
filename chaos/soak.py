"""R15: hours of questions, and a sync each minute, leave memory, files and threads as they are.

python -m chaos.soak [--minutes 120]. Prints what it counts each minute, and a table in the end; fails if the
promise does not hold. It is not among the scenarios of `chaos.run`, as it takes hours.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaos import table
from chaos.ground import LIVE_ONLY, directory, known, ldap_source, name, port, rows, unknown, wait_for_sync
from chaos.load import Load, bad
from chaos.scenario import Row, at_most, none, noted, ratio, some
from tests.process import RunningDaemon, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.load import Question
    from chaos.scenario import Figure

#: seconds between two syncs, and between two looks at the processes
EVERY, LOOK = 60.0, 5.0
#: requests per second: plain questions, explained ones, of which some are asked live, and searches
PLAIN, EXPLAINED, SEARCHES = 200.0, 70.0, 30.0
#: people of the file that is synced; those of the second part have another name after each minute
CONSTANT, CHANGING = range(20_000), range(20_000, 20_200)
#: people of the directory that is asked live, and nobodys
LIVE, NOBODY = range(30_000, 30_500), range(2000)
#: memory may grow by so much of itself in an hour; the first part of the time is for what is kept to be kept
GROWTH, WARM = 0.01, 0.25
#: descriptors and threads that come and go
COMING_AND_GOING = 3


@dataclass(frozen=True, slots=True)
class Look:
    """What a process has at a time: private MiB, descriptors, threads."""

    hours: float
    mib: float
    files: int
    threads: int


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when the promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=int, default=120)
    minutes: int = parser.parse_args(arguments).minutes
    with tempfile.TemporaryDirectory() as folder:
        figures = run(minutes, Path(folder))
    row = Row(
        key="R15 soak",
        promised="memory grows by less than 1 %/h; descriptors and threads stay",
        measured="; ".join(figure.text for figure in figures),
        how=f"{minutes} minutes of {PLAIN:.0f} questions/s, {EXPLAINED:.0f} explained ones, some asked live, "
        f"and {SEARCHES:.0f} searches, with a sync of {len(CONSTANT) + len(CHANGING):,} people each minute; "
        f"a line through what the serving process had each {LOOK:.0f} s, but for the first quarter",
        holds=all(figure.holds for figure in figures),
    )
    print(f"\n{table.printed([row])}\n\n{table.machine()}")
    return 0 if row.holds else 1


def run(minutes: int, folder: Path) -> Sequence[Figure]:
    """Ask and change, minute by minute."""
    file = folder / "staff.csv"
    write_csv(file, _people(0))
    outcomes, wrong, looks, syncing = Counter[str](), 0, list[Look](), list[Look]()
    with directory(folder / "slapd", LIVE) as slapd:
        sources = [
            {"name": "staff", "sync": {"every": f"{EVERY:.0f}s"}},
            ldap_source("crm", port(slapd), **LIVE_ONLY),
        ]
        with RunningDaemon(write_config(folder, *sources)) as daemon, ThreadPoolExecutor(3) as threads:
            wait_for_sync(daemon, "staff")
            began = time.monotonic()
            for minute in range(minutes):
                write_csv(file, _people(minute + 1))
                asked = [threads.submit(_ask, daemon.url, *how) for how in _loads(minute)]
                end = began + EVERY * (minute + 1)
                while (left := end - time.monotonic()) > 0:
                    hours = (time.monotonic() - began) / 3600
                    looks += _look(daemon.pid, hours)
                    for pid in daemon.children:
                        syncing += _look(pid, hours)
                    time.sleep(min(LOOK, left))
                for report in asked:
                    counted, failed = report.result()
                    outcomes += counted
                    wrong += failed
                print(f"{minute + 1:3} {looks[-1]} {dict(outcomes)}", flush=True)
            generations = daemon.get("/0.1/status")[1]["sources"]["staff"]["generation"]
    return [
        none(wrong, f"of {outcomes.total():,} requests failed or answered wrongly"),
        some(generations, "syncs", least=minutes // 2),
        *_steady(looks[round(WARM * len(looks)) :]),
        noted(f"sync process {syncing[0].mib:.1f} to {max(look.mib for look in syncing):.1f} MiB"),
    ]


def _steady(looks: Sequence[Look]) -> Sequence[Figure]:
    """What became of the serving process."""
    line = statistics.linear_regression([look.hours for look in looks], [look.mib for look in looks])
    middle = statistics.median(look.mib for look in looks)
    first, last = looks[: len(looks) // 3], looks[-len(looks) // 3 :]
    return [
        noted(f"{middle:.1f} MiB"),
        ratio("% growth per hour", 100 * line.slope / middle, most=100 * GROWTH),
        *_rise("files", [look.files for look in first], [look.files for look in last]),
        *_rise("threads", [look.threads for look in first], [look.threads for look in last]),
    ]


def _rise(what: str, first: Sequence[int], last: Sequence[int]) -> Sequence[Figure]:
    """By how much the most of something rose."""
    rise = max(0, max(last) - max(first))
    return [at_most(rise, COMING_AND_GOING, f"{what} more (of {max(last)})")]


def _people(minute: int) -> list[dict[str, str]]:
    changed = [{**row, "name": f"{row['name']} in minute {minute}"} for row in rows(CHANGING)]
    return [*rows(CONSTANT), *changed]


def _loads(minute: int) -> Sequence[tuple[str, float, Sequence[Question]]]:
    """Kinds, rates and questions; other people each minute."""
    shift = minute * 1000 % len(CONSTANT)
    some_people = [*CONSTANT[shift:], *CONSTANT[:shift]]
    nobodys = unknown(range(minute * 500 % len(NOBODY), minute * 500 % len(NOBODY) + 500))
    explained = [*known(some_people[:1000]), *known(LIVE), *nobodys]
    return [
        ("plain", PLAIN, known(some_people)),
        ("reverse", EXPLAINED, explained),
        ("lookup", SEARCHES, [(name(place), name(place)) for place in some_people[:500]]),
    ]


def _ask(url: str, kind: str, rate: float, questions: Sequence[Question]) -> tuple[Counter[str], int]:
    """What answers came to, and how many were none."""
    with Load(url, questions, seconds=EVERY - 2 * LOOK, rate=rate, kind=kind) as load:
        report = load.report()
    return Counter(report.outcomes), bad(report)


def _look(pid: int, hours: float) -> list[Look]:
    """A process as it is; nothing if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        facts = dict(line.split(":", 1) for line in status.splitlines())
        files = len([*Path(f"/proc/{pid}/fd").iterdir()])
        return [Look(hours, int(facts["RssAnon"].split()[0]) / 1024, files, int(facts["Threads"]))]
    return []


if __name__ == "__main__":
    sys.exit(main())
