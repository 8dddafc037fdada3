"""The sync process is kept alive, and ends with the one who keeps it."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lookupd.sync.supervisor import Supervisor
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


@asynccontextmanager
async def supervised(config, *command, pause=0.01, grace=20.0):
    """A supervisor of the sync process, or of another command."""
    supervisor = Supervisor(config, pause=pause, grace=grace)
    supervisor._command = command or supervisor._command
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
    pauses = [record.args[1] for record in caplog.records if record.levelno == logging.ERROR]
    assert pauses[:4] == [0.001, 0.002, 0.004, 0.008]


async def test_a_process_that_cannot_be_started_is_tried_again(caplog, config):
    async with supervised(config, "/nonexistent/python") as supervisor:
        await until(lambda: len(said(caplog, "the sync process cannot be started: ")) >= 2)
        supervisor._command = python("raise SystemExit(5)")
        await until(lambda: said(caplog, "ended with code 5"))


async def test_a_process_that_does_not_end_is_killed(caplog, config):
    stubborn = "import time, sys; print('on', file=open(sys.argv[1], 'w')); time.sleep(1000)"
    ready = config.with_name("ready")
    async with supervised(config, *python(stubborn), str(ready), grace=0.05) as supervisor:
        await until(lambda: ready.exists() and supervisor._process)
        process = supervisor._process
    assert process.returncode == -signal.SIGKILL
    assert said(caplog, "did not end within 0 s: killed") == [logging.WARNING]


async def test_what_was_never_started_is_stopped_without_ado(config):
    await Supervisor(config).stop()


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
