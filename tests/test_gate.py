"""Who may ask a source now: nobody while it does not answer, and no more at once than it has room for."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import suppress
from datetime import timedelta

import pytest

from lookupd.errors import SourceBusy, SourceDown, SourceError
from lookupd.gate import Gate
from lookupd.health import Breaker
from lookupd.news import SourceNews
from tests.fakes import ADA, NOBODY, Directory, source_of
from tests.faults.clock import FakeTime

LONGEST = timedelta(milliseconds=400)


@pytest.fixture
def time():
    return FakeTime()


@pytest.fixture
def gate(time):
    return Gate(SourceNews("staff"), LONGEST, 2, time.monotonic)


def ask(gate, error=None):
    with suppress(SourceError, RuntimeError), gate.enter(is_typical=True):
        if error is not None:
            raise error


def test_a_source_that_failed_three_times_is_not_asked(gate):
    for _ in range(3):
        ask(gate, SourceError("down"))
    with pytest.raises(SourceDown, match="source 'staff' does not answer; it is asked again in 2 s"):
        gate.enter(is_typical=True)


async def test_it_is_told_once_that_a_source_fails_and_once_that_it_answers_again(gate, time, caplog):
    caplog.set_level("INFO", "lookupd.news")
    for _ in range(3):
        ask(gate, SourceError("down"))
    await time.advance(2)
    ask(gate, SourceError("still down"))
    await time.advance(9)
    ask(gate)
    ask(gate)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_no_more_than_it_has_room_for_get_in(gate):
    with gate.enter(is_typical=True), gate.enter(is_typical=True), pytest.raises(SourceBusy):
        gate.enter(is_typical=True)
    assert gate.in_flight == 0


@pytest.mark.parametrize("error", [SourceBusy("staff"), RuntimeError("a bug of ours")])
def test_what_says_nothing_of_the_source_does_not_count(gate, error):
    for _ in range(5):
        ask(gate, error)
    assert gate.health.breaker is Breaker.CLOSED


async def test_a_source_that_is_down_costs_its_directory_nothing_until_it_is_probed():
    directory = Directory(rows=[ADA], error=ConnectionError("refused"))
    source = source_of(directory)
    await source.open()
    for _ in range(10):
        with pytest.raises(SourceError):
            await source.search("ada", NOBODY, LONGEST)
    assert len(directory.asked) == 3
    assert source.condition.search.breaker is Breaker.OPEN
    await source.close()


async def test_an_absence_is_an_answer():
    directory = Directory()
    source = source_of(directory)
    await source.open()
    for _ in range(5):
        assert await source.search("nobody", NOBODY, LONGEST) == []
    assert source.condition.search.breaker is Breaker.CLOSED
    await source.close()


async def test_a_probe_that_was_given_up_is_made_again(gate, time):
    for _ in range(3):
        ask(gate, SourceError("down"))
    await time.advance(2)
    with suppress(CancelledError), gate.enter(is_typical=True) as probe:
        with pytest.raises(SourceDown):
            gate.enter(is_typical=True)
        raise CancelledError
    assert probe.is_probe
    assert gate.enter(is_typical=True).is_probe


async def test_questions_from_before_it_was_left_alone_do_not_lengthen_its_pause(time):
    gate = Gate(SourceNews("staff"), LONGEST, 9, time.monotonic)
    late = [gate.enter(is_typical=True) for _ in range(5)]
    for _ in range(3):
        ask(gate, SourceError("down"))
    pause = gate.retry_in
    for entry in late:
        gate.left(entry, SourceError("down"))
    assert (gate.retry_in, gate.in_flight) == (pause, 0)


async def test_only_what_is_typical_tells_how_long_to_wait(gate, time):
    for is_typical, is_learned in [(False, False), (True, True)]:
        with gate.enter(is_typical=is_typical):
            await time.advance(0.02)
        assert (gate.health.patience < LONGEST) is is_learned


async def test_many_that_fail_together_open_the_breaker_once(time):
    gate = Gate(SourceNews("staff"), LONGEST, 64, time.monotonic)
    entries = [gate.enter(is_typical=True) for _ in range(64)]
    for entry in entries:
        with suppress(SourceError), entry:
            raise SourceError("down")
    assert gate.in_flight == 0
    assert gate.retry_in < timedelta(seconds=2)


async def test_an_old_question_that_fails_does_not_end_the_probe(gate, time):
    old = gate.enter(is_typical=True)
    for _ in range(3):
        ask(gate, SourceError("down"))
    await time.advance(2)
    with gate.enter(is_typical=True):
        with suppress(SourceError), old:
            raise SourceError("down too")
        assert gate.health.breaker is Breaker.PROBING
    assert gate.health.breaker is Breaker.CLOSED


async def test_an_old_question_that_is_given_up_does_not_end_the_probe(gate, time):
    old = gate.enter(is_typical=True)
    for _ in range(3):
        ask(gate, SourceError("down"))
    await time.advance(2)
    with gate.enter(is_typical=True):
        with suppress(RuntimeError), old:
            raise RuntimeError("given up")
        assert gate.health.breaker is Breaker.PROBING


async def test_a_probe_that_comes_to_nothing_is_made_again(gate, time):
    for _ in range(3):
        ask(gate, SourceError("down"))
    await time.advance(2)
    ask(gate, SourceBusy("staff"))
    assert gate.enter(is_typical=True).is_probe


async def test_only_what_is_typical_tells_how_long_others_take(gate, time):
    with gate.enter(is_typical=False):
        await time.advance(0.001)
    assert gate.health.patience == LONGEST
    with gate.enter(is_typical=True):
        await time.advance(0.001)
    assert gate.health.patience == timedelta(milliseconds=50)
