"""Hanging, dying, and waiting."""

import asyncio
import contextlib
import itertools
import signal
import subprocess
import sys

import pytest

from tests.faults.signals import eventually, eventually_async, killed, state_of, suspended

ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"


@pytest.fixture
def child():
    command = [sys.executable, "-S", "-c", ECHO]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process, text):
    process.stdin.write(f"{text}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def test_a_suspended_process_stands_still_inside_the_block_and_goes_on_after_it(child):
    assert say(child, "one") == "one"
    with suspended(child.pid):
        assert state_of(child.pid) == "T"
    eventually(lambda: state_of(child.pid) != "T")
    assert say(child, "two") == "two"


def test_a_process_goes_on_after_an_error_in_the_block(child):
    with contextlib.suppress(ZeroDivisionError), suspended(child.pid):
        raise ZeroDivisionError
    eventually(lambda: state_of(child.pid) != "T")
    assert say(child, "still here") == "still here"


def test_a_suspended_process_may_be_killed_in_the_block(child):
    with suspended(child.pid):
        child.kill()
        assert child.wait() == -signal.SIGKILL


class Server:
    def __init__(self):
        self.runs = True

    def start(self):
        self.runs = True

    def kill(self):
        self.runs = False


def test_a_killed_server_is_dead_inside_the_block_and_there_again_after_it():
    server = Server()
    with contextlib.suppress(ZeroDivisionError), killed(server):
        assert not server.runs
        raise ZeroDivisionError
    assert server.runs


def test_a_process_that_ended_has_no_life_in_its_state(child):
    child.kill()
    eventually(lambda: state_of(child.pid) == "Z")
    child.wait()
    assert state_of(child.pid) == ""


def test_eventually_gives_the_first_true_value():
    looks = itertools.count()
    assert eventually(lambda: next(looks) * 2) == 2


def test_eventually_raises_with_the_last_value():
    with pytest.raises(AssertionError, match=r"not within 0\.02 s; the last value was \[\]"):
        eventually(list, within=0.02)


def test_an_assertion_that_fails_does_not_hold_yet():
    looks = itertools.count()

    def third():
        assert next(looks) == 2
        return "the third"

    assert eventually(third) == "the third"


def test_the_last_failed_assertion_is_what_eventually_raises():
    def never():
        raise AssertionError("2 of 3 answered")

    with pytest.raises(AssertionError, match="2 of 3 answered"):
        eventually(never, within=0)


async def test_the_loop_runs_while_eventually_waits():
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, done.set)
    assert await eventually_async(done.is_set)


async def test_the_condition_may_be_async():
    looks = itertools.count()

    async def look():
        await asyncio.sleep(0)
        return next(looks)

    assert await eventually_async(look) == 1


async def test_eventually_raises_in_a_loop_as_well():
    async def never():
        raise AssertionError("not ready")

    with pytest.raises(AssertionError, match="the last value was 0"):
        await eventually_async(lambda: 0, within=0.02)
    with pytest.raises(AssertionError, match="not ready"):
        await eventually_async(never, within=0.02)
