"""Whether a request would wait for too long, told by numbers alone."""

from lookupd.front.kind import Kind, is_shown, is_shown_bytes, kind_of, kind_of_bytes
from lookupd.front.limits import Limits
from lookupd.front.queue import SAMPLE, Queue

LIMITS = Limits(delay=0.03, burst_delay=0.2, burst_time=0.1, calm_time=1.0)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def busy(cost):
    """A queue that has learnt what a request costs."""
    clock = Clock()
    queue = Queue(LIMITS, clock)
    for _ in range(200):
        queue.starts(clock.now)
        clock.now += cost * SAMPLE
        queue.measure()
    return queue, clock


def test_the_cost_is_the_time_for_each_that_begins():
    queue, _ = busy(0.001)
    assert 0.00098 < queue.cost < 0.00102
    assert queue.alarm == 15


def test_a_pause_of_the_process_hardly_counts():
    queue, clock = busy(0.0002)
    queue.starts(clock.now)
    clock.now += 5
    queue.measure()
    assert queue.cost < 0.0006


def test_a_standing_queue_is_too_long_and_a_burst_is_not():
    queue, clock = busy(0.001)
    queue.waiting = 25
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    queue.waiting = 150
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    clock.now += 0.09
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    clock.now += 0.02
    assert queue.is_too_long(Kind.REVERSE, clock.now)
    queue.waiting = 25
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    queue.waiting = 35
    assert queue.is_too_long(Kind.REVERSE, clock.now)
    clock.now += 1.1
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    queue.waiting = 210
    assert queue.is_too_long(Kind.REVERSE, clock.now)


def test_lookups_wait_half_as_long_and_not_at_all_while_reverse_questions_are_refused():
    queue, clock = busy(0.001)
    queue.waiting = 110
    assert queue.is_too_long(Kind.LOOKUP, clock.now)
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    queue.waiting = 210
    assert queue.is_too_long(Kind.REVERSE, clock.now)
    queue.waiting = 0
    assert queue.alarm == 0
    assert queue.is_too_long(Kind.LOOKUP, clock.now)
    assert not queue.is_too_long(Kind.SPARED, clock.now)
    clock.now += 1.1
    assert not queue.is_too_long(Kind.LOOKUP, clock.now)
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    assert queue.alarm > 0


def test_a_few_are_never_too_many():
    queue, clock = busy(0.01)
    queue.waiting = SAMPLE - 1
    clock.now += 5
    assert not queue.is_too_long(Kind.REVERSE, clock.now)


def test_reading_delays_what_is_read_later_in_the_same_turn():
    queue, clock = busy(0.001)
    queue.reads(clock.now)
    clock.now += 0.02
    assert queue.has_read_long(clock.now)
    assert not queue.is_too_long(Kind.REVERSE, clock.now)
    clock.now += 0.2
    assert queue.is_too_long(Kind.REVERSE, clock.now)
    assert not queue.is_too_long(Kind.SPARED, clock.now)
    queue.has_read()
    assert not queue.is_too_long(Kind.REVERSE, clock.now)


def test_requests_are_of_the_same_kind_before_and_after_they_are_parsed():
    for path, kind in {
        "/0.1/directories/lookup/default": Kind.LOOKUP,
        "/0.1/directories/reverse/default/u": Kind.REVERSE,
        "/0.1/directories/lookup/default/cisco?term=a": Kind.LOOKUP,
        "/0.1/yealink/directories/lookup/default": Kind.LOOKUP,
        "/phones/cisco/default/lookup": Kind.LOOKUP,
        "/p/secret/phones/cisco/default/lookup": Kind.LOOKUP,
        "/p/secret/cid/1": Kind.REVERSE,
        "/cid/1": Kind.REVERSE,
        "/": Kind.REVERSE,
        "/live": Kind.SPARED,
        "/ready": Kind.SPARED,
        "/0.1/status": Kind.SPARED,
    }.items():
        assert kind_of(path) is kind
        for method in ("GET", "HEAD", "POST"):
            assert kind_of_bytes(f"{method} {path} HTTP/1.1\r\n\r\n".encode()) is kind


def test_what_a_pbx_would_show_is_known_before_and_after_it_is_parsed():
    shown = [
        "//cid/1",
        "/cid?number=1",
        "/cid/1",
        "/p/secret/cid/1",
        "/v2/phone/1",
        "/v3/phone/1",
        "/crm?number=1",
    ]
    for path in [*shown, "/", "/0.1/cid", "/cider", "/phones/cisco"]:
        assert is_shown(path.partition("?")[0]) is (path in shown)
        assert is_shown_bytes(f"GET {path} HTTP/1.1\r\n\r\n".encode()) is (path in shown)
