"""When sources are pulled, what is tried again, and what is said about it."""

import asyncio
import logging
import re
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.schedulers import base

from lookupd.errors import SourceError
from lookupd.source import Source
from lookupd.sync import schedule as scheduling
from lookupd.sync.clock import Clock
from lookupd.sync.run import Run
from lookupd.sync.schedule import Schedule, pause
from tests.fakes import ADA, BOB, Directory, source_of
from tests.sync.ground import damage, people, until

SOON, LATER = "10ms", "1h"


@asynccontextmanager
async def scheduled(ground, *sources, clock=None):
    """A schedule of some sources, under way."""
    schedule = Schedule(sources, ground.paths, clock)
    await schedule.start()
    try:
        yield schedule
    finally:
        await schedule.stop()
        for source in sources:
            await source.close()


def next_run(schedule, source):
    """The span from now to the next run of a source."""
    return schedule._scheduler.get_job(source.uuid).next_run_time - datetime.now(UTC)


def said(caplog, pattern):
    """How often the log says something, and on which levels."""
    records = [record for record in caplog.records if re.search(pattern, record.getMessage())]
    return len(records), {record.levelno for record in records}


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="apscheduler")  # a test before may have made it quiet


@pytest.fixture
def directory():
    return Directory(rows=[ADA, BOB])


async def test_a_source_is_pulled_at_the_start(ground, directory, caplog):
    source = source_of(directory, sync={"every": LATER})
    async with scheduled(ground, source) as schedule:
        await until(
            lambda: said(caplog, "synced source 'fake': 2 contacts, 2 added, 0 changed, 0 removed")[0]
        )
        assert timedelta(minutes=50) < next_run(schedule, source) <= timedelta(hours=1)
    assert ground.names() == [ADA["name"], BOB["name"]]


async def test_a_source_may_wait_for_its_first_interval(ground, directory):
    source = source_of(directory, sync={"every": LATER, "at_start": False})
    async with scheduled(ground, source) as schedule:
        assert timedelta(minutes=50) < next_run(schedule, source) <= timedelta(hours=1)
    assert directory.asked == []


async def test_a_source_is_pulled_again_and_again(ground, directory):
    async with scheduled(ground, source_of(directory, sync={"every": SOON})):
        await until(lambda: len(directory.asked) >= 3)
        directory.rows = [ADA]
        await until(lambda: ground.names() == [ADA["name"]])


async def test_a_source_that_is_only_asked_live_is_never_pulled(ground, directory):
    live = source_of(directory, sync=False)
    async with scheduled(ground, live) as schedule:
        assert schedule._scheduler.get_jobs() == []


async def test_a_source_that_was_there_before_goes_on_and_a_new_one_is_pulled(ground, directory):
    source = source_of(directory, sync={"every": LATER})
    eve = {**BOB, "id": "3", "name": "Eve Nguyen"}
    other = source_of(Directory(rows=[eve]), name="other", backend="fake", sync={"every": LATER})
    async with scheduled(ground, source) as schedule:
        await until(lambda: ground.names() == [ADA["name"], BOB["name"]])
        before = schedule._scheduler.get_job(source.uuid)
        await schedule.follow([source, other])
        await until(lambda: len(ground.names()) == 3)
        assert schedule._scheduler.get_job(source.uuid) is before
        assert len(directory.asked) == 1
    await other.close()


async def test_the_run_of_a_source_that_has_changed_is_broken_off(ground, directory, caplog):
    directory.gate = asyncio.Event()
    former, new = source_of(directory, sync={"every": LATER}), source_of(Directory(rows=[BOB]))
    async with scheduled(ground, former) as schedule:
        await until(lambda: directory.asked)
        await schedule.follow([new])
        await until(lambda: ground.names() == [BOB["name"]])
        assert said(caplog, "sync of source 'fake' is broken off")[0] == 1
    await new.close()


async def test_a_source_that_is_taken_out_is_pulled_no_more(ground, directory):
    async with scheduled(ground, source_of(directory, sync={"every": SOON})) as schedule:
        await until(lambda: len(ground.names()) == 2)
        await schedule.follow([])
        assert schedule._scheduler.get_jobs() == []
    assert ground.names() == [ADA["name"], BOB["name"]]


