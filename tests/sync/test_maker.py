"""Contacts are the same wherever they are made, and a run ends in order when the process of theirs does."""

import os
import select
import signal
import sys
import threading
from contextlib import closing
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from lookupd.errors import SyncError
from lookupd.plugins import MultiValue
from lookupd.sync import maker
from lookupd.sync.maker import Maker
from lookupd.sync.stage import Stage
from tests.document import ROOT
from tests.fakes import Directory, source_of
from tests.sync.ground import DEADLINE, Ground, people
from tests.sync.test_stage import END

#: pulls many contacts, and stops in the middle of it
PULLER = """
import os
import sys
from pathlib import Path
from lookupd.sync import maker
from lookupd.sync.stage import Stage
from tests.fakes import Directory, source_of
from tests.sync.ground import Ground, people
maker.ALONE = 0
os.sched_getaffinity = lambda _: {0, 1}
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
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


@pytest.fixture
def stage(ground, beside):  # noqa: ARG001 - how it makes contacts
    shape = source_of(Directory()).shape
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        yield stage


def pid(stage):
    """The process that makes contacts of a stage."""
    return stage._maker._beside._process.pid


def part(folder, batches):
    """What an index holds after a pull of everything in some batches, and what was odd."""
    ground = Ground(folder)
    shape = source_of(Directory()).shape
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        for rows in batches:
            stage.add([shape.checked(row) for row in rows])
        is_beside = stage._maker._beside is not None
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


def test_few_contacts_and_a_single_cpu_take_no_process(ground, monkeypatch):
    shape = source_of(Directory()).shape
    monkeypatch.setattr(maker, "ALONE", 100)
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        stage.add(people(100))
        assert stage._maker._beside is None
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
        stage.add(people(100, start=100))
        assert stage._maker._beside is None
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
        stage.add(people(100, start=200))
        assert stage._maker._beside is not None


@pytest.mark.parametrize("how", ["while it works", "before it is given more"])
def test_a_run_whose_process_is_killed_says_so_and_changes_nothing(ground, stage, how):
    def go_on():
        for start in (100, 200, 300):
            stage.add(people(100, start=start))

    stage.add(people(100))
    if how == "before it is given more":
        stage.plan()
    os.kill(pid(stage), signal.SIGKILL)
    with pytest.raises(SyncError, match=r"source 'fake': the process .* ended with code -9; .*pulled again"):
        go_on()
    assert ground.names() == []


def test_a_run_that_waits_for_its_process_can_be_interrupted(stage):
    stage.add(people(100))
    os.kill(pid(stage), signal.SIGSTOP)
    threading.Timer(0.05, stage.interrupt).start()
    with pytest.raises(SyncError):
        stage.plan()


@pytest.mark.usefixtures("beside")
def test_a_run_that_is_interrupted_first_starts_a_process_in_vain():
    def make():
        return ours.make({"1": (1, {"id": "1"})}) or ours.rest()

    ours = Maker(source_of(Directory()).shape, 1)
    ours.interrupt()
    with closing(ours), pytest.raises(SyncError):
        make()


def test_a_process_that_does_not_end_is_killed(stage, monkeypatch):
    monkeypatch.setattr(maker, "GRACE", 0.01)
    stage.add(people(100))
    os.kill(pid(stage), signal.SIGSTOP)
    stage.close()
    assert stage._maker._beside._process.returncode == -signal.SIGKILL


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
