"""Pulls that hang in a library take a source's threads with them: only another process has new ones."""

import asyncio
import logging
import sys
import threading
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from lookupd.sync import schedule as scheduling
from lookupd.sync import stuck
from lookupd.sync.schedule import Schedule
from tests import stranger
from tests.fakes import ADA, BOB, Directory, source_of
from tests.process import RunningProcess, write_config, write_csv
from tests.sync.ground import source_with, until

HANGING = {"sync": {"every": "10ms", "timeout": "20ms"}, "live": {"threads": 2}}


class Hanging:
    """Blocks in each pull for as long as `ends` is not set, as a library does on a half-open connection."""

    def __init__(self):
        self.ends = threading.Event()
        self.pulls = 0

    def load(self, args):
        pass

    def list_all(self):
        self.pulls += 1
        self.ends.wait()
        return [ADA]


@pytest.fixture
def backend():
    backend = Hanging()
    yield backend
    backend.ends.set()


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(stuck, "REPLACE_AFTER", timedelta(0))
    monkeypatch.setattr(scheduling, "RETRY_FIRST", timedelta(milliseconds=10))


@asynccontextmanager
async def scheduled(ground, *sources):
    """A schedule of some sources under way, and how often it wanted to be replaced."""
    wanted = []
    schedule = Schedule(sources, ground.paths, replace=lambda: wanted.append(1))
    await schedule.start()
    try:
        yield wanted
    finally:
        await schedule.stop()
        for source in sources:
            await source.close()


async def test_a_source_without_a_thread_left_wants_another_process_and_says_so(ground, backend, caplog):
    async with scheduled(ground, source_with(backend, **HANGING)) as wanted:
        await until(lambda: wanted)
    assert backend.pulls == 2
    told = [record.levelno for record in caplog.records if "all its threads hang" in record.getMessage()]
    assert told[0] == logging.ERROR


async def test_one_thread_that_is_left_is_enough(ground, backend):
    source = source_with(backend, **HANGING)
    async with scheduled(ground, source) as wanted:
        await until(lambda: source.condition.stuck_threads == 1)
        backend.ends.set()
        await until(lambda: ground.names() == [ADA["name"]])
        assert wanted == []


async def test_runs_of_other_sources_may_end_before(ground, backend):
    directory = Directory(rows=[BOB], gate=asyncio.Event())
    other = source_of(directory, name="other", backend="fake", sync={"every": "1h"})
    stuck_one = source_with(backend, **HANGING)
    async with scheduled(ground, stuck_one, other) as wanted:
        await until(lambda: stuck_one.is_stuck)
        await asyncio.sleep(0.1)
        assert wanted == []
        directory.gate.set()
        await until(lambda: wanted)
        assert ground.names() == [BOB["name"]]


async def test_runs_of_other_sources_are_not_waited_for_without_end(ground, backend, monkeypatch):
    monkeypatch.setattr(stuck, "GRACE", timedelta(milliseconds=50))
    directory = Directory(gate=asyncio.Event())
    busy = {"every": "10ms", "timeout": "50ms"}
    other = source_of(directory, name="other", backend="fake", sync=busy)
    async with scheduled(ground, source_with(backend, **HANGING), other) as wanted:
        await until(lambda: wanted)


async def test_a_process_that_has_just_begun_is_not_replaced_yet(ground, backend, monkeypatch, caplog):
    monkeypatch.setattr(stuck, "REPLACE_AFTER", timedelta(minutes=10))
    async with scheduled(ground, source_with(backend, **HANGING)) as wanted:
        await until(lambda: "all its threads hang" in caplog.text)
        await asyncio.sleep(0.1)
        assert wanted == []
    assert caplog.text.count("all its threads hang") == 1


async def test_a_process_whose_threads_work_again_is_not_replaced(ground, backend, monkeypatch, caplog):
    monkeypatch.setattr(stuck, "REPLACE_AFTER", timedelta(seconds=0.3))
    async with scheduled(ground, source_with(backend, **HANGING)) as wanted:
        await until(lambda: "all its threads hang" in caplog.text)
        backend.ends.set()
        await until(lambda: ground.names() == [ADA["name"]])
        await asyncio.sleep(0.4)
        assert wanted == []


PLUGIN = """
    import threading
    from pathlib import Path

    class Backend:
        def load(self, args):
            self._wait = Path(args["main_config"]["config_dir"]) / "hang"

        def list_all(self):
            if self._wait.exists():
                threading.Event().wait()
            return [{"id": "1", "name": "Ada Bélanger", "number": "+33199001234"}]
"""
#: the sync process, but that it does not wait before it is replaced
AT_ONCE = """
import sys
from datetime import timedelta
from lookupd.sync import process, schedule, stuck
stuck.REPLACE_AFTER = timedelta(0)
schedule.RETRY_FIRST = timedelta(milliseconds=10)
sys.exit(process.main())
"""


def test_the_process_ends_so_that_the_next_one_can_pull(tmp_path):
    site = stranger.install(tmp_path, PLUGIN, hanging="MODULE:Backend")
    write_csv(tmp_path / "other.csv", [BOB])
    config = write_config(tmp_path, {"name": "staff", "backend": "hanging", **HANGING}, {"name": "other"})
    command = (sys.executable, "-c", AT_ONCE, str(config))
    (tmp_path / "hang").touch()
    with RunningProcess(*command, path=[site]) as process:
        process.wait_for("synced source 'other'")
        assert process.wait() == 75
    (tmp_path / "hang").unlink()
    with RunningProcess(*command, path=[site]) as process:
        process.wait_for("synced source 'staff': 1 contacts")
        assert process.stop() == 0
