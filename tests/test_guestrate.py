"""How much each guest may still be told."""

from hypothesis import given
from hypothesis import strategies as st

from lookupd.guestrate import Buckets
from lookupd.guestsettings import GuestSettings


class Seconds:
    """A clock in seconds, moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_bucket_starts_full_and_is_empty_after_its_burst():
    buckets = Buckets(2.0, 3, Seconds())
    for _ in range(3):
        assert buckets.wait("a") == 0
        buckets.take("a")
    assert buckets.wait("a") == 0.5


def test_a_bucket_fills_up_with_time_and_not_beyond_its_burst():
    clock = Seconds()
    buckets = Buckets(2.0, 3, clock)
    buckets.take("a", 3)
    clock.now += 0.5
    assert buckets.wait("a") == 0
    clock.now += 1000
    buckets.take("a", 3)
    assert buckets.wait("a") == 0.5


def test_what_was_taken_too_much_must_flow_in_first():
    buckets = Buckets(2.0, 3, Seconds())
    buckets.take("a", 13)
    assert buckets.wait("a") == 5.5


def test_what_is_given_back_can_be_taken_again():
    buckets = Buckets(2.0, 3, Seconds())
    buckets.take("a", 3)
    buckets.give_back("a", 3)
    assert (buckets.wait("a"), len(buckets)) == (0, 0)


def test_buckets_do_not_know_of_each_other():
    buckets = Buckets(1.0, 1, Seconds())
    buckets.take("a")
    assert (buckets.wait("a"), buckets.wait("b")) == (1, 0)


def test_no_more_buckets_are_remembered_than_there_is_room_for_and_the_idlest_goes():
    buckets = Buckets(1.0, 1, Seconds(), capacity=2)
    for name in ("a", "b", "a", "c"):
        buckets.take(name)
    assert len(buckets) == 2
    assert (buckets.wait("a"), buckets.wait("b"), buckets.wait("c")) == (2, 0, 1)


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 50)), max_size=60))
def test_nobody_gets_more_than_burst_and_rate_allow_and_one_page_besides(steps):
    clock = Seconds()
    buckets = Buckets(1.5, 20, clock)
    began, told = clock.now, 0
    for pause, page in steps:
        clock.now += pause
        if not buckets.wait("a"):
            buckets.take("a", page)
            told += page
        assert told <= 20 + 1.5 * (clock.now - began) + 50


def test_with_the_defaults_a_crawler_needs_more_than_a_day_for_a_hundred_thousand_contacts():
    settings, clock = GuestSettings(), Seconds()
    buckets = Buckets(settings.rate, settings.burst, clock)
    began, told = clock.now, 0
    while told < 100_000:
        clock.now += buckets.wait("crawler")
        buckets.take("crawler", settings.page)
        told += settings.page
    assert clock.now - began >= 24 * 3600
