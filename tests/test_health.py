"""The breaker and the adapted timeout, on a clock that is only a number."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.health import Breaker, Health

LONGEST = timedelta(milliseconds=400)


def health(chance=0.0):
    return Health(LONGEST, lambda: chance)


def open_breaker(one, now=0.0):
    for _ in range(3):
        one.failed(now)


def test_three_failures_in_a_row_open_the_breaker():
    one = health()
    states = []
    for _ in range(3):
        one.failed(0.0)
        states.append(one.breaker)
    assert states == [Breaker.CLOSED, Breaker.CLOSED, Breaker.OPEN]


def test_an_answer_in_between_begins_the_count_anew():
    one = health()
    one.failed(0), one.failed(0)
    one.answered(0.01)
    one.failed(0), one.failed(0)
    assert one.breaker is Breaker.CLOSED


def test_an_open_breaker_admits_nobody_then_one_probe():
    one = health()
    open_breaker(one)
    assert not one.admits(0.99)
    assert one.admits(1.0)
    assert not one.admits(1.0), "only one probe at a time"


def test_an_answered_probe_closes_the_breaker():
    one = health()
    open_breaker(one)
    one.admits(1.0)
    one.answered(0.01)
    assert one.breaker is Breaker.CLOSED
    assert one.admits(1.0)


@pytest.mark.parametrize(
    ("nth", "seconds"), [(1, 1), (2, 2), (3, 4), (5, 16), (9, 256), (10, 300), (40, 300)]
)
def test_pauses_double_up_to_five_minutes(nth, seconds):
    one, now = health(), 0.0
    open_breaker(one)
    for _ in range(nth - 1):
        now += one.retry_in(now).total_seconds()
        assert one.admits(now)
        one.failed(now)
    assert one.retry_in(now).total_seconds() == pytest.approx(seconds)


def test_chance_lengthens_a_pause_by_a_tenth_at_most():
    one = health(chance=1.0)
    open_breaker(one)
    assert one.retry_in(0.0).total_seconds() == pytest.approx(1.1)


def test_a_probe_that_was_given_up_may_be_made_again():
    one = health()
    open_breaker(one)
    one.admits(1.0)
    one.abandoned()
    assert one.admits(1.0)


def test_nothing_known_waits_longest_and_a_quick_source_is_waited_for_less():
    one = health()
    assert one.patience == LONGEST
    for _ in range(50):
        one.answered(0.02)
    assert one.patience == timedelta(milliseconds=50)


def test_an_answer_that_is_no_measure_closes_the_breaker_and_teaches_nothing():
    one = health()
    one.answered(0.02)
    patience = one.patience
    assert one.answered(None) is None
    assert one.patience == patience
    open_breaker(one)
    one.answered(None)
    assert one.breaker is Breaker.CLOSED


def test_an_unsteady_source_is_waited_for_longer():
    one = health()
    for latency in [0.02, 0.08] * 30:
        one.answered(latency)
    assert timedelta(milliseconds=100) < one.patience < LONGEST


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=60))
def test_patience_stays_within_its_bounds(latencies):
    one = health()
    for latency in latencies:
        one.answered(latency)
        assert timedelta(milliseconds=50) <= one.patience <= LONGEST
