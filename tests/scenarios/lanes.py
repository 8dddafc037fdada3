"""Many runs of one loop, shared out among a few that work side by side, each in a folder of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from tests.faults.killing import Report

#: how many work side by side: most of the time each waits for a process
LANES = 2


class Lane(Protocol):
    """One of them."""

    def run(self, times: int) -> Report:
        """So many runs."""


L = TypeVar("L", bound=Lane)


def run(
    make: Callable[[Path, int], L], folder: Path, times: int, seed: int
) -> tuple[Sequence[L], Sequence[Report]]:
    """Make a lane for each folder and seed, and let them share so many runs."""
    lanes = [make(folder / str(number), seed + number * times) for number in range(LANES)]
    shares = [times // LANES + (number < times % LANES) for number in range(LANES)]
    with ThreadPoolExecutor(LANES) as threads:
        reports = [*threads.map(lambda lane, share: lane.run(share), lanes, shares)]
    return lanes, reports


def told(reports: Sequence[Report]) -> tuple[str, ...]:
    """What went wrong in all of them, with the seeds that show it again."""
    return tuple(f"seed {bad.seed}: {bad.what}" for report in reports for bad in report.bad)
