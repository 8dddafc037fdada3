"""Rounds of damage: an index whose file was spoiled is right again soon, with nobody's help, and never wrong.

`damage_round` starts on damaged copies of a real index in this process, with all that answers and all that
syncs: one after the other, as several would share its processor, and measure that. `damaged_under` spoils the
file of a daemon that runs. All the while they ask.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import time
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lookupd import configfile
from lookupd.config import DEFAULT_TENANT
from lookupd.desk import Desk
from lookupd.index import database, scrub
from lookupd.loader import Loader
from lookupd.principal import Principal
from lookupd.sources import Sources
from lookupd.sync.keeper import Keeper
from lookupd.sync.paths import paths
from lookupd.sync.run import Run
from lookupd.sync.schedule import Schedule
from tests.faults.damage import copies as damaged_copies
from tests.faults.damage import empty, replace_by_text, truncate, wrong_application_id, wrong_user_version
from tests.process import wait_until, write_config, write_csv
from tests.sync.ground import people

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lookupd.config import Config
    from tests.faults.damage import Copy, Damage
    from tests.process import RunningDaemon

NOBODY = Principal(tenant=DEFAULT_TENANT)
#: how long a copy may take until all is right, in seconds
PATIENCE = 20.0
#: every so manieth number is asked for again and again, all of them in the end
SAMPLE = 12
#: what every run of a source meets
MET_AT_ONCE = (truncate, empty, replace_by_text, wrong_application_id, wrong_user_version)


@dataclass(kw_only=True)
class Report:
    """What became of some damaged files."""

    copies: int = 0
    #: those that were right in the end, and those that were set aside on the way
    recovered: int = 0
    set_aside: int = 0
    #: what is wrong, a text each; empty when the promise holds
    bad: list[str] = field(default_factory=list)
    #: how long it took until all was right, in seconds, for each copy
    seconds: list[float] = field(default_factory=list)

    @property
    def slowest(self) -> float:
        """The longest time until all was right."""
        return max(self.seconds, default=0.0)


async def damage_round(folder: Path, copies: int, seed: int, *, count: int = 600) -> Report:
    """What becomes of so many damaged copies of an index of `count` contacts, in an empty folder."""
    rows = people(count)
    write_csv(folder / "staff.csv", rows)
    whole, logged = await _originals(folder, rows)
    report = Report()
    for copy in (
        *damaged_copies(whole, folder / "whole", count=copies - copies // 4, seed=seed),
        *damaged_copies(logged, folder / "logged", count=copies // 4, seed=seed),
    ):
        await _recovery(copy, folder, rows, report)
        shutil.rmtree(copy.file.parent)
    return report


def damaged_under(
    daemon: RunningDaemon, index: Path, rows: Sequence[dict[str, object]], damage: Damage, seed: int
) -> str:
    """Spoil the index of a daemon that runs, and wait until it is right again; what was done.

    Damage that neither a question nor a run meets is found by the next look at the whole index: the sync
    process is killed, as a new one begins with that.
    """
    what = damage(index, seed)
    _never_wrong(daemon, rows, what)
    if damage not in MET_AT_ONCE:
        [sync] = daemon.children
        os.kill(sync, signal.SIGKILL)

    def is_right() -> bool:
        return _never_wrong(daemon, rows, what) and scrub.problem(index, lambda: False) is None

    wait_until(is_right, f"{what}: an index that is right again")
    return what


def _never_wrong(daemon: RunningDaemon, rows: Sequence[dict[str, object]], what: str) -> bool:
    """Whether everybody asked for is shown; fails when somebody else is."""
    asked = rows[::SAMPLE]
    shown = [daemon.caller(str(row["number"])) for row in asked]
    wrong = [name for row, name in zip(asked, shown, strict=True) if name not in {row["name"], None}]
    assert not wrong, f"{what}: shows {wrong}"
    assert daemon.get("/live")[0] == 200
    return None not in shown


async def _originals(folder: Path, rows: Sequence[dict[str, object]]) -> tuple[Path, Path]:
    """A real index in one file, and one with a log beside it that has the last run: it hides damage."""
    config = _config(folder, folder / "original")
    index = paths(config).index
    database.prepare(index)
    sources = Sources(config, Loader())
    [source] = sources
    await source.open()
    write_csv(folder / "staff.csv", [{**row, "name": former(row)} for row in rows])
    await Run(source, source.settings.sync, paths(config)).run()
    with closing(sqlite3.connect(index, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM contact").fetchone()  # so that the log is not cleared up
        write_csv(folder / "staff.csv", rows)
        await Run(source, source.settings.sync, paths(config)).run()
        logged = _copied(index, folder / "kept-logged")
    await Run(source, source.settings.sync, paths(config)).run()
    await sources.close()
    return _copied(index, folder / "kept-whole"), logged


def _copied(index: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in (index, index.with_name(f"{index.name}-wal")):
        if file.exists():
            shutil.copy(file, folder)
    return folder / index.name


def _config(folder: Path, data: Path) -> Config:
    """The office of a round, with its data in a folder; its file is as good for all of them."""
    source = {
        "name": "staff",
        "sync": {"every": "1h", "max_loss": 1},
        "config": {"file": str(folder / "staff.csv")},
    }
    return configfile.read(
        write_config(data.parent / f"{data.name}-config", {**source, "backend": "csv"}, data=str(data))
    )


async def _recovery(copy: Copy, folder: Path, rows: Sequence[dict[str, object]], report: Report) -> None:
    """Start on a damaged copy as a daemon does, and ask until all is right."""
    begun = time.monotonic()
    report.copies += 1
    missing = "everything"
    try:
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            desk = await _started(stack, _config(folder, copy.file.parent))
            while missing := await _unfinished(desk, rows, copy.file):  # noqa: ASYNC110 - there is no event
                await asyncio.sleep(0.1)
    except TimeoutError:
        report.bad.append(f"{copy.what} (seed {copy.seed}): after {PATIENCE:.0f} s there lacks {missing}")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        report.bad.append(f"{copy.what} (seed {copy.seed}): {error!r}")
    else:
        report.recovered += 1
        report.seconds.append(time.monotonic() - begun)
        report.set_aside += copy.file.with_name(f"{copy.file.name}.damaged").exists()


async def _started(stack: AsyncExitStack, config: Config) -> Desk:
    """All that answers and all that syncs, on whatever lies there."""
    index = paths(config).index
    await asyncio.to_thread(database.prepare, index)
    desk = await Desk.open(stack, config)
    sources = Sources(config, Loader())
    stack.push_async_callback(sources.close)
    schedule = Schedule(sources, paths(config))
    stack.push_async_callback(schedule.stop)
    keeper = Keeper(index, begin=schedule.start, refill=schedule.refill)
    stack.push_async_callback(keeper.stop)
    keeper.start()
    return desk


async def _unfinished(desk: Desk, rows: Sequence[dict[str, object]], index: Path) -> str:
    """What is not right as yet; empty when every answer is, and nothing in the file is damaged."""
    return (
        await _missing(desk, rows[::SAMPLE])
        or await _missing(desk, rows)
        or await asyncio.to_thread(scrub.problem, index, lambda: False)
        or ""
    )


async def _missing(desk: Desk, rows: Sequence[dict[str, object]]) -> str:
    """What the answers lack as yet; empty when all is there. Fails when one is wrong."""
    who, find = desk.services["reverse"].who_many, desk.services["lookup"].find
    [staff] = await desk.services["status"].sources()
    lacking = "" if staff.contacts else "every contact of the index"
    for place in range(0, len(rows), 50):
        part = rows[place : place + 50]
        answers = await who(NOBODY, "default", [str(row["number"]) for row in part])
        for row, answer in zip(part, answers, strict=True):
            shown = answer.known.contact.display if answer.known else None
            assert shown in {None, row["name"], former(row)}, f"{shown} calls from {row['number']}"
            if shown != row["name"] or answer.failed:
                lacking = f"{row['name']} at {row['number']}"
    for row in rows[:: max(1, len(rows) // 20)]:
        page = await find(NOBODY, "default", str(row["name"]).split()[0])
        while page.is_partial:  # the machine may be busy
            page = await find(NOBODY, "default", str(row["name"]).split()[0])
        found = [hit.contact.fields["name"] for hit in page.hits]
        assert set(found) <= {row["name"], former(row)}, f"{row['name']} is found as {found}"
        if found != [row["name"]] or page.failed:
            lacking = f"{row['name']} by name (found {found}, failed {page.failed})"
    return lacking


def former(row: dict[str, object]) -> str:
    """The name of a contact in the generation before."""
    return f"Former {row['name']}"
