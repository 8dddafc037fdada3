"""A sync that is killed at any moment leaves the old part or the new one, and the next one goes on."""

import sys
from contextlib import closing

import pytest

from lookupd.sync.stage import Stage
from tests.document import ROOT
from tests.fakes import Directory, source_of
from tests.faults.disk import FailingDisk
from tests.faults.killing import Running
from tests.scenarios.sync_kills import sync_kills
from tests.sync.ground import Ground, people
from tests.sync.test_stage import END, apply

#: writes people with another name, as a sync does
APPLIER = """
import sys
from contextlib import closing
from pathlib import Path
from tests.sync.ground import Ground, people
from tests.sync.test_stage import apply
print("begins", flush=True)
apply(Ground(Path(sys.argv[1])), [{**row, "name": "New " + row["name"]} for row in people(150, start=50)])
"""
OLD = [row["name"] for row in people(150)]
NEW = sorted("New " + row["name"] for row in people(150, start=50))


def test_kills_leave_one_version_of_a_directory_or_the_other(tmp_path):
    report = sync_kills(tmp_path, times=6, seed=1)
    assert (report.times, report.killed, report.bad) == (6, 6, ())
    assert sum(report.found.values()) == 6


def run(disk, folder):
    with Running([sys.executable, "-c", APPLIER, str(folder)], 1, ROOT, disk.env) as running:
        running.wait(30)
        return running.kill(), running.errors


@pytest.mark.parametrize("how", ["killed", "full", "broken"])
def test_a_write_that_ends_at_any_call_to_the_disk_leaves_the_old_part_or_the_new_one(tmp_path, how):
    seen = []
    for after in range(0, 200, 9):
        ground = Ground(tmp_path / str(after))
        apply(ground, people(150))
        with FailingDisk(pattern="index.db", kinds=["write", "sync"]) as disk:
            match how:
                case "killed":
                    disk.kill(after=after)
                case "full":
                    disk.fail(after=after, error="ENOSPC")
                case "broken":
                    disk.fail(after=after, error="EIO")
            status, errors = run(disk, ground.paths.index.parent)
        ground.check()
        seen.append(ground.names())
        assert seen[-1] in (OLD, NEW), (after, errors)
        if status == 0:
            break
    assert (OLD in seen, seen[-1]) == (True, NEW)


def test_a_stage_that_a_killed_run_left_is_no_hindrance(ground):
    shape = source_of(Directory()).shape
    ground.paths.staging.mkdir()
    (ground.paths.staging / f"{shape.source.uuid}.db").write_bytes(b"half a stage" * 1000)
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        stage.add([shape.checked(row) for row in people(3)])
        stage.apply(stage.plan(), END)
    assert len(ground.names()) == 3
    assert [*ground.paths.staging.iterdir()] == []
