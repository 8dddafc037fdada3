"""An index that was lost, in whatever way, is filled again by the sync process."""

import asyncio
from datetime import timedelta

import pytest

from lookupd.index import database
from lookupd.sync import schedule as scheduling
from lookupd.sync.schedule import Schedule
from tests.fakes import ADA, BOB, Directory, FakeBackend, source_of
from tests.process import RunningProcess, sync_process, write_config, write_csv
from tests.sync.ground import source_with, until


@pytest.fixture
def config(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA, BOB])
    return write_config(tmp_path, {"name": "staff", "sync": {"every": "1h"}})


def test_an_index_that_an_operator_deletes_is_made_anew_and_filled(ground, config):
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source 'staff': 2 contacts, 2 added")
        ground.paths.index.unlink()
        process.wait_for("was made anew: every source is pulled again")
        process.wait_for("synced source 'staff': 2 contacts, 2 added", times=2)
        assert process.stop() == 0
        process.wait_for_end_of_log()
        assert "Traceback" not in process.log
    ground.check()
    assert ground.names() == [ADA["name"], BOB["name"]]


def test_damage_that_no_run_would_meet_is_found_at_the_start(ground, config):
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source")
        assert process.stop() == 0
    ground.rows("DELETE FROM number WHERE contact_id = 1")
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("the numbers are not those of the contacts")
        process.wait_for("synced source 'staff': 2 contacts, 2 added")
    ground.check()


def test_a_damaged_index_does_not_keep_the_process_from_starting(ground, config):
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source")
    content = bytearray(ground.paths.index.read_bytes())
    content[4096:] = b"damaged!" * (len(content[4096:]) // 8)
    ground.paths.index.write_bytes(content)
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("everything is pulled again")
        process.wait_for("synced source 'staff': 2 contacts, 2 added")
        assert process.stop() == 0


@pytest.mark.parametrize("is_prepared", [True, False])
def test_an_index_that_was_lost_is_filled_at_once_though_its_sources_are_not_due(ground, config, is_prepared):
    later = {"every": "1h", "at_start": False}
    write_config(config.parent, {"name": "staff", "sync": later})
    ground.paths.index.write_bytes(b"Dear Ada, " * 1000)
    if is_prepared:  # as the serving process does, which begins first
        database.prepare(ground.paths.index)
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source 'staff': 2 contacts")


async def test_runs_under_way_are_lost_with_the_index_and_begun_anew(ground):
    directory = Directory(rows=[ADA], gate=asyncio.Event())
    source = source_of(directory, sync={"every": "1h"})
    schedule = Schedule([source], ground.paths)
    await schedule.start()
    await until(lambda: directory.asked)
    schedule.refill()
    directory.gate.set()
    await until(lambda: ground.names() == [ADA["name"]])
    assert len(directory.asked) == 2
    await schedule.stop()
    await source.close()


class Slow(FakeBackend):
    """Takes its time to end a pull that is broken off."""

    def __init__(self, directory, ends):
        super().__init__(directory)
        self._ends = ends

    async def list_all(self):
        try:
            async for row in super().list_all():
                yield row
        finally:
            await self._ends.wait()


async def test_a_run_that_takes_long_to_end_is_begun_anew_when_it_has(ground, caplog, monkeypatch):
    monkeypatch.setattr(scheduling, "REFILL", timedelta(milliseconds=20))
    directory, ends = Directory(rows=[ADA], gate=asyncio.Event()), asyncio.Event()
    source = source_with(Slow(directory, ends), sync={"cron": "0 0 1 1 *"})
    schedule = Schedule([source], ground.paths)
    await schedule.start()
    await until(lambda: directory.asked)
    schedule.refill()
    directory.gate.set()
    await asyncio.sleep(0.1)
    ends.set()
    await until(lambda: ground.names() == [ADA["name"]])
    assert "maximum number of running instances" not in caplog.text
    await schedule.stop()
    await source.close()


async def test_a_schedule_that_ends_begins_nothing_anew(ground, caplog):
    directory = Directory(rows=[ADA], gate=asyncio.Event())
    source = source_of(directory)
    schedule = Schedule([source], ground.paths)
    await schedule.start()
    await until(lambda: directory.asked)
    schedule.refill()
    await schedule.stop()
    assert [record for record in caplog.records if record.exc_info] == []
    await source.close()


async def test_a_schedule_that_never_began_can_be_stopped(ground):
    await Schedule([source_of(Directory())], ground.paths).stop()
