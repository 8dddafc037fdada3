"""What pulls and writes runs only while nobody else wants the processor; who answers does not."""

import os
import threading

from lookupd.sync.behind import step_back
from tests.process import RunningDaemon, write_config, write_csv
from tests.sync.ground import until


def in_a_thread(function):
    """What a function gives in a thread of its own."""
    given = []
    thread = threading.Thread(target=lambda: given.append(function()))
    thread.start()
    thread.join()
    return given[0]


def policy(pid=0):
    return os.sched_getscheduler(pid)


def test_a_thread_steps_back_with_those_that_it_starts_and_no_other():
    before = policy()

    def stepped_back():
        step_back()
        return policy(), in_a_thread(policy)

    assert in_a_thread(stepped_back) == (os.SCHED_IDLE, os.SCHED_IDLE)
    assert policy() == before != os.SCHED_IDLE


def test_who_may_not_goes_on_as_before(monkeypatch, caplog):
    def forbidden(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", forbidden)
    caplog.set_level("INFO")
    step_back()
    assert "it cannot step back" in caplog.text


def test_elsewhere_a_thread_is_nice(monkeypatch):
    monkeypatch.setattr("sys.platform", "another")

    def nice():
        step_back()
        step_back()
        return os.getpriority(os.PRIO_PROCESS, 0), policy()

    niceness, kept = in_a_thread(nice)
    assert niceness >= 10
    assert kept != os.SCHED_IDLE


async def test_the_sync_process_steps_back_and_the_daemon_does_not(tmp_path):
    write_csv(tmp_path / "staff.csv", [])
    with RunningDaemon(write_config(tmp_path, {"name": "staff"})) as daemon:
        await until(lambda: [policy(pid) for pid in daemon.children] == [os.SCHED_IDLE])
        assert policy(daemon.pid) != os.SCHED_IDLE
