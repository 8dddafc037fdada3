"""A run that fails, wherever it does, leaves the old contacts, says why, and does not stop the next one."""

import asyncio
import fcntl
import os
import sqlite3
import threading
from contextlib import closing

import pytest

from lookupd.contact import Shape
from lookupd.errors import IndexDamaged, SourceError, SourceFailed, SourceTimeout, SyncError, SyncRunning
from lookupd.index import database
from tests.fakes import ADA, BOB, Directory, FakeBackend, source_of
from tests.process import lookupd, write_config, write_csv
from tests.sync.ground import ChangingBackend, damage, people, source_with, until

EVE = {"id": "3", "name": "Eve Nguyen", "number": "+33 1 99 00 99 99", "mobile": None}


@pytest.fixture
def directory():
    return Directory(rows=[ADA, BOB])


@pytest.fixture
async def source(ground, directory):
    source = source_of(directory)
    await ground.sync(source)
    return source


class Breaks(FakeBackend):
    """Lists more than a batch, and then fails."""

    error: Exception | None = None

    async def list_all(self):
        for row in people(1500):
            yield row
        if self.error is not None:
            raise self.error


async def still_works(ground, source, directory):
    """Whether the next run does what this one should have done."""
    directory.rows = [ADA, BOB, EVE]
    plan = await ground.sync(source)
    ground.check()
    return plan.added == 1


@pytest.mark.parametrize(
    ("error", "told", "message"),
    [
        (SourceError("the directory went away"), SourceError, "the directory went away"),
        (KeyError("cn"), SourceFailed, "source 'fake' failed in list_all: KeyError: 'cn'"),
    ],
)
async def test_a_pull_that_breaks_off_keeps_the_old_contacts(ground, error, told, message):
    backend = Breaks(Directory())
    source = source_with(backend)
    await ground.sync(source)
    before, backend.error = ground.part(), error
    with pytest.raises(told):
        await ground.sync(source)
    [run, _] = await ground.runs()
    assert (run.outcome, run.error, run.added) == ("failed", message, 0)
    assert ground.part() == before
    assert (await ground.synced()).generation == 1


async def test_a_first_pull_that_breaks_off_leaves_nothing(ground):
    backend = Breaks(Directory())
    backend.error = SourceError("down")
    with pytest.raises(SourceError):
        await ground.sync(source_with(backend))
    synced = await ground.synced()
    assert (ground.part()["contact"], synced.synced_at, synced.generation) == ([], None, 0)
    ground.check()


async def test_a_directory_that_never_answers_is_given_up(ground, directory):
    directory.gate = asyncio.Event()
    source = source_of(directory, sync={"timeout": "30ms"})
    with pytest.raises(SourceTimeout, match="within 30 ms"):
        await ground.sync(source)
    [run] = await ground.runs()
    assert (run.outcome, run.error) == ("failed", "source 'fake' did not reply within 30 ms")
    directory.gate.set()
    assert (await ground.sync(source_of(directory))).added == 2


class SlowShape(Shape):
    """Makes a contact of Eve only when it is told to."""

    def __init__(self, *settings) -> None:
        super().__init__(*settings)
        self.is_wanted, self.may_go = threading.Event(), threading.Event()

    def contact(self, row, uid=None):
        if row["id"] == EVE["id"]:
            self.is_wanted.set()
            self.may_go.wait(10)
        return super().contact(row, uid)


@pytest.fixture
def slow(directory):
    source = source_of(directory, sync={"timeout": "250ms"})
    source.shape = SlowShape(source.settings, source.rules)
    yield source
    source.shape.may_go.set()


async def test_a_run_that_is_given_up_ends_only_when_its_thread_has(ground, source, slow, directory):
    await ground.sync(source)
    directory.rows = [EVE]
    run = asyncio.create_task(ground.sync(slow))
    await until(slow.shape.is_wanted.is_set)
    run.cancel()
    done, _ = await asyncio.wait([run], timeout=0.05)
    assert not done
    slow.shape.may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert ground.names() == [ADA["name"], BOB["name"]]
    assert await still_works(ground, source, directory)


