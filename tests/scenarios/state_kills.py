"""Kills a program that adds tokens, at random moments: what was acknowledged must be there afterwards."""

import sys
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lookupd.errors import DataError
from lookupd.state import database
from tests.document import ROOT
from tests.faults.killing import KillLoop, Remains, Report, randomly
from tests.scenarios import lanes

#: adds tokens, and says the id of each once it is durable
WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from lookupd.state.tokens import Tokens
print("begins", flush=True)
tokens = Tokens(Path(sys.argv[1]))
while True:
    token, _ = tokens.add("writer", tenant="tenant", user=None, scopes=("#",), now=datetime.now(UTC))
    print(token.id, flush=True)
"""
#: how long it lives at most once it has begun, in seconds: opening its file takes some milliseconds
LONGEST = 0.04
#: a new file after so many kills, as making one is to be killed as well
KILLS_PER_FILE = 20
#: loops that run side by side, each with files of its own
LANES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StateKills:
    """What came of it."""

    #: runs, and those of them that were killed, which should be all
    times: int
    killed: int
    #: tokens that were acknowledged, and those of them that were not there afterwards
    acknowledged: int
    lost: int
    #: what was wrong, with the seed of the run; nothing if all was well
    bad: tuple[str, ...]


class _Lane:
    """One loop."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self._acknowledged: dict[Path, set[str]] = defaultdict(set)
        self.lost: set[str] = set()

    @property
    def acknowledged(self) -> int:
        return sum(map(len, self._acknowledged.values()))

    def run(self, times: int) -> Report:
        moment = randomly(LONGEST, line="begins")
        return KillLoop(self._command, seed=self._seed, moment=moment, cwd=ROOT).run(
            times=times, check=self._check
        )

    def _file(self, number: int) -> Path:
        return self._folder / f"{number // KILLS_PER_FILE}" / "state.db"

    def _command(self, number: int) -> list[str]:
        return [sys.executable, "-c", WRITER, str(self._file(number))]

    def _check(self, remains: Remains) -> str | None:
        file = self._file(remains.number)
        said = self._acknowledged[file]
        said.update(line for line in remains.lines if line != "begins")
        try:
            there = kept(file)
        except (DataError, AssertionError) as error:
            return str(error)
        missing = said - there
        self.lost |= missing
        return f"acknowledged and lost: {sorted(missing)}" if missing else None


def kept(file: Path) -> set[str]:
    """The ids of all tokens in a file, which is opened as the daemon opens it. Fails if it is not sound."""
    with closing(database.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {id_ for (id_,) in connection.execute("SELECT id FROM token")}


def state_kills(folder: Path, times: int, seed: int) -> StateKills:
    """Kill the writer so many times. Some 0.1 s each."""
    ran, reports = lanes.run(_Lane, folder, times, seed)
    return StateKills(
        times=sum(report.times for report in reports),
        killed=sum(report.killed for report in reports),
        acknowledged=sum(lane.acknowledged for lane in ran),
        lost=sum(len(lane.lost) for lane in ran),
        bad=lanes.told(reports),
    )
