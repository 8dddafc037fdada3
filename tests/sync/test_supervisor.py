"""A process is kept alive, and ends with the one who keeps it."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lookupd.supervisor import Kept, Supervisor
from tests.fakes import ADA, BOB
from tests.process import write_config, write_csv
from tests.sync.ground import until


@pytest.fixture
def config(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA, BOB])
    return write_config(tmp_path, {"name": "staff"})


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog):
    caplog.set_level(logging.DEBUG, "lookupd")


def sync(config, *command, is_telling=False):
    own = (sys.executable, "-m", "lookupd.sync.process", str(config))
    return Kept(name="the sync process", command=command or own, is_telling=is_telling)


@asynccontextmanager
async def supervised(config, *command, is_telling=False, pause=0.01, grace=20.0, silence=60.0):
    """A supervisor of the sync process, or of another command."""
    supervisor = Supervisor(
        sync(config, *command, is_telling=is_telling), pause=pause, grace=grace, silence=silence
    )
    supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.stop()


def python(text):
    return sys.executable, "-S", "-c", text


def said(caplog, text):
    return [record.levelno for record in caplog.records if text in record.getMessage()]


async def test_it_starts_the_sync_process_and_ends_it(config, ground):
    async with supervised(config) as supervisor:
        await until(ground.names)
        process = supervisor._process
    assert process.returncode == 0
    assert ground.names() == [ADA["name"], BOB["name"]]


async def test_it_starts_a_killed_process_again(config, ground, caplog):
    async with supervised(config) as supervisor:
        await until(ground.names)
        killed = supervisor._process
        write_csv(config.with_name("staff.csv"), [ADA])
        os.kill(killed.pid, signal.SIGKILL)
        await until(lambda: ground.names() == [ADA["name"]])
        assert supervisor._process.pid != killed.pid
    assert said(caplog, "the sync process ended with code -9; started again in 0 s") == [logging.ERROR]


async def test_a_process_that_was_told_to_end_is_no_error(caplog, config):
    async with supervised(config, *python("")):
        await until(lambda: said(caplog, "ended with code 0"))
    assert set(said(caplog, "the sync process ended")) == {logging.INFO}


async def test_it_waits_longer_each_time(caplog, config):
    async with supervised(config, *python("raise SystemExit(3)"), pause=0.001):
        await until(lambda: len(said(caplog, "ended with code 3")) >= 4)
    pauses = [record.args[2] for record in caplog.records if record.levelno == logging.ERROR]
    assert pauses[:4] == [0.001, 0.002, 0.004, 0.008]


async def test_a_process_that_cannot_be_started_is_tried_again(caplog, config):
    async with supervised(config, "/nonexistent/python") as supervisor:
        await until(lambda: len(said(caplog, "the sync process cannot be started: ")) >= 2)
        supervisor._kept = sync(config, *python("raise SystemExit(5)"))
        await until(lambda: said(caplog, "ended with code 5"))


async def test_a_process_that_does_not_end_is_killed(caplog, config):
    stubborn = "import time, sys; print('on', file=open(sys.argv[1], 'w')); time.sleep(1000)"
    ready = config.with_name("ready")
    async with supervised(config, *python(stubborn), str(ready), grace=0.05) as supervisor:
        await until(lambda: ready.exists() and supervisor._process)
        process = supervisor._process
    assert process.returncode == -signal.SIGKILL
    assert said(caplog, "did not end within 0.05 s: killed") == [logging.WARNING]


async def test_what_was_never_started_is_stopped_without_ado(config):
    await Supervisor(sync(config)).stop()


@pytest.mark.parametrize("steps", range(4))
async def test_it_may_be_stopped_while_it_starts(config, steps):
    async with supervised(config):
        for _ in range(steps):
            await asyncio.sleep(0)
    assert children() == []


def children():
    """The processes that this one has started and that have not ended."""
    tasks = Path("/proc/self/task").iterdir()
    return [pid for task in tasks for pid in (task / "children").read_text().split()]


async def test_it_may_be_stopped_while_it_waits(config, caplog):
    async with supervised(config, *python("raise SystemExit(1)"), pause=1000):
        await until(lambda: said(caplog, "started again in 1000 s"))


async def test_one_that_tells_is_ready_when_it_says_so(config):
    async with supervised(config, *python("print(flush=True); input()"), is_telling=True) as supervisor:
        await supervisor.ready.wait()


async def test_one_that_falls_silent_is_killed_and_started_again(config, caplog):
    stuck = "import time; print(flush=True); time.sleep(1000)"
    async with supervised(config, *python(stuck), is_telling=True, silence=0.5, grace=0.1) as supervisor:
        await supervisor.ready.wait()
        first = supervisor._process.pid
        await until(lambda: supervisor._process.pid != first)
    assert logging.ERROR in said(caplog, "gave no sign of life for 0 s: killed")


async def test_a_process_that_writes_lines_without_end_is_kept_alive_all_the_same(config, caplog):
    noisy = python("import sys; sys.stdout.write('x' * 300_000); sys.stdout.flush()")
    async with supervised(config, *noisy, is_telling=True):
        await until(lambda: len(said(caplog, "ended with code 0")) >= 2)
