"""Remembered answers outlive the process, and are shared between processes; the file may be lost."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from datetime import timedelta

import pytest

from lookupd.answers import file
from lookupd.answers.store import Pauses, Store
from lookupd.answers.table import Table, kept
from lookupd.memory import CAPACITY, Asked, Memory, Remembered, asked
from lookupd.number import Number, NumberRules, parse
from lookupd.principal import Principal
from tests.document import ROOT
from tests.fakes import ADA, NOBODY, Clock, Directory, source_of
from tests.faults.disk import FailingDisk
from tests.faults.killing import KillLoop, Running, randomly
from tests.faults.signals import eventually_async

SECOND = timedelta(seconds=1)
QUICK = Pauses(gather=0.001, poll=0.01, retry=0.01)
NUMBER = parse("0199001234", NumberRules(region="FR"))


@asynccontextmanager
async def process(path, source, clock, pauses=QUICK):
    """The memory of one process, with its store; and the store."""
    store = Store(path, kept([source]), clock, pauses)
    memory = Memory(clock, keep=store.keep)
    await store.start(memory.learn)
    try:
        yield memory, store
    finally:
        await store.close()


@pytest.fixture
async def source():
    source = source_of(Directory(rows=[ADA]))
    await source.open()
    yield source
    await source.close()


async def test_a_hit_and_an_absence_are_there_after_a_restart(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    contact = source.shape.contact(source.shape.checked(ADA))
    hit = asked(source, NUMBER, NOBODY)
    absence = asked(source, parse("0199009999", NumberRules(region="FR")), NOBODY)
    async with process(path, source, clock) as (memory, _):
        memory.put(hit, contact, clock())
        memory.put(absence, None, clock())
    async with process(path, source, clock) as (memory, _):
        assert memory.get(hit).contact.display == "Ada Bélanger"
        assert memory.get(hit).contact.numbers == contact.numbers
        assert memory.get(absence).contact is None
        assert memory.get(absence).at == clock()


async def test_what_a_source_said_under_other_settings_is_not_handed_over(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    other = source_of(Directory(), name="other", backend="fake", config={"place": "elsewhere"})
    of_source, of_other = asked(source, NUMBER, NOBODY), asked(other, NUMBER, NOBODY)
    async with process(path, other, clock) as (memory, store):
        memory.put(of_other, None, clock())
    async with process(path, source, clock) as (memory, store):
        memory.put(of_source, None, clock())
        assert memory.get(of_other) is None
        store.follow(kept([other]), {source.uuid})
        memory.forget({source.uuid})
        await eventually_async(lambda: memory.get(of_other) is not None, within=10)
        assert memory.get(of_source) is None


async def test_what_was_not_yet_written_of_a_changed_source_never_is(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    changed = source_of(Directory(), config={"place": "elsewhere"})
    question, later = asked(source, NUMBER, NOBODY), asked(source, Number(key="7"), NOBODY)
    async with process(path, source, clock, Pauses(gather=30, poll=30)) as (memory, store):
        memory.put(question, None, clock())
        store.follow(kept([changed]), frozenset({source.uuid}))
        memory.put(later, None, clock())
    async with process(path, changed, clock) as (memory, _):
        assert memory.get(later) is not None
        assert memory.get(question) is None


async def test_what_one_process_was_told_another_knows_soon(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (one, _), process(path, source, clock) as (other, _):
        one.put(question, None, clock())
        await eventually_async(lambda: other.get(question) is not None, within=10)


@pytest.mark.parametrize("newer_first", [True, False])
async def test_the_newer_of_two_answers_stays_whoever_writes_last(tmp_path, source, newer_first):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    contact = source.shape.contact(source.shape.checked(ADA))
    older = Remembered(contact=None, at=clock() - timedelta(seconds=1))
    newer = Remembered(contact=contact, at=clock())
    for remembered in [newer, older] if newer_first else [older, newer]:
        async with process(path, source, clock) as (_, store):
            store.keep(question, remembered)
    async with process(path, source, clock) as (memory, _):
        assert (memory.get(question).contact.uid, memory.get(question).at) == (contact.uid, newer.at)


@pytest.mark.parametrize(
    "content", [b"", b"not a database, but some text" * 40, b"SQLite format 3\0" + b"\xff" * 9000]
)
async def test_a_file_that_cannot_be_used_is_set_aside_and_made_anew(tmp_path, source, content):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    path.write_bytes(content)
    async with process(path, source, clock) as (memory, store):
        memory.put(question, None, clock())
        await eventually_async(lambda: store.problem is None and path.stat().st_size > 0, within=10)
    async with process(path, source, clock) as (memory, _):
        assert memory.get(question).contact is None


async def test_where_nothing_can_be_written_memory_goes_on_and_it_heals_by_itself(tmp_path, source):
    clock, folder, question = Clock(), tmp_path / "data", asked(source, NUMBER, NOBODY)
    folder.write_text("a file where the folder should be")
    async with process(folder / "answers.db", source, clock) as (memory, store):
        memory.put(question, None, clock())
        assert memory.get(question).contact is None
        assert store.problem is not None
        folder.unlink()
        await eventually_async(lambda: store.problem is None, within=10)
    async with process(folder / "answers.db", source, clock) as (memory, _):
        assert memory.get(question) is not None


async def test_no_token_stands_in_the_file(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    source.depends_on_caller = True
    holder = Principal(tenant=NOBODY.tenant, token="canary-token")
    async with process(path, source, clock) as (memory, _):
        memory.put(asked(source, NUMBER, holder), None, clock())
        assert memory.get(asked(source, NUMBER, NOBODY)) is None, "another caller's answer is not shared"
    assert b"canary-token" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize("is_purged", [True, False])
async def test_what_was_said_by_a_clock_that_has_been_set_back_gives_way(tmp_path, source, is_purged):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (memory, _):
        memory.put(question, None, clock())
    clock.move(hours=-1)
    pauses = Pauses(gather=0.001, poll=0.01, purge=0.0) if is_purged else QUICK
    async with process(path, source, clock, pauses) as (memory, _):
        assert memory.get(question) is None
        if is_purged:
            await eventually_async(lambda: not rows(path), within=10)
        contact = source.shape.contact(source.shape.checked(ADA))
        memory.put(question, contact, clock())
    async with process(path, source, clock) as (memory, _):
        assert memory.get(question).contact.uid == contact.uid


async def test_of_a_source_that_was_changed_nothing_comes_back_from_the_file(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (memory, store):
        memory.put(question, None, clock())
        await eventually_async(lambda: rows(path), within=10)
        memory.forget({source.uuid})
        store.follow(kept([source]), frozenset({source.uuid}))  # another password, say
        await eventually_async(lambda: not rows(path), within=10)
        assert memory.get(question) is None
        memory.put(question, None, clock())
    async with process(path, source, clock) as (memory, _):
        assert memory.get(question) is not None


async def test_a_source_that_is_asked_in_other_spellings_is_asked_again(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (memory, _):
        memory.put(question, None, clock())
    async with process(path, source_of(Directory(), live={"spellings": ["e164"]}), clock) as (memory, _):
        assert memory.get(question) is None


async def test_a_source_that_is_set_otherwise_is_asked_again(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (memory, _):
        memory.put(question, None, clock())
    other = source_of(Directory(), config={"another": "directory"})
    async with process(path, other, clock) as (memory, _):
        assert memory.get(question) is None


def rows(path):
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute("SELECT number, uid FROM answer ORDER BY number").fetchall()


@pytest.mark.parametrize(
    "change", ["PRAGMA application_id = 1", "PRAGMA user_version = 7", "DROP TABLE answer"]
)
async def test_a_file_of_somebody_else_or_of_another_format_is_set_aside(tmp_path, source, change):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (memory, _):
        memory.put(question, None, clock())
    with closing(sqlite3.connect(path)) as database:
        database.execute(change)
    async with process(path, source, clock) as (memory, store):
        assert memory.get(question) is None
        assert store.problem is None
    assert path.with_name("answers.db.damaged").exists()


async def test_a_file_that_is_damaged_meanwhile_is_set_aside_and_nothing_new_is_lost(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock, Pauses(gather=0.001, poll=600, retry=0.01)) as (memory, _):
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 1")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.truncate(path, 4096)
        memory.put(question, None, clock())
        await eventually_async(path.with_name("answers.db.damaged").exists, within=10)
    async with process(path, source, clock) as (memory, _):
        assert memory.get(question) is not None


async def test_a_file_that_is_taken_away_is_made_anew(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (memory, _):
        path.rename(tmp_path / "gone.db")
        await eventually_async(path.exists, within=10)
        memory.put(question, None, clock())
    async with process(path, source, clock) as (memory, _):
        assert memory.get(question) is not None


async def test_what_is_past_use_is_removed(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    contact = source.shape.contact(source.shape.checked(ADA))
    settings = source.settings
    ages = {"1": settings.absent_ttl, "2": 2 * settings.max_stale, "3": timedelta(days=7)}
    async with process(path, source, clock) as (_, store):
        for place, age in ages.items():
            for seconds in (-1, 1):
                word = Remembered(
                    contact=contact if place == "2" else None, at=clock() - age + seconds * SECOND
                )
                store.keep(Asked(source.uuid, Number(key=f"{place}{seconds + 1}"), ""), word)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE answer SET source = 'removed' WHERE number LIKE '3%'")
    with closing(file.connect(path)) as connection:
        Table(kept([source])).purge(connection, clock())
    assert rows(path) == [("12", None), ("22", "1"), ("32", None)]


async def test_purging_is_done_by_itself(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    quick = Pauses(gather=0.001, poll=0.01, retry=0.01, purge=0.01)
    async with process(path, source, clock, quick) as (memory, _):
        memory.put(question, None, clock())
        await eventually_async(lambda: rows(path), within=10)
        clock.move(days=1)
        await eventually_async(lambda: not rows(path), within=10)


def test_only_so_many_answers_are_kept_the_newest(tmp_path, source):
    path, word = tmp_path / "answers.db", Remembered(contact=None, at=Clock()())
    batch = {Asked(source.uuid, Number(key=f"{number:06}"), ""): word for number in range(CAPACITY + 9)}
    with closing(file.connect(path)) as connection:
        Table(kept([source])).exchange(connection, batch, Clock()())
    assert [number for number, _ in rows(path)] == [f"{number:06}" for number in range(9, CAPACITY + 9)]


async def test_a_file_whose_schema_is_no_text_is_set_aside(tmp_path, source):
    """SQLite quotes it in its error, which Python cannot decode."""
    path = tmp_path / "answers.db"
    file.connect(path).close()
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE", b"CREATE T\xc1BLE"))
    async with process(path, source, Clock()) as (_, store):
        assert store.problem is None
    assert path.with_name("answers.db.damaged").exists()


async def test_an_answer_that_makes_no_sense_costs_its_question_only(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    contact = source.shape.contact(source.shape.checked(ADA))
    one, other = (Asked(source.uuid, Number(key=key), "") for key in ("1", "2"))
    async with process(path, source, clock) as (memory, _):
        memory.put(one, contact, clock())
        memory.put(other, contact, clock())
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE answer SET numbers = '[1]' WHERE number = '1'")
    async with process(path, source, clock) as (memory, _):
        assert memory.get(one) is None
        assert memory.get(other).contact.numbers == contact.numbers


# Learns something every millisecond, and says how much so far when keeping it fails, and when that is over.
LEARNER = """
import asyncio, sys
from pathlib import Path
from lookupd.answers import file
from lookupd.answers.store import Pauses, Store
from lookupd.answers.table import kept
from lookupd.memory import Asked, Remembered
from lookupd.number import Number
from tests.fakes import Clock, Directory, source_of

