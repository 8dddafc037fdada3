"""Asking now: equal questions once, nobody waited for in vain, and only what was said is remembered."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from lookupd.config import DEFAULT_TENANT
from lookupd.errors import SourceError, SourceTimeout
from lookupd.health import PATIENCE_LEAST
from lookupd.live import LEFT_ALONE, Live
from lookupd.memory import Asked, Memory, Remembered
from lookupd.number import Number
from lookupd.principal import Principal
from tests.fakes import ADA, BOB, NOBODY, Clock, Directory, source_of, until

ADAS, BOBS = Number(key="+33199001234"), Number(key="+33199005678")
LONG = 10.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def live(clock):
    asker = Live(Memory(clock), clock)
    yield asker
    await asker.close()


@pytest.fixture
async def open_source():
    async with AsyncExitStack() as stack:

        async def open_(directory, *, live=None, **settings):
            patient = {"timeout": "60s", **(live or {})}
            source = source_of(directory, backend="fake", live=patient, **settings)
            stack.push_async_callback(source.close)
            await source.open()
            return source

        yield open_


def questions(directory):
    return [method for method, _ in directory.asked].count("match_all")


async def said(live, source, number=ADAS, principal=NOBODY, patience=LONG):
    return (await live.ask({source: [number]}, principal, patience))[source][number]


def hung():
    return Directory(rows=[ADA], gate=asyncio.Event())


async def test_a_source_says_who_has_a_number_and_who_has_not(live, open_source):
    source = await open_source(Directory(rows=[ADA]))
    words = (await live.ask({source: [ADAS, BOBS]}, NOBODY, LONG))[source]
    assert words[ADAS].display == ADA["name"]
    assert words[BOBS] is None


async def test_a_source_that_fails_says_why(live, open_source):
    source = await open_source(Directory(error=SourceError("down")))
    word = await said(live, source)
    assert isinstance(word, SourceError)
    assert str(word) == "down"


async def test_nobody_is_asked_where_nothing_is_wanted(live):
    assert await live.ask({}, NOBODY, LONG) == {}


async def test_a_hit_and_an_absence_are_remembered_with_their_time(live, clock, open_source):
    source = await open_source(Directory(rows=[ADA]))
    await live.ask({source: [ADAS, BOBS]}, NOBODY, LONG)
    clock.move(minutes=5)
    then = clock.now - timedelta(minutes=5)
    assert live.remembered(source, ADAS, NOBODY).contact.uid == "1"
    assert live.remembered(source, BOBS, NOBODY).contact is None
    assert live.remembered(source, BOBS, NOBODY).at == live.remembered(source, ADAS, NOBODY).at == then


async def test_what_was_never_asked_is_not_remembered(live, open_source):
    assert live.remembered(await open_source(Directory()), ADAS, NOBODY) is None


async def test_an_absence_is_believed_for_its_time_only(live, clock, open_source):
    source = await open_source(Directory(), absent_ttl="1m")
    await said(live, source)
    clock.move(seconds=60)
    assert live.remembered(source, ADAS, NOBODY) is not None
    clock.move(seconds=1)
    assert live.remembered(source, ADAS, NOBODY) is None


@pytest.mark.parametrize("garbage", [None, {"number": b"\xff"}])
async def test_a_failure_is_never_remembered(live, open_source, garbage):
    directory = Directory(rows=[ADA], error=OSError("down")) if garbage is None else Directory()
    source = await open_source(directory)
    if garbage is not None:
        directory.rows = [{**ADA, "photo": b"\xff"}]
    assert isinstance(await said(live, source), SourceError)
    assert live.remembered(source, ADAS, NOBODY) is None


async def test_an_unreadable_row_leaves_the_other_numbers_of_a_question_alone(live, open_source):
    source = await open_source(Directory(rows=[ADA, {**BOB, "photo": b"\xff"}]))
    words = (await live.ask({source: [ADAS, BOBS]}, NOBODY, LONG))[source]
    assert isinstance(words[BOBS], SourceError)
    assert live.remembered(source, BOBS, NOBODY) is None
    assert live.remembered(source, ADAS, NOBODY).contact.uid == "1"


async def test_equal_questions_in_flight_share_one_asking(live, open_source):
    directory = hung()
    source = await open_source(directory)
    asking = [asyncio.create_task(said(live, source)) for _ in range(5)]
    await until(lambda: directory.asked)
    asking += [asyncio.create_task(said(live, source)) for _ in range(5)]
    directory.gate.set()
    assert {contact.uid for contact in await asyncio.gather(*asking)} == {"1"}
    assert questions(directory) == 1


async def test_of_a_question_only_what_is_not_in_flight_is_asked(live, open_source):
    directory = hung()
    source = await open_source(directory, live={"spellings": ["e164"]})
    first = asyncio.create_task(said(live, source))
    await until(lambda: directory.asked)
    second = asyncio.create_task(live.ask({source: [ADAS, BOBS]}, NOBODY, LONG))
    await until(lambda: questions(directory) == 2)
    assert directory.asked[1] == ("match_all", [BOBS.key])
    directory.gate.set()
    assert (await second)[source][ADAS] == await first


@pytest.mark.parametrize(("depends", "asked"), [(True, 3), (False, 1)])
async def test_callers_share_an_asking_only_where_the_answer_does_not_depend_on_them(
    live, open_source, depends, asked
):
    directory = Directory(gate=asyncio.Event(), depends_on_caller=depends)
    source = await open_source(directory)
    callers = [
        NOBODY,
        Principal(tenant=DEFAULT_TENANT, user="u"),
        Principal(tenant=DEFAULT_TENANT, token="t"),
    ]
    asking = [asyncio.create_task(said(live, source, principal=caller)) for caller in callers]
    await until(lambda: len(directory.asked) == asked and len(live._flying) == asked)
    directory.gate.set()
    await asyncio.gather(*asking)
    assert questions(directory) == asked


async def test_what_one_caller_was_told_is_not_remembered_for_another(live, open_source):
    source = await open_source(Directory(rows=[ADA], depends_on_caller=True))
    alice = Principal(tenant=DEFAULT_TENANT, user="alice")
    await said(live, source, principal=alice)
    assert live.remembered(source, ADAS, alice) is not None
    assert live.remembered(source, ADAS, NOBODY) is None
    assert live.remembered(source, ADAS, Principal(tenant="another", user="alice")) is None


async def test_a_late_answer_is_a_timeout_now_and_remembered_for_the_next(live, open_source):
    directory = Directory(rows=[ADA], gate=asyncio.Event())
    source = await open_source(directory)
    word = await said(live, source, patience=0.01)
    assert isinstance(word, SourceTimeout)
    directory.gate.set()
    await until(lambda: live.remembered(source, ADAS, NOBODY))
    assert live.remembered(source, ADAS, NOBODY).contact.uid == "1"


async def test_a_source_has_its_own_deadline_however_patient_the_caller(live, open_source):
    source = await open_source(hung(), live={"timeout": "20ms"})
    with pytest.raises(SourceTimeout, match="within 20 ms"):
        raise await said(live, source)


async def test_no_patience_is_no_error(live, open_source):
    source = await open_source(hung())
    assert isinstance(await said(live, source, patience=-1), SourceTimeout)


async def test_a_caller_who_gives_up_does_not_end_the_asking(live, open_source):
    directory = hung()
    source = await open_source(directory)
    asking = asyncio.create_task(said(live, source))
    await until(lambda: directory.asked)
    asking.cancel()
    await asyncio.wait([asking])
    directory.gate.set()
    await until(lambda: live.remembered(source, ADAS, NOBODY))


async def test_sources_behind_one_that_has_the_number_are_not_waited_for(live, open_source):
    first = await open_source(Directory(rows=[ADA]))
    second = await open_source(hung(), name="second")
    words = await live.ask({first: [ADAS], second: [ADAS]}, NOBODY, 60)
    assert words[first][ADAS].uid == "1"
    assert words[second] == {}


async def test_a_source_before_one_that_has_the_number_is_waited_for(live, open_source):
    slow = Directory(rows=[{**ADA, "name": "Slow but first"}], gate=asyncio.Event())
    first = await open_source(slow)
    second = await open_source(Directory(rows=[ADA]), name="second")
    asking = asyncio.create_task(live.ask({first: [ADAS], second: [ADAS]}, NOBODY, LONG))
    await until(lambda: live.remembered(second, ADAS, NOBODY))
    assert not asking.done()
    slow.gate.set()
    assert (await asking)[first][ADAS].display == "Slow but first"


async def test_each_number_is_waited_for_on_its_own(live, open_source):
    first = await open_source(Directory(rows=[ADA]))
    second = await open_source(hung(), name="second", live={"timeout": "20ms"})
    words = await live.ask({first: [ADAS, BOBS], second: [ADAS, BOBS]}, NOBODY, LONG)
    assert words[first][BOBS] is None
    assert isinstance(words[second][BOBS], SourceTimeout)


async def test_a_refresh_behind_is_made_at_most_once_in_half_a_minute_for_each_number(
    live, clock, open_source
):
    directory = Directory(rows=[ADA])
    source = await open_source(directory)
    for _ in range(3):
        live.soon(source, ADAS, NOBODY)
        await until(lambda: not live._flying)
        clock.move(seconds=9)
    assert questions(directory) == 1
    live.soon(source, BOBS, NOBODY)
    clock.move(seconds=3)
    live.soon(source, ADAS, NOBODY)
    await until(lambda: questions(directory) == 3)
    assert live.remembered(source, ADAS, NOBODY).at == clock.now
    assert len(live._refreshed) == 2


async def test_refreshes_that_are_over_are_forgotten(live, clock, open_source):
    source = await open_source(Directory())
    live.soon(source, ADAS, NOBODY)
    clock.move(seconds=30)
    live.soon(source, BOBS, NOBODY)
    assert [question.number for question in live._refreshed] == [BOBS]


async def test_after_a_clock_was_set_back_numbers_are_refreshed_again(live, clock, open_source):
    directory = Directory(rows=[ADA])
    source = await open_source(directory)
    for times, hours in enumerate([0, -5, 9], start=1):
        clock.move(hours=hours)
        live.soon(source, ADAS, NOBODY)
        await until(lambda times=times: questions(directory) == times and not live._flying)


@pytest.mark.parametrize("word", [ADA, None])
async def test_what_was_said_by_a_clock_that_has_been_set_back_does_not_count(clock, word, open_source):
    source = await open_source(Directory(rows=[word] if word else []))
    memory = Memory(clock)
    live = Live(memory, clock)
    await said(live, source)
    clock.move(seconds=-59)
    assert live.remembered(source, ADAS, NOBODY) is not None
    clock.move(seconds=-2)
    assert live.remembered(source, ADAS, NOBODY) is None
    clock.move(hours=1)
    assert live.remembered(source, ADAS, NOBODY) is None, "it is forgotten"
    assert not memory.knows(ADAS)


async def test_a_refresh_shares_a_question_that_is_in_flight(live, open_source):
    directory = hung()
    source = await open_source(directory)
    asking = asyncio.create_task(said(live, source))
    await until(lambda: directory.asked)
    live.soon(source, ADAS, NOBODY)
    directory.gate.set()
    await asking
    assert questions(directory) == 1


async def test_a_refresh_that_fails_changes_nothing_that_is_remembered(live, clock, open_source):
    directory = Directory(rows=[ADA])
    source = await open_source(directory)
    await said(live, source)
    directory.error = OSError("down")
    clock.move(minutes=1)
    live.soon(source, ADAS, NOBODY)
    await until(lambda: not live._flying)
    assert live.remembered(source, ADAS, NOBODY).contact.uid == "1"


async def test_closing_ends_what_is_in_flight(clock, open_source):
    live = Live(Memory(clock), clock)
    source = await open_source(hung())
    asking = asyncio.create_task(said(live, source, patience=60))
    await until(lambda: live._tasks)
    await live.close()
    assert isinstance(await asking, SourceTimeout)
    assert not live._tasks
    assert not live._flying


async def test_a_bug_is_not_told_as_a_failure_of_the_source(open_source, caplog):
    live = Live(Memory(Clock()), lambda: 1 / 0)
    source = await open_source(Directory(rows=[ADA]))
    with pytest.raises(ZeroDivisionError):
        await said(live, source)
    await until(lambda: "ask-fake failed" in caplog.text)


async def test_five_hundred_equal_questions_at_once_are_one(live, open_source):
    directory = hung()
    source = await open_source(directory)
    asking = [asyncio.create_task(said(live, source)) for _ in range(500)]
    await until(lambda: directory.asked)
    directory.gate.set()
    assert {contact.uid for contact in await asyncio.gather(*asking)} == {"1"}
    assert questions(directory) == 1


async def test_a_quick_source_is_not_waited_for_as_long_as_it_may_take(live, open_source):
    source = await open_source(hung())
    for _ in range(50):
        source.gate.health.answered(0.001)
    words = await live.ask({source: [ADAS]}, NOBODY, LONG, named=[ADAS])
    with pytest.raises(SourceTimeout, match="within 50 ms"):
        raise words[source][ADAS]


async def test_a_quick_source_is_not_waited_for_long_once_one_behind_it_has_somebody(live, open_source):
    quick, behind = await open_source(hung()), await open_source(Directory(rows=[ADA]))
    for _ in range(50):
        quick.gate.health.answered(0.001)
    words = await live.ask({quick: [ADAS], behind: [ADAS]}, NOBODY, LONG)
    assert str(words[quick][ADAS]) == "source 'fake' did not reply within 50 ms"
    assert words[behind][ADAS].display == ADA["name"]


async def test_where_nobody_is_known_yet_a_quick_source_has_all_of_its_time(live, open_source):
    directory = hung()
    source = await open_source(directory)
    for _ in range(50):
        source.gate.health.answered(0.001)
    asking = asyncio.create_task(said(live, source))
    await asyncio.sleep(3 * PATIENCE_LEAST.total_seconds())
    directory.gate.set()
    assert (await asking).display == ADA["name"]


async def test_who_takes_the_place_of_a_source_is_asked_itself(live, open_source):
    former, new = hung(), Directory(rows=[{**ADA, "name": "Ada at the new place"}])
    source, other = await open_source(former), await open_source(new)
    assert source.uuid == other.uuid
    asking = asyncio.create_task(said(live, source))
    await until(lambda: former.asked)
    assert (await said(live, other)).display == "Ada at the new place"
    former.gate.set()
    assert (await asking).display == ADA["name"]


async def test_a_source_that_nobody_waits_for_any_more_is_forgotten(live, open_source):
    for _ in range(3):
        await said(live, await open_source(Directory(rows=[ADA])), patience=0)
    await until(lambda: not live._flying)
    assert live._alone == {}


async def test_many_numbers_at_once_are_waited_for_as_long_as_they_may_take(live, open_source):
    directory = hung()
    source = await open_source(directory, live={"timeout": "90ms"})
    for _ in range(50):
        source.gate.health.answered(0.001)
    words = (await live.ask({source: [ADAS, BOBS]}, NOBODY, LONG))[source]
    assert [str(word) for word in words.values()] == ["source 'fake' did not reply within 90 ms"] * 2


async def test_a_late_answer_makes_the_next_be_waited_for_longer(live, open_source):
    directory = hung()
    source = await open_source(directory)
    time = source.gate.clock = Ticks()
    source.gate.health.answered(0.001)
    await said(live, source, patience=0)
    time.now += 3
    directory.gate.set()
    await until(lambda: live.remembered(source, ADAS, NOBODY))
    assert source.patience > timedelta(seconds=2)


class Ticks:
    now = 0.0

    def __call__(self):
        return self.now


async def test_of_what_nobody_waits_for_only_so_much_goes_on(live, open_source):
    directory = hung()
    source = await open_source(directory)
    numbers = [Number(key=f"+3319900{place:04}") for place in range(LEFT_ALONE + 5)]
    for number in numbers:
        await said(live, source, number, patience=0)
    await until(lambda: source.condition.in_flight == LEFT_ALONE)
    directory.gate.set()
    await until(lambda: not live._tasks)
    kept = [number for number in numbers if live.remembered(source, number, NOBODY)]
    assert kept == numbers[:LEFT_ALONE], "those that have waited longest"


async def test_what_somebody_waits_for_again_is_not_ended(live, open_source):
    directory = hung()
    source = await open_source(directory)
    await said(live, source, patience=0)
    asking = asyncio.create_task(said(live, source))
    await asyncio.sleep(0)
    for place in range(LEFT_ALONE):
        await said(live, source, Number(key=f"+3319900{place:04}"), patience=0)
    directory.gate.set()
    assert (await asking).uid == "1"
    assert questions(directory) == LEFT_ALONE + 1


async def test_what_was_ended_is_asked_anew(live, open_source):
    directory = hung()
    source = await open_source(directory)
    for place in range(LEFT_ALONE):
        await said(live, source, Number(key=f"+3319900{place:04}"), patience=0)
    await said(live, source, patience=0)
    asking = asyncio.create_task(said(live, source))
    directory.gate.set()
    assert (await asking).uid == "1"


async def test_no_more_is_refreshed_behind_at_once_and_the_rest_later(live, open_source):
    directory = hung()
    source = await open_source(directory)
    for place in range(LEFT_ALONE):
        live.soon(source, Number(key=f"+3319900{place:04}"), NOBODY)
    live.soon(source, ADAS, NOBODY)
    await until(lambda: questions(directory) == LEFT_ALONE)
    directory.gate.set()
    await until(lambda: not live._tasks)
    live.soon(source, ADAS, NOBODY)
    await until(lambda: live.remembered(source, ADAS, NOBODY))


async def test_a_plugin_that_does_not_stop_does_not_keep_us_from_ending(clock, open_source):
    class Stubborn(Directory):
        async def answer(self, method, argument):
            while not self.gate.is_set():
                try:
                    await self.gate.wait()
                except asyncio.CancelledError:
                    self.error = SourceError("goes on")

    live, directory = Live(Memory(clock), clock), Stubborn(gate=asyncio.Event())
    source = await open_source(directory)
    live.soon(source, ADAS, NOBODY)
    await until(lambda: source.condition.in_flight)
    await live.close()
    assert directory.error is not None
    directory.gate.set()
    await until(lambda: not live._tasks)


def asked_of(key):
    return Asked("source", Number(key=key), "")


def test_memory_keeps_the_answers_used_last(clock):
    memory = Memory(clock, capacity=2)
    memory.put(asked_of("1"), None, clock.now)
    memory.put(asked_of("2"), None, clock.now)
    memory.get(asked_of("1"))
    memory.put(asked_of("3"), None, clock.now)
    assert [memory.get(asked_of(key)) is not None for key in "123"] == [True, False, True]


def test_memory_keeps_the_newest_word(clock):
    memory = Memory(clock, capacity=2)
    memory.put(asked_of("1"), None, clock.now)
    clock.move(minutes=1)
    memory.put(asked_of("1"), None, clock.now)
    assert memory.get(asked_of("1")).at == clock.now


def test_what_another_process_was_told_counts_if_it_is_newer(clock):
    memory = Memory(clock, keep=lambda *_: pytest.fail("it is kept already"))
    newer, older = (Remembered(contact=None, at=clock.now - timedelta(minutes=age)) for age in (1, 2))
    memory.learn(asked_of("1"), newer)
    memory.learn(asked_of("1"), older)
    assert memory.get(asked_of("1")) is newer


def test_what_another_process_was_told_by_a_clock_that_was_set_back_counts_nowhere(clock):
    memory, question = Memory(clock), Asked("a", ADAS, "")
    now, ahead = clock(), clock() + timedelta(hours=1)
    memory.learn(question, Remembered(contact=None, at=ahead))
    assert not memory.knows(ADAS)
    memory.put(question, None, ahead)
    memory.learn(question, Remembered(contact=None, at=now))
    assert memory.get(question).at == now


def test_what_is_said_here_is_kept(clock):
    kept = []
    memory = Memory(clock, keep=lambda question, said: kept.append((question, said.at)))
    memory.put(asked_of("1"), None, clock.now)
    assert kept == [(asked_of("1"), clock.now)]


async def test_what_a_source_says_after_others_took_its_place_is_not_remembered(live, open_source):
    directory = hung()
    source = await open_source(directory)
    asking = asyncio.create_task(said(live, source))
    await until(lambda: questions(directory))
    source.is_replaced = True
    directory.gate.set()
    assert (await asking).display == ADA["name"]
    assert live.remembered(source, ADAS, NOBODY) is None
