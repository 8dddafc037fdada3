"""The wall clock is set, or the machine sleeps: who plans by time notices."""

from datetime import timedelta

import pytest

from lookupd.sync.clock import Clock


class Time:
    """Three clocks that show the same until they are moved."""

    def __init__(self):
        self.wall, self.passed, self.awake = 1e9, 500.0, 400.0

    def go(self, seconds):
        self.wall, self.passed, self.awake = self.wall + seconds, self.passed + seconds, self.awake + seconds

    def sleep(self, seconds):
        self.wall, self.passed = self.wall + seconds, self.passed + seconds


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def clock(time):
    return Clock(lambda: time.wall, lambda: time.passed, lambda: time.awake)


def test_time_that_passes_is_no_step(time, clock):
    time.go(86_400)
    assert clock.step() is None


@pytest.mark.parametrize("hours", [1, -1, 500_000])
def test_a_clock_that_is_set_makes_one_step(time, clock, hours):
    time.go(0.5)
    time.wall += 3600 * hours
    assert clock.step() == timedelta(hours=hours)
    time.go(0.5)
    assert clock.step() is None


def test_small_corrections_are_a_step_once_they_come_to_one(time, clock):
    for _ in range(3):
        time.wall -= 0.3
        assert clock.step() is None
    time.wall -= 0.3
    assert clock.step() == timedelta(seconds=-1.2)


def test_a_machine_that_slept_was_not_set_but_its_timers_are_late(time, clock):
    time.sleep(3600)
    assert clock.step() == timedelta(0)
    assert clock.step() is None


def test_the_clocks_of_this_machine_go_together():
    assert Clock().step() is None
