"""Kills the sync process at random moments, while a directory changes to and fro: no mix of both is left."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookupd import configfile
from lookupd.index.reader import Reader
from lookupd.loader import Loader
from lookupd.number import parse, question_keys
from lookupd.sources import Sources
from lookupd.sync import run
from lookupd.sync.paths import paths
from lookupd.sync.run import Run
from tests.document import ROOT
from tests.faults.killing import KillLoop, Remains, Report, randomly
from tests.process import write_config, write_csv
from tests.scenarios import lanes
from tests.sync.ground import FRANCE, Ground

#: how many contacts each version of the directory has, and how many of these the other one has not
CONTACTS, OWN = 200, 20
#: how long the process lives at most once it has begun, in seconds: it is ready in 0.1 s, then syncs on
LONGEST = 0.3
#: loops that run side by side, each with files of its own
LANES = 2
#: the sync process itself, and beside it somebody who changes the directory all the time. Nobody asks, so it
#: does not step back: beside others it would hardly get on
SYNCER = """
import gc
gc.disable()  # as long as it lives: half of that is importing
import itertools, os, shutil, sys, threading, time
from lookupd.sync import process, run
process.step_back = run.step_back = lambda: None
source, *versions = sys.argv[2:]
del sys.argv[2:]
os.dup2(os.pipe()[0], 0)  # it goes on until its standard input ends
def change():
    for version in itertools.cycle(versions):
        shutil.copyfile(version, source + ".new")
        os.replace(source + ".new", source)
        time.sleep(0.03)
print("begins", flush=True)
threading.Thread(target=change, daemon=True).start()
sys.exit(process.main())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncKills:
    """What came of it."""

    #: runs, and those of them that were killed, which should be all
    times: int
    killed: int
    #: syncs that had ended before the kill came
    synced: int
    #: how often the index was found as each version
    found: dict[str, int]
    #: what was wrong, with the seed of the run; nothing if all was well
    bad: tuple[str, ...]


def rows_of(version: str, start: int) -> list[dict[str, Any]]:
    """The directory as a version has it: other names and numbers than the other's, and some other people."""
    digit = len(version)
    return [
        {"id": str(n), "name": f"{version} Person{n:04}", "number": f"+331{digit}900{n:04}"}
        for n in range(start, start + CONTACTS)
    ]


VERSIONS = {"Alpha": rows_of("Alpha", 0), "Beta": rows_of("Beta", OWN)}


class _Lane:
    """One loop, on a folder with a configuration, its directory and its index."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._seed = seed
        self.synced = self._noted = 0
        self.found = dict.fromkeys(VERSIONS, 0)
        (folder / "versions").mkdir(parents=True)
        for version, rows in VERSIONS.items():
            write_csv(folder / "versions" / f"{version}.csv", rows)
        self._config = write_config(folder, {"name": "staff", "sync": {"every": "20ms"}})
        self._source = folder / "staff.csv"

    def run(self, times: int) -> Report:
        shutil.copy(self._folder / "versions" / "Beta.csv", self._source)
        asyncio.run(self._sync())
        self._noted = self._runs()
        versions = [str(self._folder / "versions" / f"{version}.csv") for version in VERSIONS]
        command = [sys.executable, "-c", SYNCER, str(self._config), str(self._source), *versions]
        loop = KillLoop(command, seed=self._seed, moment=randomly(LONGEST, line="begins"), cwd=ROOT)
        return loop.run(times=times, check=self._check)

    def _check(self, _: Remains) -> str | None:
        return asyncio.run(self._problem())

    async def _problem(self) -> str | None:
        """What is wrong with the index as it was left, or as the next sync leaves it."""
        version = await self._version()
        self.found[version] += 1
        self.synced += self._runs() - self._noted
        await self._sync()
        self._noted = self._runs()
        wanted = self._source.read_text(encoding="utf-8").splitlines()[1].split(",")[1].split()[0]
        if (now := await self._version()) != wanted:
            return f"was {version}, and the next sync made {now} of it, not {wanted}"
        left = [file.name for file in (self._folder / "data" / "staging").iterdir() if file.suffix != ".lock"]
        return f"the next sync left {left}" if left else None

    async def _version(self) -> str:
        """Which version the index holds. Fails if that is none, or if its tables do not agree."""
        index = self._folder / "data" / "index.db"
        assert not index.with_name("index.db.damaged").exists(), "the index was damaged, and set aside"
        ground = Ground(self._folder / "data")
        ground.check()
        held = {uid: body["name"] for uid, body in ground.bodies().items()}
        for version, rows in VERSIONS.items():
            if held == {row["id"]: row["name"] for row in rows}:
                await _check_answers(ground, version)
                return version
        raise AssertionError(f"{len(held)} contacts that are no version, such as {sorted(held.items())[:3]}")

    def _runs(self) -> int:
        [(runs,)] = Ground(self._folder / "data").rows("SELECT max(id) FROM run WHERE outcome = 'succeeded'")
        return runs or 0

    async def _sync(self) -> None:
        """What the sync process does with the source, in this process."""
        config = configfile.read(self._config)
        sources = Sources(config, Loader())
        try:
            for source in sources:
                await source.open()
                await Run(source, source.settings.sync, paths(config)).run()
        finally:
            await sources.close()


async def _check_answers(ground: Ground, version: str) -> None:
    """Fail unless numbers and words lead to all contacts of a version, and to none of another."""
    for name, rows in VERSIONS.items():
        wanted = rows if name == version else []
        async with ground.reading() as reader:
            callers = {row["number"]: held for row in rows if (held := _caller(reader, row["number"]))}
            found = await _found(reader, name)
        assert callers == {row["number"]: row["name"] for row in wanted}, f"{name} by number in {version}"
        assert sorted(found) == sorted(row["id"] for row in wanted), f"{name} by words in {version}"


async def _found(reader: Reader, word: str) -> list[str]:
    """The ids of all contacts with a word; on a busy machine a search may end before it has found them."""
    for _ in range(100):
        found = await reader.search(word, [*reader.sources()], limit=1000)
        if not found.is_partial:
            return [contact.uid for contact, _ in found.contacts]
    raise AssertionError("no search ends in time")


def _caller(reader: Reader, number: str) -> str | None:
    """Whose number it is, in the index as in the file of callers, if there is one."""
    asked = parse(number, FRANCE)
    candidates = reader.reverse(asked, question_keys(asked), reader.sources())
    held = candidates[0].contact.display if candidates else None
    shown = [one.display for one in reader.callers(asked, reader.sources(), with_suffix=False)]
    assert shown == ([] if held is None else [held]), f"{number} is {held}, and {shown} is shown"
    return held


@contextmanager
def _nobody_stepping_back() -> Iterator[None]:
    """The syncs of this process take no longer because others want the processor."""
    step_back, run.step_back = run.step_back, lambda: None
    try:
        yield
    finally:
        run.step_back = step_back


def sync_kills(folder: Path, times: int, seed: int) -> SyncKills:
    """Kill the sync process so many times. Some 0.4 s each."""
    with _nobody_stepping_back():
        ran, reports = lanes.run(_Lane, folder, times, seed)
    return SyncKills(
        times=sum(report.times for report in reports),
        killed=sum(report.killed for report in reports),
        synced=sum(lane.synced for lane in ran),
        found={version: sum(lane.found[version] for lane in ran) for version in VERSIONS},
        bad=lanes.told(reports),
    )
