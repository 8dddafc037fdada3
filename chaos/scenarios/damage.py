"""R13: a damaged index is noticed and made anew, and nobody is needed for that."""

from __future__ import annotations

import hashlib
import itertools
import sqlite3
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chaos.caller import WRONG, word
from chaos.ground import known, rows
from chaos.scenario import Scenario, Track, claim, none, noted
from tests.faults.damage import DAMAGES, flip_bits
from tests.faults.signals import eventually
from tests.process import RunningDaemon, lookupd, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

TIMES, SEED = 100, 13
#: daemons side by side; fewer in a short form, which is played beside others: they would wait for each other
LANES, SHORT_LANES = 4, 2
PEOPLE = range(30)
#: seconds after which a damaged index counts as not recovered
PATIENCE = 20.0
#: how often everybody is asked for right after the damage to the index of a running daemon
LOOKS = 2
#: seconds between looks while it recovers: asking all the time takes the processor from the sync
REST = 0.2
SEARCH = f"/0.1/directories/lookup/default?term=person&limit={len(PEOPLE)}"


@dataclass
class Lane:
    """A daemon whose index is damaged again and again."""

    folder: Path
    #: how often something was damaged
    damages: int = 0
    #: damages that it did not recover from
    unrecovered: list[str] = field(default_factory=list)
    #: answers that named somebody else
    wrong: list[str] = field(default_factory=list)
    #: answers that named nobody and did not say that something is missing
    missing: int = 0
    #: how often a file was set aside
    set_aside: int = 0
    keeps_state: bool = True

    def run(self, seeds: Sequence[int]) -> None:
        """Damage the index once for each seed, in turn of a running and of a stopped daemon."""
        self.folder.mkdir()
        write_csv(self.folder / "staff.csv", rows(PEOPLE))
        config = write_config(self.folder, {"name": "staff", "sync": {"every": "1h"}})
        subprocess.run(lookupd(config, "token", "add", "reception"), check=True, capture_output=True)
        state, done = self._state(), "nothing yet"
        for running, stopped in itertools.zip_longest(seeds[::2], seeds[1::2]):
            with RunningDaemon(config) as daemon:
                self._expect(daemon, done)
                # One that is set aside just now, as damage was met again, is soon followed by another.
                eventually(self._index.exists, within=PATIENCE)
                done = self._damage(running)
                for _ in range(LOOKS):
                    self._look(daemon, done)
                eventually(self._index.exists, within=PATIENCE)  # so that there is something to damage
                self._end(daemon)
            if stopped is not None:
                done = f"{done}, {self._damage_stopped(stopped)}"
        with RunningDaemon(config) as daemon:
            self._expect(daemon, done)
            self._end(daemon)
        self.keeps_state = self._state() == state

    def _damage_stopped(self, seed: int) -> str:
        """A daemon that ends just after it has set an index aside leaves none: the next one makes it."""
        return self._damage(seed) if self._index.exists() else "no index"

    def _damage(self, seed: int) -> str:
        self.damages += 1
        return _damage(self._index, seed)

    @property
    def _index(self) -> Path:
        return self.folder / "data" / "index.db"

    def _expect(self, daemon: RunningDaemon, done: str) -> None:
        try:
            eventually(lambda: self._look(daemon, done) and self._is_sound(), within=PATIENCE, pause=REST)
        except AssertionError:
            self.unrecovered.append(done)

    def _look(self, daemon: RunningDaemon, done: str) -> bool:
        """Whether everybody is named and found."""
        words = []
        for exten, name in known(PEOPLE):
            status, answer = daemon.get(f"/0.1/directories/reverse/default/chaos?explain=true&exten={exten}")
            words.append(word(answer, name) if status == 200 else str(status))
            if words[-1] == WRONG and answer["display"] is None:
                self.missing += 1
            elif words[-1] == WRONG:
                self.wrong.append(f"{answer['display']} for {name} after {done}")
        status, page = daemon.get(SEARCH)
        return {*words} == {"fresh"} and status == 200 and len(page["results"]) == len(PEOPLE)

    def _is_sound(self) -> bool:
        """Whether the file itself has everybody again."""
        try:
            with closing(sqlite3.connect(f"file:{self._index}?mode=ro", uri=True)) as index:
                [(contacts,)] = index.execute("SELECT count(*) FROM contact")
                return contacts == len(PEOPLE) and [*index.execute("PRAGMA integrity_check")] == [("ok",)]
        except sqlite3.Error:
            return False

    def _end(self, daemon: RunningDaemon) -> None:
        daemon.stop()
        self.set_aside += daemon.log.count("everything is pulled again")

    def _state(self) -> str:
        return hashlib.sha256((self.folder / "data" / "state.db").read_bytes()).hexdigest()


def _damage(index: Path, seed: int) -> str:
    """Damage the index, or every third time the file of callers beside it."""
    damage = DAMAGES[seed // 3 % len(DAMAGES)]
    callers = [] if seed % 3 else [*index.parent.glob("callers-*")]
    file = next((file for file in callers if file.suffix != ".new"), index)
    if not file.stat().st_size:
        file.write_text("damaged", encoding="utf-8")
        return f"text in the empty {file.name}"
    try:
        return f"{file.name}: {damage(file, seed)}"
    except (OSError, ValueError):  # there is nothing of this kind to damage, such as a log
        return f"{file.name}: {flip_bits(file, seed)}"


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Several daemons at once, each with damages of its own."""
    times = max(2 * LANES, round(TIMES * scale))
    lanes = [Lane(folder / str(place)) for place in range(LANES if scale >= 1 else SHORT_LANES)]
    seeds = range(SEED, SEED + times)
    with ThreadPoolExecutor(len(lanes)) as threads:
        [*threads.map(Lane.run, lanes, (seeds[place :: len(lanes)] for place in range(len(lanes))))]
    unrecovered = [what for lane in lanes for what in lane.unrecovered]
    wrong = [what for lane in lanes for what in lane.wrong]
    damages = sum(lane.damages for lane in lanes)
    return [
        none(len(unrecovered), f"unrecovered{_first(unrecovered)}"),
        none(len(wrong), f"wrong names{_first(wrong)}"),
        noted(f"{damages} damages, {sum(lane.set_aside for lane in lanes)} times set aside"),
        noted(f"{sum(lane.missing for lane in lanes)} answers of nobody before it was noticed"),
        claim("state.db untouched", holds=all(lane.keeps_state for lane in lanes)),
    ]


def _first(what: Sequence[str]) -> str:
    return f" ({what[0]})" if what else ""


SCENARIO = Scenario(
    id="R13",
    name="damage",
    promised="a damaged index is set aside and made anew with no operator; state.db is never touched",
    how=f"{TIMES} seeded damages of {len(DAMAGES)} kinds, to the index or every third time to the file of "
    "callers, in turn while a daemon runs and after its end; "
    f"then it starts, and everybody is asked for every {REST:g} s until all are named and found, for "
    f"{PATIENCE:.0f} s at most",
    run=run,
    track=Track.BUSY,
)
