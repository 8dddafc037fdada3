"""When a source is due, and when it is after the clock was set."""

from datetime import UTC, datetime, timedelta

import pytest

from lookupd.config import SyncSettings
from lookupd.sync.trigger import trigger

NOW = datetime(2026, 1, 10, 12, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
YEARS = timedelta(days=20_000)


def after(settings, due, now):
    return trigger(SyncSettings(**settings)).get_next_fire_time(due, now)


def stepped(settings, due, step):
    """When what was due before a step is due after it; NOW is what the clock says then."""
    return trigger(SyncSettings(**settings)).after_step(due, step, NOW)


def test_an_interval_counts_from_when_the_last_run_was_due():
    assert after({"every": "1h"}, NOW, NOW + timedelta(minutes=1)) == NOW + HOUR


def test_the_first_run_of_an_interval_is_after_it():
    assert after({"every": "1h"}, None, NOW) == NOW + HOUR


@pytest.mark.parametrize("when", [{"every": "1s"}, {"cron": "* * * * *"}])
@pytest.mark.parametrize("away", [HOUR, YEARS, -HOUR])
def test_what_was_missed_is_not_made_up_for(when, away):
    at = after(when, NOW - away, NOW)
    assert NOW < at <= NOW + timedelta(minutes=1)


def test_a_time_of_day_is_not_due_twice():
    at = NOW.replace(minute=30)
    assert after({"cron": "30 * * * *"}, at, at) == at + HOUR


@pytest.mark.parametrize("step", [HOUR, -HOUR, YEARS, -YEARS])
def test_an_interval_lasts_as_long_whatever_the_clock_says(step):
    left = timedelta(seconds=7)
    assert stepped({"every": "10s"}, NOW - step + left, step) == NOW + left


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_run_planned_between_a_step_and_its_notice_is_at_most_an_interval_away(step):
    assert NOW <= stepped({"every": "10s"}, NOW + timedelta(seconds=9), step) <= NOW + timedelta(seconds=10)


def test_a_clock_set_back_is_followed_by_times_of_day():
    due = datetime(2026, 1, 10, 14, 30, tzinfo=UTC)
    assert stepped({"cron": "30 * * * *"}, due, -2 * HOUR) == NOW.replace(minute=30)


def test_a_time_of_day_that_was_passed_over_is_due_at_once():
    assert stepped({"cron": "30 * * * *"}, NOW - HOUR, 3 * HOUR) == NOW - HOUR


def test_a_time_of_day_that_is_still_ahead_stays():
    due = NOW.replace(minute=30)
    assert stepped({"cron": "30 * * * *"}, due, timedelta(minutes=5)) == due