WAITING = {"cron": "0 0 1 1 *", "at_start": False}


async def test_what_was_pulled_under_other_settings_is_pulled_again_at_the_start(ground, directory):
    await ground.sync(source_of(Directory(rows=[BOB]), config={"base": "elsewhere"}))
    async with scheduled(ground, source_of(directory, sync=WAITING)):
        await until(lambda: ground.names() == [ADA["name"], BOB["name"]])


async def test_a_source_that_has_changed_is_pulled_at_once(ground, directory):
    former = source_of(Directory(rows=[BOB]), config={"base": "elsewhere"}, sync=WAITING)
    await ground.sync(former)
    new = source_of(directory, sync=WAITING)
    async with scheduled(ground, former) as schedule:
        await schedule.follow([new])
        await until(lambda: ground.names() == [ADA["name"], BOB["name"]])
    await new.close()


@pytest.mark.parametrize("more", [{}, {"config": {"password": "other"}}, {"live": False}])
async def test_what_was_pulled_from_the_same_directory_waits_for_its_time(ground, directory, more):
    await ground.sync(source_of(directory, config={"password": "secret"}))
    directory.asked.clear()
    source = source_of(directory, **{"config": {"password": "secret"}, "sync": WAITING, **more})
    async with scheduled(ground, source) as schedule:
        assert next_run(schedule, source) > timedelta(minutes=1)
    assert directory.asked == []


@pytest.mark.parametrize(("minutes_ago", "left"), [(0, 60), (20, 40), (-300, 60)])
async def test_an_interval_goes_on_from_the_last_good_run_of_another_process(
    ground, directory, minutes_ago, left
):
    source = source_of(directory, sync={"every": "1h", "at_start": False})
    await ground.sync(source)
    ground.rows("UPDATE source SET synced_at = synced_at - 60 * ?", minutes_ago)
    async with scheduled(ground, source) as schedule:
        assert timedelta(minutes=left - 1) < next_run(schedule, source) <= timedelta(minutes=left)
    assert len(directory.asked) == 1


async def test_an_interval_that_ended_before_the_start_is_over(ground, directory):
    source = source_of(directory, sync={"every": "1h", "at_start": False})
    await ground.sync(source)
    ground.rows("UPDATE source SET synced_at = synced_at - 7200")
    async with scheduled(ground, source):
        await until(lambda: len(directory.asked) == 2)


async def test_an_index_that_cannot_be_read_keeps_no_schedule_from_beginning(ground, directory, caplog):
    ground.paths.index.write_bytes(b"no index")
    async with scheduled(ground, source_of(directory)):
        await until(lambda: said(caplog, "synced source 'fake': 2 contacts")[0])


async def test_cron_says_when(ground, directory):
    source = source_of(directory, sync={"cron": "30 3 * * *", "at_start": False})
    async with scheduled(ground, source) as schedule:
        at = schedule._scheduler.get_job(source.uuid).next_run_time
    assert (at.hour, at.minute, at.second) == (3, 30, 0)
    assert directory.asked == []


async def test_cron_does_not_keep_a_source_from_being_pulled_at_the_start(ground, directory):
    async with scheduled(ground, source_of(directory, sync={"cron": "30 3 * * *"})):
        await until(lambda: directory.asked)


@pytest.mark.parametrize("when", [{"every": LATER}, {"cron": "0 * * * *"}])
async def test_jitter_puts_a_run_off_by_no_more_than_itself(ground, directory, when):
    exact = source_of(directory, sync={**when, "at_start": False})
    source = source_of(
        directory, sync={**when, "at_start": False, "jitter": "10m"}, name="late", backend="fake"
    )
    async with scheduled(ground, exact, source) as schedule:
        spread = next_run(schedule, source) - next_run(schedule, exact)
        assert schedule._scheduler.get_job(source.uuid).trigger.jitter == 600
    assert -timedelta(seconds=1) < spread < timedelta(minutes=10, seconds=1)


async def test_jitter_is_no_reason_not_to_run(ground, directory):
    async with scheduled(ground, source_of(directory, sync={"every": SOON, "jitter": "5ms"})):
        await until(lambda: len(directory.asked) >= 3)


