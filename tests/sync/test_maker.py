"""Contacts are the same wherever they are made, and a run ends in order when the process of theirs does."""

import asyncio
import os
import select
import signal
import sys
import threading
from contextlib import asynccontextmanager, closing
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from lookupd.boundary import BATCH
from lookupd.errors import SourceTimeout, SyncError
from lookupd.plugins import MultiValue
from lookupd.sync import maker
from lookupd.sync.maker import Maker
from lookupd.sync.run import Run
from lookupd.sync.stage import Stage
from tests.document import ROOT
from tests.fakes import Directory, source_of
from tests.sync.ground import DEADLINE, Ground, people, source_with
from tests.sync.test_stage import END

#: pulls many contacts, and stops in the middle of it
PULLER = """
import sys
import threading
from pathlib import Path
from lookupd.sync import maker
from lookupd.sync.stage import Stage
from tests.fakes import Directory, source_of
from tests.sync.ground import Ground, people
maker.ALONE, maker.HELPERS = 0, threading.Semaphore(1)
ground = Ground(Path(sys.argv[1]))
stage = Stage.open(ground.paths.index, ground.paths.staging, source_of(Directory()).shape)
stage.add(people(500))
print("begins", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def beside(monkeypatch):
    """All contacts are made beside the run, also on a machine with one CPU."""
    monkeypatch.setattr(maker, "ALONE", 0)
    monkeypatch.setattr(maker, "HELPERS", threading.Semaphore(1))


@pytest.fixture
def stage(ground, beside):  # noqa: ARG001 - how it makes contacts
    shape = source_of(Directory()).shape
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        yield stage


def pid(stage):
    """The process that makes contacts of a stage."""
    return stage._maker._helper.process.pid


def part(folder, batches):
    """What an index holds after a pull of everything in some batches, and what was odd."""
    ground = Ground(folder)
    shape = source_of(Directory()).shape
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        for rows in batches:
            stage.add([shape.checked(row) for row in rows])
        is_beside = stage._maker._helper is not None
        stage.find_gone()
        stage.apply(stage.plan(), END)
        oddities = stage.oddities()
    ground.check()
    return is_beside, ground.part(), oddities


@pytest.mark.usefixtures("beside")
def test_contacts_made_beside_a_run_are_the_same(tmp_path):
    twin = {**people(1)[0], "name": "Twin"}
    several = {**people(1, start=900)[0], "number": MultiValue(["+33199009001", "+33199009002"])}
    batches = [people(300), [*people(20), twin], [], people(50, start=290), [several], [twin]]
    is_beside, made_beside, odd_beside = part(tmp_path / "beside", batches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maker, "ALONE", 10_000)
        was_beside, made_alone, odd_alone = part(tmp_path / "alone", batches)
    assert (is_beside, was_beside) == (True, False)
    assert made_beside == made_alone
    assert odd_beside == odd_alone != ()
    assert len(made_beside["contact"]) == 342


async def test_changes_taken_in_while_others_are_being_made_come_after_them(ground, stage):
    [first, *others] = people(100)
    stage.update([first, *others])
    stage.update([{**first, "name": "Later"}])
    stage.remove([others[0]["id"]])
    stage.apply(stage.plan(), END)
    assert sorted([*(row["name"] for row in others[1:]), "Later"]) == ground.names()
    ground.check()


def test_what_is_still_being_made_when_all_is_forgotten_is_forgotten(ground, stage):
    stage.add(people(100))
    stage.clear()
    stage.add(people(10, start=50))
    stage.find_gone()
    stage.apply(stage.plan(), END)
    assert ground.names() == sorted(row["name"] for row in people(10, start=50))


@pytest.mark.usefixtures("beside")
def test_few_contacts_take_no_process_and_many_runs_not_more_than_there_are_cpus(ground, monkeypatch):
    shape = source_of(Directory()).shape
    monkeypatch.setattr(maker, "ALONE", 100)
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        stage.add(people(100))
        assert stage._maker._helper is None
        assert maker.HELPERS.acquire(blocking=False)  # another run's
        stage.add(people(100, start=100))
        assert stage._maker._helper is None
        maker.HELPERS.release()
        stage.add(people(100, start=200))
        assert stage._maker._helper is not None
        assert not maker.HELPERS.acquire(blocking=False)
        stage.find_gone()
        stage.apply(stage.plan(), END)
    assert maker.HELPERS.acquire(blocking=False)
    assert len(ground.names()) == 300


def fill(ground, stage, others=0):
    """Pull everything, in two batches, after some others were."""
    stage.add(people(100))
    stage.add(people(100, start=100))
    stage.find_gone()
    stage.apply(stage.plan(), END)
    ground.check()
    assert len(ground.names()) == 200 + others


@pytest.mark.parametrize("how", ["while it has rows", "before it is given more"])
def test_what_a_process_that_is_killed_did_not_make_the_run_makes(ground, stage, caplog, how):
    stage.add(people(50, start=900))
    if how == "before it is given more":
        stage.plan()
    os.kill(pid(stage), signal.SIGKILL)
    fill(ground, stage, others=50)
    told = "source 'fake': no other process helps to make its contacts (code -9, "
    assert [record.message.startswith(told) for record in caplog.records] == [True]


def test_a_run_goes_on_where_no_process_can_be_started(ground, stage, caplog, monkeypatch):
    def refuse(*_args, **_more):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(maker, "Popen", refuse)
    fill(ground, stage)
    assert "(not started, BlockingIOError [Errno 11] Resource temporarily unavailable)" in caplog.text
    assert maker.HELPERS.acquire(blocking=False)


def test_a_row_that_no_other_process_can_be_given_is_made_by_the_run(ground, stage, caplog):
    class Odd(float):
        """Cannot be pickled: nobody else knows this class."""

    stage.add([{**row, "odd": Odd(1.5)} for row in people(3, start=900)])
    fill(ground, stage, others=3)
    assert "no other process helps" in caplog.text


def test_what_is_wrong_with_a_row_is_told_by_the_run(stage):
    """A fault of ours, which the process meets first."""
    row = {"id": "1", "name": object}
    with pytest.raises(TypeError, match="not JSON serializable"):
        stage._maker.make({"1": (1, row)}) or stage._maker.rest()


def test_a_run_that_waits_for_its_process_can_be_interrupted(stage):
    stage.add(people(100))
    stage.plan()
    os.kill(pid(stage), signal.SIGSTOP)
    stage.add(people(100, start=100))
    threading.Timer(0.05, stage.interrupt).start()
    with pytest.raises(SyncError, match="source 'fake': the run is given up"):
        stage.plan()


@pytest.mark.usefixtures("beside")
def test_a_run_that_is_interrupted_first_starts_a_process_in_vain():
    def make():
        return ours.make({"1": (1, {"id": "1"})}) or ours.rest()

    ours = Maker(source_of(Directory()).shape, 1)
    ours.interrupt()
    with closing(ours), pytest.raises(SyncError):
        make()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_signals_to_all_of_us_do_not_end_it(ground, stage, caplog, number):
    stage.add(people(100, start=900))
    stage.plan()  # so that it has begun
    os.kill(pid(stage), number)
    fill(ground, stage, others=100)
    assert caplog.text == ""


@pytest.mark.usefixtures("beside")
def test_no_module_comes_from_the_folder_that_a_command_is_given_in(ground, caplog, tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    shape = source_of(Directory()).shape
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        fill(ground, stage)
    assert caplog.text == ""


def test_a_process_that_does_not_end_is_killed(stage, monkeypatch):
    monkeypatch.setattr(maker, "GRACE", 0.01)
    stage.add(people(100))
    process = stage._maker._helper.process
    process.send_signal(signal.SIGSTOP)
    stage.close()
    assert process.returncode == -signal.SIGKILL


class Halting:
    """A back-end whose directory gives one batch, and the next one when it is told to."""

    def __init__(self):
        self.is_halted, self.goes_on = asyncio.Event(), asyncio.Event()

    def load(self, args):
        pass

    async def search(self, term, args):
        return []

    async def first_match(self, exten, args):
        return None

    async def list_all(self):
        for row in people(BATCH):
            yield row
        self.is_halted.set()
        await self.goes_on.wait()
        for row in people(BATCH, start=BATCH):
            yield row


@asynccontextmanager
async def halted(ground, patience):
    """A run that has pulled one batch, with the process that has some of its rows."""
    backend = Halting()
    source = source_with(backend, unique_column="id", sync={"timeout": patience})
    await source.open()
    run = Run(source, source.settings.sync, ground.paths)
    running = asyncio.create_task(run.run())
    try:
        async with asyncio.timeout(DEADLINE):
            await backend.is_halted.wait()
            yield backend, running, run._stage._maker._helper.process
    finally:
        await source.close()


@pytest.mark.usefixtures("beside")
async def test_the_process_steps_back_as_its_run_does_and_ends_when_that_is_cancelled(ground):
    async with halted(ground, "1h") as (_, running, process):
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert process.returncode is not None


@pytest.mark.usefixtures("beside")
async def test_a_process_that_stands_still_does_not_hold_up_a_run_beyond_its_time(ground):
    async with halted(ground, "1s") as (backend, running, process):
        process.send_signal(signal.SIGSTOP)
        backend.goes_on.set()
        with pytest.raises(SourceTimeout):
            await running
        assert process.returncode == -signal.SIGKILL
    assert [run.outcome for run in await ground.runs()] == ["failed"]


def test_the_process_ends_with_a_run_that_is_killed(tmp_path):
    command = [sys.executable, "-c", PULLER, str(tmp_path)]
    with Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE) as run:
        assert run.stdout.readline() == b"begins\n"
        [child] = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        end = os.pidfd_open(int(child))
        run.kill()
    try:
        assert select.select([end], [], [], DEADLINE)[0] == [end]
    finally:
        os.close(end)
