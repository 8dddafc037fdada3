"""How old an answer may be."""

from datetime import UTC, datetime, timedelta

import pytest

from lookupd.freshness import Freshness, Lifespan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = Lifespan(fresh_for=timedelta(minutes=30), max_stale=timedelta(days=7))
TICK = timedelta.resolution


@pytest.mark.parametrize(
    ("age", "freshness"),
    [
        (timedelta(0), Freshness.FRESH),
        (-timedelta(hours=1), Freshness.FRESH),
        (SPAN.fresh_for, Freshness.FRESH),
        (SPAN.fresh_for + TICK, Freshness.STALE),
        (SPAN.max_stale, Freshness.STALE),
        (SPAN.max_stale + TICK, Freshness.EXPIRED),
    ],
)
def test_an_answer_is_fresh_then_stale_then_expired(age, freshness):
    assert SPAN.freshness(NOW - age, NOW) is freshness


def test_an_answer_that_is_never_stale_expires_at_once():
    span = Lifespan(fresh_for=timedelta(days=1), max_stale=timedelta(hours=1))
    assert span.freshness(NOW - timedelta(days=1), NOW) is Freshness.FRESH
    assert span.freshness(NOW - timedelta(days=1) - TICK, NOW) is Freshness.EXPIRED


def test_freshness_reads_as_a_word():
    assert [str(freshness) for freshness in Freshness] == ["fresh", "stale", "expired"]