class Counting(Directory):
    """Notes how many questions it is asked at once."""

    at_once = most = 0

    async def answer(self, method, argument):
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await super().answer(method, argument)
        self.at_once -= 1


async def test_a_source_is_never_pulled_twice_at_once(ground, caplog):
    directory = Counting(rows=[ADA], gate=asyncio.Event())
    async with scheduled(ground, source_of(directory, sync={"every": SOON})):
        await until(
            lambda: directory.asked and said(caplog, "skipped: maximum number of running instances")[0] >= 2
        )
        assert len(directory.asked) == 1
        directory.gate.set()
        await until(lambda: len(directory.asked) >= 3)
    assert directory.most == 1


async def test_a_slow_source_does_not_keep_others_waiting(ground, directory):
    slow = source_of(Directory(gate=asyncio.Event()), name="slow", backend="fake")
    async with scheduled(ground, slow, source_of(directory)):
        await until(lambda: ground.names() == [ADA["name"], BOB["name"]])


async def test_a_failing_source_is_told_once_and_once_more_when_it_recovers(ground, directory, caplog):
    directory.error = SourceError("the directory is down")
    async with scheduled(ground, source_of(directory, sync={"every": SOON})):
        await until(lambda: len(directory.asked) >= 4)
        directory.error = None
        await until(lambda: said(caplog, "succeeds again")[0])
        known = len(directory.asked)
        await until(lambda: len(directory.asked) >= known + 3)
    pattern = "sync of source 'fake' failed, the old contacts stay: the directory is down"
    loud = [r for r in caplog.records if re.search(pattern, r.getMessage()) and r.levelno >= logging.INFO]
    assert [record.levelno for record in loud] == [logging.ERROR]
    assert said(caplog, "sync of source 'fake' succeeds again") == (1, {logging.WARNING})


async def test_a_failing_source_is_tried_again_sooner_than_scheduled(ground, directory, caplog):
    directory.error = SourceError("down")
    source = source_of(directory, sync={"every": LATER})
    async with scheduled(ground, source) as schedule:
        await until(lambda: said(caplog, "failed, the old contacts stay")[0])
        assert next_run(schedule, source) <= timedelta(seconds=15)


async def test_a_run_that_is_due_anyway_is_not_put_off_by_a_failure(ground, directory):
    source = source_of(directory, sync={"every": LATER, "at_start": False})
    async with scheduled(ground, source) as schedule:
        job, soon = schedule._scheduler.get_job(source.uuid), datetime.now(UTC) + timedelta(seconds=14)
        job.modify(next_run_time=soon)
        schedule._failed(source, source.settings.sync, SourceError("down"))
        assert job.next_run_time == soon


@pytest.mark.parametrize(
    ("failures", "every", "seconds"),
    [
        (1, timedelta(hours=24), 15),
        (2, timedelta(hours=24), 30),
        (5, timedelta(hours=24), 240),
        (9, timedelta(hours=24), 3600),
        (1000, timedelta(hours=24), 3600),
        (1, timedelta(seconds=5), 5),
        (7, timedelta(minutes=15), 900),
        (1, None, 15),
        (1000, None, 3600),
    ],
)
def test_the_pause_after_failures_doubles_up_to_the_interval_or_an_hour(failures, every, seconds):
    assert pause(failures, every).total_seconds() == seconds


async def test_a_source_that_does_not_load_is_told_and_loaded_again(ground, directory, caplog):
    directory.load_error = SourceError("no route to host")
    async with scheduled(ground, source_of(directory, sync={"every": SOON})):
        await until(
            lambda: said(caplog, "failed, the old contacts stay: source 'fake' does not load")[0] >= 2
        )
        directory.load_error = None
        await until(lambda: said(caplog, "synced source 'fake'")[0])
    assert said(caplog, "no route to host")[1] == {logging.ERROR, logging.DEBUG}


