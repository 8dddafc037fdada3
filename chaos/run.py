"""Put the promises to the test: python -m chaos.run [--only R5,R8] [--scale 0.05].

Prints a table, writes it as JSON, and, after a whole run, into docs/promises.md. Fails if a promise does not
hold, its scenario breaks, or all together take too long. Scenarios that only count are played side by side,
on two tracks, before those that measure times.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from chaos import table
from chaos.scenario import Row, Track
from chaos.scenarios import SCENARIOS
from tests.faults.signals import ended_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from multiprocessing.connection import Connection

    from chaos.scenario import Scenario

ROOT = Path(__file__).resolve().parent.parent
#: seconds after which a scenario is broken off, and after which all are: what was not played does not hold
PATIENCE, WHOLE = 150, 600
#: seconds that one may take to clean up when it is broken off
SPARE = 5
#: how much the busy track gives way to the calm one, as nice(2) has it
GIVING_WAY = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when every promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = {scenario.id for scenario in SCENARIOS}
    parser.add_argument("--only", metavar="ID,...", help=f"some of {', '.join(sorted(known))}")
    parser.add_argument("--scale", type=float, default=1.0, help="shorter or longer than the whole (1)")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "chaos.json", metavar="FILE")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "promises.md", metavar="FILE")
    options = parser.parse_args(arguments)
    wanted = {*options.only.split(",")} if options.only else known
    if wanted - known:
        parser.error(f"there is no {', '.join(sorted(wanted - known))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    began = time.monotonic()
    order = [scenario.key for scenario in SCENARIOS if scenario.id in wanted]
    played = play_all(order, options.scale, began + WHOLE)
    rows = [played[key] for key in order]
    print(f"\n{table.printed(rows)}\n\n{table.machine()}; {time.monotonic() - began:.0f} s in all")
    table.write_json(rows, options.json)
    if wanted == known and options.scale == 1:
        table.write_page(rows, options.page)
    return 0 if all(row.holds for row in rows) else 1


def play_all(keys: Sequence[str], scale: float, end: float) -> Mapping[str, Row]:
    """What comes of the scenarios that are called so: two tracks at the same time, then the others."""
    tracks = {
        track: [scenario.key for scenario in SCENARIOS if scenario.key in keys and scenario.track is track]
        for track in Track
    }
    alone = tracks.pop(Track.ALONE)
    rows: dict[str, Row] = {}
    with ExitStack() as stack:
        told = [
            stack.enter_context(_beside(track, some, scale, end)) for track, some in tracks.items() if some
        ]
        for one in told:
            with suppress(EOFError):
                while one.poll(max(0.0, end + SPARE - time.monotonic())):
                    row: Row = one.recv()
                    rows[row.key] = row
    rows |= _played(alone, scale, end)
    return {
        scenario.key: rows.get(scenario.key) or _unended(scenario)
        for scenario in SCENARIOS
        if scenario.key in keys
    }


@contextmanager
def _beside(track: Track, keys: Sequence[str], scale: float, end: float) -> Iterator[Connection]:
    """Play a track in a process of its own, which ends with the block; gives where it tells its rows.

    Forked, it has the scenarios that are here, and a main thread, which those need to be broken off.
    """
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=_play_track, args=(track, keys, scale, end, theirs))
    with ours, theirs:
        process.start()
        theirs.close()
        try:
            yield ours
        finally:
            process.terminate()
            process.join()


def _play_track(track: Track, keys: Sequence[str], scale: float, end: float, told: Connection) -> None:
    signal.signal(signal.SIGTERM, _give_up)
    if track is Track.BUSY:
        os.nice(GIVING_WAY)
    for key in keys:
        for row in _played([key], scale, end).values():
            told.send(row)


def _give_up(*_: object) -> None:
    """End at once, with all that was started: threads of a scenario would be waited for otherwise."""
    for pid in _descendants(os.getpid()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(1)


def _descendants(pid: int) -> Iterator[int]:
    """The processes that a process has started, and those that these have."""
    with suppress(FileNotFoundError, ProcessLookupError):
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, children.read_text().split()):
                yield from _descendants(child)
                yield child


def _unended(scenario: Scenario) -> Row:
    measured = f"broke off: no end after {WHOLE} s"
    return Row(key=scenario.key, promised=scenario.promised, measured=measured, how=scenario.how, holds=False)


def _played(keys: Sequence[str], scale: float, end: float) -> Mapping[str, Row]:
    """What comes of these, one after the other; each is told when it is over."""
    rows = {}
    for scenario in SCENARIOS:
        if scenario.key in keys:
            began = time.monotonic()
            row = rows[scenario.key] = play(scenario, scale, end)
            held = "holds" if row.holds else "DOES NOT HOLD"
            print(f"{row.key}: {held} ({time.monotonic() - began:.0f} s): {row.measured}", flush=True)
    return rows


def play(scenario: Scenario, scale: float, end: float = math.inf) -> Row:
    """What comes of a scenario; one that breaks does not hold, and says why. All are over at `end`."""
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, ended_within(_patience(end)):
            figures = scenario.run(scale, Path(folder))
        measured = "; ".join(figure.text for figure in figures)
        holds = all(figure.holds for figure in figures)
    except Exception as error:  # noqa: BLE001 - the others are played, whatever breaks one
        traceback.print_exc()
        measured, holds = f"broke off: {type(error).__name__}: {_first_line(error)}", False
    return Row(key=scenario.key, promised=scenario.promised, measured=measured, how=scenario.how, holds=holds)


def _patience(end: float) -> int:
    """Seconds that the next scenario may take. Raises TimeoutError where none are left."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError(f"not played, as all together took {WHOLE} s")
    return math.ceil(min(PATIENCE, left))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


if __name__ == "__main__":
    sys.exit(main())