async def main():
    source, clock = source_of(Directory()), Clock()
    store = Store(Path(sys.argv[1]), kept([source]), clock, Pauses(gather=0.001, poll=0.01, retry=0.01))
    await store.start(lambda *_: None)
    print("ready", flush=True)
    number, is_well = 0, True
    while True:
        store.keep(Asked(source.uuid, Number(key=str(number)), ""), Remembered(contact=None, at=clock()))
        number += 1
        if is_well != (store.problem is None):
            is_well = not is_well
            print("well" if is_well else "fails", number, flush=True)
        await asyncio.sleep(0.001)

asyncio.run(main())
"""


def test_a_kill_leaves_a_usable_file(tmp_path):
    path, counts = tmp_path / "answers.db", []

    def check(_):
        counts.append(len(rows(path)))
        return "set aside" if path.with_name("answers.db.damaged").exists() else None

    moment = randomly(0.2, shortest=0.02, line="ready")
    loop = KillLoop([sys.executable, "-c", LEARNER, str(path)], seed=1, moment=moment, cwd=ROOT)
    report = loop.run(times=5, check=check)
    assert (report.killed, report.bad) == (5, [])
    assert counts[-1] > 0


def test_what_a_full_disk_could_not_take_is_written_when_it_can(tmp_path):
    path = tmp_path / "answers.db"
    command = [sys.executable, "-c", LEARNER, str(path)]
    with FailingDisk(pattern="answers.db") as disk, Running(command, 1, ROOT, disk.env) as learner:
        learner.wait_for_line("ready")
        disk.fail(error="ENOSPC")
        learner.wait_for_line("fails")
        disk.heal()
        learner.wait_for_line("well")
        learner.kill()
        assert disk.failed > 0
    learnt = next(int(line.split()[1]) for line in learner.lines if line.startswith("fails"))
    assert {str(number) for number in range(learnt)} <= {number for number, _ in rows(path)}


def test_the_good_file_that_took_a_damaged_ones_place_stays(tmp_path):
    path = tmp_path / "answers.db"
    file.connect(path).close()
    damaged = file.which(path)
    path.rename(tmp_path / "moved")
    file.connect(path).close()
    file.set_aside(path, damaged, "damaged")
    assert path.exists()
    file.set_aside(path, file.which(path), "damaged")
    assert not path.exists()