async def test_a_source_that_never_loads_does_not_stay_in_the_way(ground, directory, caplog):
    class Hanging(Source):
        async def open(self):
            await asyncio.Event().wait()

    plain = source_of(directory, sync={"every": SOON, "timeout": "20ms"})
    source = Hanging(plain.settings, plain.shape, plain._loader, {})
    async with scheduled(ground, source):
        await until(lambda: said(caplog, "'fake' did not reply within 20 ms")[0] >= 2)


async def test_a_held_run_is_told_each_time(ground, directory, caplog):
    directory.rows = people(60)
    source = source_of(directory, sync={"every": SOON})
    await ground.sync(source)
    directory.rows = []
    async with scheduled(ground, source):
        await until(lambda: said(caplog, "would lose 60 of its 60 contacts")[0] >= 2)
    assert said(caplog, "would lose")[1] == {logging.ERROR}
    assert said(caplog, "failed, the old contacts stay")[0] == 0
    assert len(ground.names()) == 60


async def test_that_nothing_has_changed_is_told_once(ground, directory, caplog):
    caplog.set_level(logging.DEBUG)
    directory.rows = people(2)
    source = source_of(directory, sync={"every": SOON})
    async with scheduled(ground, source):
        await until(lambda: said(caplog, "2 contacts, 0 added, 0 changed, 0 removed")[0] >= 2)
        directory.rows = people(3)
        await until(lambda: said(caplog, "3 contacts, 1 added")[0])
    assert said(caplog, "2 contacts, 2 added")[1] == {logging.INFO}
    assert said(caplog, "2 contacts, 0 added")[1] == {logging.DEBUG}
    assert said(caplog, "3 contacts, 1 added")[1] == {logging.INFO}


async def test_that_nobody_is_left_is_a_warning(ground, directory, caplog):
    directory.rows = people(2)
    source = source_of(directory, sync={"every": SOON})
    await ground.sync(source)
    directory.rows = []
    async with scheduled(ground, source):
        await until(lambda: said(caplog, "0 contacts, 0 added, 0 changed, 2 removed")[0])
    assert said(caplog, "2 removed")[1] == {logging.WARNING}


async def test_a_damaged_index_is_filled_again_by_every_source(ground, directory, caplog):
    one = source_of(Directory(rows=people(1)), name="one", backend="fake", sync={"every": LATER})
    other = source_of(directory, name="other", backend="fake", sync={"every": LATER, "at_start": False})
    for source in (one, other):
        await ground.sync(source)
    damage(ground, "contact")
    async with scheduled(ground, one, other):
        await until(lambda: said(caplog, "synced source")[0] == 2)
    assert said(caplog, "was damaged and is made anew") == (1, {logging.ERROR})
    assert len(ground.names()) == 3
    ground.check()


async def test_a_source_that_another_process_pulls_has_not_failed(ground, directory, caplog):
    directory.gate = asyncio.Event()
    other = source_of(directory)
    await other.open()
    elsewhere = asyncio.create_task(Run(other, other.settings.sync, ground.paths).run())
    await until(lambda: directory.asked)
    async with scheduled(ground, source_of(directory, sync={"every": SOON})):
        await until(lambda: said(caplog, "is being synced by another process")[0] >= 2)
        directory.gate.set()
        await elsewhere
        await until(lambda: said(caplog, "synced source 'fake': 2 contacts")[0])
    assert {record.levelno for record in caplog.records if record.name.startswith("lookupd")} <= {
        logging.INFO,
        logging.DEBUG,
    }
    await other.close()


async def test_a_bug_is_told_with_its_traceback_and_the_source_tried_again(ground, directory, caplog):
    class Buggy(Source):
        async def open(self):
            raise ZeroDivisionError("a bug")

    plain = source_of(directory, sync={"every": SOON})
    source = Buggy(plain.settings, plain.shape, plain._loader, {})
    async with scheduled(ground, source):
        await until(lambda: said(caplog, "failed, the old contacts stay: a bug")[0] >= 2)
    assert any(record.exc_info for record in caplog.records)


async def test_stopping_breaks_off_what_is_under_way(ground, directory, caplog):
    directory.gate = asyncio.Event()
    async with scheduled(ground, source_of(directory)):
        await until(lambda: directory.asked)
    assert said(caplog, "sync of source 'fake' is broken off") == (1, {logging.INFO})
    assert [file.suffix for file in ground.paths.staging.iterdir()] == [".lock"]
    assert [record for record in caplog.records if record.exc_info] == []
    assert ground.names() == []