async def test_a_run_that_is_late_is_noted_after_its_thread_is_done(ground, slow, directory):
    directory.rows = [EVE]
    run = asyncio.create_task(ground.sync(slow))
    await until(slow.shape.is_wanted.is_set)
    done, _ = await asyncio.wait([run], timeout=0.5)
    assert not done
    slow.shape.may_go.set()
    with pytest.raises(SourceTimeout):
        await run
    [noted] = await ground.runs()
    assert (noted.outcome, noted.error) == ("failed", "source 'fake' did not reply within 250 ms")
    assert ground.part()["contact"] == []


async def test_a_run_that_is_given_up_does_not_end_a_long_write_first(ground):
    backend = FakeBackend(Directory(rows=people(300)))
    source = source_with(backend)
    await ground.sync(source)
    backend._directory.rows = [*people(300), EVE]
    years = "SELECT count(*) FROM contact a, contact b, contact c, contact d, contact e"
    ground.rows(f"CREATE TRIGGER slow AFTER INSERT ON contact BEGIN {years}; END")
    run = asyncio.create_task(ground.sync(source))
    await until(lambda: is_being_written(ground.paths.index))
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(run, 10)
    assert len(ground.names()) == 300
    ground.check()


def is_being_written(index):
    with closing(sqlite3.connect(index, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


#: how the index may refuse each step of writing
REFUSALS = [
    "BEFORE DELETE ON number",
    "BEFORE DELETE ON contact",
    "BEFORE INSERT ON contact",
    "BEFORE UPDATE ON contact",
    "BEFORE INSERT ON number",
    "BEFORE UPDATE ON source",
]


@pytest.mark.parametrize("moment", REFUSALS)
async def test_a_write_that_fails_halfway_changes_nothing(ground, source, directory, moment):
    before = ground.part()
    directory.rows = [{**ADA, "name": "Ada Dupont"}, EVE]
    ground.rows(f"CREATE TRIGGER refuse {moment} BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(SyncError, match="'fake': the index could not be written: refused"):
        await ground.sync(source)
    assert ground.part() == before
    assert (await ground.runs())[0].outcome == "failed"
    ground.check()
    ground.rows("DROP TRIGGER refuse")
    assert await still_works(ground, source, directory)


async def test_a_failure_that_cannot_be_noted_is_told_all_the_same(ground, source, directory, caplog):
    directory.error = SourceError("the directory is down")
    ground.rows("CREATE TRIGGER refuse BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'no notes'); END")
    with pytest.raises(SourceError, match="the directory is down"):
        await ground.sync(source)
    assert "the index does not take a note: no notes" in caplog.text


async def test_a_success_that_cannot_be_noted_changes_nothing(ground, source, directory):
    before = ground.part()
    directory.rows = [EVE]
    ground.rows("CREATE TRIGGER refuse BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'no notes'); END")
    with pytest.raises(SyncError, match="no notes"):
        await ground.sync(source)
    assert ground.part() == before
    ground.check()


async def test_a_stage_that_is_lost_during_the_pull_changes_nothing(ground, source, directory):
    before = ground.part()
    directory.rows = people(2500)

    def lose(_rows):
        (ground.paths.staging / f"{source.uuid}.db").write_bytes(b"")

    with pytest.raises(SyncError, match="could not be written"):
        await ground.sync(source, progress=lose)
    assert ground.part() == before
    ground.check()
    assert await still_works(ground, source, directory)


async def test_a_place_where_nothing_can_be_staged_is_told(ground, source):
    (ground.paths.staging / f"{source.uuid}.lock").unlink()
    ground.paths.staging.rmdir()
    ground.paths.staging.write_text("a file")
    with pytest.raises(SyncError, match="File exists"):
        await ground.sync(source)


async def test_an_index_that_does_not_take_the_source_is_told(ground, directory):
    ground.rows("CREATE TRIGGER refuse BEFORE INSERT ON source BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(SyncError, match="could not be written: refused"):
        await ground.sync(source_of(directory))
    assert ground.rows("SELECT count(*) FROM run") == [(0,)]


async def test_a_run_that_is_given_up_while_it_begins_leaves_nothing(ground, directory):
    run = asyncio.create_task(ground.sync(source_of(directory)))
    handle = os.open(ground.paths.index.parent, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)  # as one who looks whether the index is usable
    await until(lambda: [*ground.paths.staging.glob("*.lock")])
    run.cancel()
    await asyncio.sleep(0)
    os.close(handle)
    with pytest.raises(asyncio.CancelledError):
        await run
    assert [file.suffix for file in ground.paths.staging.iterdir()] == [".lock"]
    assert directory.asked == []


async def test_an_index_that_somebody_removed_is_made_anew(ground, source):
    ground.paths.index.unlink()
    assert (await ground.sync(source)).added == 2
    ground.check()


async def test_an_index_that_is_replaced_during_a_run_is_filled_by_the_next(ground, source, directory):
    directory.rows = [EVE]

    def replace(_rows):
        ground.paths.index.unlink()
        database.prepare(ground.paths.index)

    with pytest.raises(SyncError, match=r"index\.db: was replaced during the run"):
        await ground.sync(source, progress=replace)
    assert ground.names() == []
    assert (await ground.sync(source)).added == 1


@pytest.mark.parametrize("table", ["contact", "number", "search_data", "run"])
async def test_damage_that_a_run_meets_makes_an_empty_index_that_the_next_run_fills(
    ground, source, directory, caplog, table
):
    directory.rows = [{**ADA, "name": "Ada Dupont", "number": None}, EVE]
    damage(ground, table)
    with pytest.raises(IndexDamaged, match=r"index\.db: was damaged and is made anew"):
        await ground.sync(source)
    assert "everything is pulled again" in caplog.text
    assert ground.paths.index.with_name("index.db.damaged").exists()
    assert (await ground.sync(source)).added == 2
    assert ground.names() == ["Ada Dupont", "Eve Nguyen"]
    ground.check()


async def test_damage_elsewhere_does_not_cost_the_index(ground):
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    await ground.hold(ADA)
    assert not database.replace_if_damaged(ground.paths.index, error)
    assert ground.names() == [ADA["name"]]


@pytest.mark.parametrize(
    "spoil",
    ["DELETE FROM search_data WHERE id = 10", "UPDATE search_data SET block = x'00' WHERE id = 10"],
)
async def test_words_that_do_not_fit_together_are_damage(ground, source, directory, spoil):
    ground.rows(spoil)
    directory.rows = [EVE]
    with pytest.raises(IndexDamaged):
        await ground.sync(source)
    assert (await ground.sync(source)).added == 1
    ground.check()


async def test_an_error_of_another_kind_is_no_sign_of_damage(ground):
    await ground.hold(ADA)
    damage(ground, "contact")
    assert not database.replace_if_damaged(ground.paths.index, sqlite3.OperationalError("locked"))


async def test_an_index_whose_damage_cannot_be_looked_at_now_is_kept(ground, monkeypatch):
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    ground.rows("INSERT INTO search (rowid, terms) VALUES (1, 'unknown to contacts')")
    monkeypatch.setattr(database, "OPENING", 0.01)
    with closing(sqlite3.connect(ground.paths.index, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not database.replace_if_damaged(ground.paths.index, error)
    assert database.replace_if_damaged(ground.paths.index, error)


async def test_a_bug_of_ours_stays_what_it_is_and_is_noted(ground, directory):
    class Buggy(Shape):
        def contact(self, row, uid=None):
            raise ZeroDivisionError("a bug")

    source = source_of(directory)
    source.shape = Buggy(source.settings, source.rules)
    with pytest.raises(ZeroDivisionError):
        await ground.sync(source)
    [run] = await ground.runs()
    assert (run.outcome, run.error) == ("failed", "a bug")


async def test_a_second_run_of_a_source_is_refused_and_not_noted(ground, directory):
    directory.gate = asyncio.Event()
    first = asyncio.create_task(ground.sync(source_of(directory)))
    await until(lambda: directory.asked)
    with pytest.raises(SyncRunning, match="'fake' is being synced by another process"):
        await ground.sync(source_of(directory))
    directory.gate.set()
    assert (await first).added == 2
    assert len(await ground.runs()) == 1


async def test_runs_of_two_sources_do_not_exclude_each_other(ground, directory):
    directory.gate = asyncio.Event()
    first = asyncio.create_task(ground.sync(source_of(directory, name="first", backend="fake")))
    await until(lambda: directory.asked)
    await ground.hold(EVE, name="second")
    directory.gate.set()
    assert (await first).added == 2
    ground.check()


async def test_another_process_cannot_sync_the_same_source_meanwhile(ground, directory, tmp_path):
    write_csv(tmp_path / "staff.csv", [EVE])
    config = write_config(tmp_path, {"name": "staff"})
    directory.gate = asyncio.Event()
    run = asyncio.create_task(ground.sync(source_of(directory, name="staff", backend="fake")))
    await until(lambda: directory.asked)
    other = await asyncio.create_subprocess_exec(*lookupd(config, "sync"), stdout=asyncio.subprocess.PIPE)
    said, _ = await other.communicate()
    assert (other.returncode, b"is being synced by another process" in said) == (3, True)
    directory.gate.set()
    assert (await run).added == 2
    assert ground.names() == [ADA["name"], BOB["name"]]


async def test_the_lock_of_a_dead_process_is_none(ground, source, directory):
    lock = ground.paths.staging / f"{source.uuid}.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(SyncRunning):
            await ground.sync(source)
    assert await still_works(ground, source, directory)


async def test_a_reader_sees_the_old_part_or_the_new_one(ground, source, directory):
    directory.rows = [{**ADA, "name": "Ada Dupont", "number": "+33199007777"}, EVE]
    with closing(sqlite3.connect(ground.paths.index, isolation_level=None)) as reader:
        sql = (
            "SELECT (SELECT generation FROM source), (SELECT group_concat(display) FROM contact ORDER BY id)"
        )
        reader.execute("BEGIN")
        old = reader.execute(sql).fetchone()
        await ground.sync(source)
        assert reader.execute(sql).fetchone() == old
        reader.execute("COMMIT")
        new = reader.execute(sql).fetchone()
    assert old == (1, "Ada Bélanger,Bob Müller")
    assert new == (2, "Ada Dupont,Eve Nguyen")


def breaks_off(first):
    """One thing, and then an error."""
    yield first
    raise ConnectionError("the line is cut")


def tells_nothing():
    raise ConnectionError("the line is cut")


BROKEN = {"rows": lambda: breaks_off(EVE), "gone": lambda: breaks_off("2"), "cursor": lambda: tells_nothing}


@pytest.mark.parametrize("part", BROKEN)
async def test_a_pull_of_changes_that_breaks_off_keeps_the_old_contacts(ground, directory, part):
    class BreaksOff(ChangingBackend):
        async def changes(self, cursor):
            changes = await super().changes(cursor)
            if cursor is not None:
                setattr(changes, part, BROKEN[part]())
            return changes

    backend = BreaksOff(directory)
    source = source_with(backend)
    await ground.sync(source)
    before = ground.part()
    backend.step([EVE], gone=["2"])
    with pytest.raises(SourceFailed, match=r"failed in changes: .*the line is cut"):
        await ground.sync(source)
    assert ground.part() == before
    assert (await ground.synced()).cursor == "0"