class Wall:
    """A wall clock that can be set, and what looks at it."""

    def __init__(self, monkeypatch):
        self.ahead = ahead = [timedelta(0)]
        self.clock = Clock(lambda: time.time() + ahead[0].total_seconds())

        class Shifted(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime.now(tz) + ahead[0]

        for module in (base, scheduling):
            monkeypatch.setattr(module, "datetime", Shifted)
        monkeypatch.setattr(scheduling, "WATCH_EVERY", timedelta(milliseconds=5))

    def set(self, **span):
        self.ahead[0] += timedelta(**span)

    def left(self, schedule, source):
        """The span to the next run of a source."""
        return next_run(schedule, source) - self.ahead[0]


@pytest.fixture
def wall(monkeypatch):
    return Wall(monkeypatch)


@pytest.mark.parametrize("span", [{"hours": -1}, {"hours": 1}, {"days": 20_000}])
async def test_a_source_is_pulled_as_often_after_the_clock_was_set(ground, directory, wall, span, caplog):
    async with scheduled(ground, source_of(directory, sync={"every": SOON}), clock=wall.clock):
        await until(lambda: len(directory.asked) >= 2)
        wall.set(**span)
        known = len(directory.asked)
        await until(lambda: len(directory.asked) >= known + 5)
    assert said(caplog, "the clock was set by") == (1, {logging.WARNING})


@pytest.mark.parametrize("hours", [-1, 1])
async def test_an_interval_lasts_as_long_when_the_clock_is_set(ground, directory, wall, hours, caplog):
    source = source_of(directory, sync={"every": "10m", "at_start": False})
    async with scheduled(ground, source, clock=wall.clock) as schedule:
        await until(lambda: said(caplog, "Next wakeup is due")[0])
        wall.set(hours=hours)
        await until(lambda: said(caplog, "the clock was set by")[0])
        assert timedelta(minutes=9) < wall.left(schedule, source) <= timedelta(minutes=10)
    assert directory.asked == []


async def test_a_time_of_day_that_a_clock_set_forward_has_passed_over_is_made_up_for_once(
    ground, directory, wall, caplog
):
    source = source_of(directory, sync={"cron": "0 0 1 * *", "at_start": False})
    async with scheduled(ground, source, clock=wall.clock) as schedule:
        wall.set(days=20_000)
        await until(lambda: said(caplog, "synced source")[0])
        assert wall.left(schedule, source) <= timedelta(days=31)
    assert len(directory.asked) == 1


async def test_times_of_day_follow_a_clock_that_is_set_back(ground, directory, wall, caplog):
    source = source_of(directory, sync={"cron": "* * * * *", "at_start": False})
    async with scheduled(ground, source, clock=wall.clock) as schedule:
        wall.set(hours=-1)
        await until(lambda: said(caplog, "the clock was set by")[0])
        assert wall.left(schedule, source) <= timedelta(minutes=1)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_does_not_put_off_what_is_tried_again(
    ground, directory, wall, caplog, hours
):
    directory.error = SourceError("down")
    source = source_of(directory, sync={"cron": "0 0 1 1 *"})
    async with scheduled(ground, source, clock=wall.clock) as schedule:
        await until(lambda: said(caplog, "executed successfully")[0])
        wall.set(hours=hours)
        await until(lambda: said(caplog, "the clock was set by")[0])
        assert wall.left(schedule, source) <= timedelta(seconds=15)


async def test_a_machine_that_slept_pulls_at_once_what_is_overdue(ground, directory, wall, caplog):
    slept = [0.0]
    clock = Clock(lambda: time.time() + slept[0], lambda: time.monotonic() + slept[0], time.monotonic)
    source = source_of(directory, sync={"every": LATER, "at_start": False})
    async with scheduled(ground, source, clock=clock):
        wall.set(hours=2)
        slept[0] = 7200
        await until(lambda: said(caplog, "synced source")[0])
    assert said(caplog, "the clock was set")[0] == 0
