"""A source's own threads: few, bounded, and let go of by whoever stops waiting."""

import asyncio
import threading
import weakref

import pytest

from lookupd.threads import HOPELESS, REPLACED, Place, Threads, TooManyWaiting, Urgency
from tests.fakes import until


@pytest.fixture
def gate():
    """What hung jobs wait for; opened at the end."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def threads():
    pool = Threads("test", 2)
    yield pool
    pool.close()


async def test_the_result_comes_back(threads):
    assert await threads.run(lambda: 7) == 7


async def test_the_exception_comes_back_as_it_is(threads):
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        await threads.run(lambda: throw(error))
    assert caught.value is error


@pytest.mark.parametrize(
    "error", [StopIteration(), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
async def test_an_exception_that_would_end_the_loop_comes_back_as_another(threads, error):
    with pytest.raises(RuntimeError, match=type(error).__name__):
        await threads.run(lambda: throw(error))
    assert await threads.run(lambda: "still there") == "still there"


async def test_threads_are_started_when_needed_and_used_again(threads):
    assert threads._threads == []
    first = await threads.run(threading.current_thread)
    await until(lambda: threads._open == 0)
    assert await threads.run(threading.current_thread) is first
    assert first.daemon


async def test_there_are_never_more_than_the_size(threads, gate):
    questions = [asyncio.create_task(threads.run(gate.wait)) for _ in range(5)]
    await until(lambda: waiting(threads) == 3)
    assert len(threads._threads) == 2
    gate.set()
    assert await asyncio.gather(*questions) == [True] * 5


async def test_a_job_finds_a_thread_while_another_hangs(gate):
    for _ in range(50):
        pool = Threads("pair", 2)
        hung = asyncio.create_task(pool.run(gate.wait))
        await asyncio.sleep(0)
        assert await asyncio.wait_for(pool.run(lambda: "well"), 10) == "well"
        hung.cancel()
        pool.close()


async def test_what_waits_is_bounded(gate):
    pool = Threads("test", 1, waiting=2)
    begun = threading.Event()
    questions = [asyncio.create_task(pool.run(lambda: begun.set() or gate.wait()))]
    await until(begun.is_set)
    questions += [asyncio.create_task(pool.run(gate.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyWaiting):
        await pool.run(gate.wait)
    gate.set()
    await asyncio.gather(*questions)
    assert await pool.run(lambda: "room again") == "room again"
    pool.close()


async def test_a_question_that_nobody_waits_for_any_more_is_not_begun(gate):
    pool, done = Threads("test", 1), []
    begun = threading.Event()
    first = asyncio.create_task(pool.run(lambda: begun.set() or gate.wait()))
    await until(begun.is_set)
    given_up = asyncio.create_task(pool.run(lambda: done.append("given up")))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    gate.set()
    await first
    await pool.run(lambda: done.append("wanted"))
    assert done == ["wanted"]
    pool.close()


async def test_a_result_that_comes_too_late_is_dropped(threads, gate):
    question = asyncio.create_task(threads.run(gate.wait))
    await until(lambda: threads._threads)
    question.cancel()
    await asyncio.wait([question])
    gate.set()
    await until(lambda: threads._open == 0)
    assert await threads.run(lambda: "next") == "next"


def test_a_result_that_comes_after_the_loop_is_closed_is_dropped(gate):
    pool = Threads("test", 1)

    async def give_up():
        question = asyncio.create_task(pool.run(gate.wait))
        await until(lambda: pool._threads)
        question.cancel()

    asyncio.run(give_up())
    [thread] = pool._threads
    gate.set()
    pool.close()
    thread.join(10)
    assert not thread.is_alive()


async def test_nothing_of_a_job_is_kept_when_it_is_done(threads):
    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)
    await threads.run(held.__repr__)
    del held
    await until(lambda: gone() is None)


async def test_closing_lets_each_thread_finish_what_it_has_in_hand(gate):
    pool = Threads("test", 2)
    questions = [asyncio.create_task(pool.run(gate.wait)) for _ in range(3)]
    await until(lambda: waiting(pool) == 1)
    working = list(pool._threads)
    pool.close()
    gate.set()
    assert await asyncio.gather(*questions) == [True] * 3
    await until(lambda: not any(thread.is_alive() for thread in working))


async def test_a_thread_is_stuck_while_it_works_for_nobody(threads, gate):
    begun = threading.Event()
    question = asyncio.create_task(threads.run(lambda: begun.set() or gate.wait()))
    await until(begun.is_set)
    assert threads.stuck == 0
    question.cancel()
    await asyncio.wait([question])
    assert threads.stuck == 1
    gate.set()
    await until(lambda: threads.stuck == 0)


def low():
    return Place(urgency=Urgency.LOW)


@pytest.mark.parametrize(("size", "share"), [(2, 1), (3, 2), (4, 2), (5, 3)])
async def test_what_is_less_urgent_takes_half_of_the_threads_and_the_rest_stays_free(gate, size, share):
    pool, begun = Threads("test", size), []
    slow = [asyncio.create_task(pool.run(lambda: begun.append(1) or gate.wait(), low())) for _ in range(size)]
    await until(lambda: len(begun) == share)
    place = Place()
    assert await asyncio.wait_for(pool.run(lambda: "at once", place), 10) == "at once"
    assert (len(begun), waiting(pool), place.is_held_up) == (share, size - share, False)
    gate.set()
    assert await asyncio.gather(*slow) == [True] * size
    pool.close()


async def test_what_is_urgent_goes_first(gate):
    pool, order, begun = Threads("test", 1), [], threading.Event()
    jobs = [asyncio.create_task(pool.run(lambda: begun.set() or gate.wait()))]
    await until(begun.is_set)
    for name, place in [("text", low()), ("number", Place()), ("text", low()), ("number", Place())]:
        jobs.append(asyncio.create_task(pool.run(lambda name=name: order.append(name), place)))
    await until(lambda: waiting(pool) == 4)
    gate.set()
    await asyncio.gather(*jobs)
    assert order == ["number", "number", "text", "text"]
    pool.close()


@pytest.mark.parametrize("in_hand", Urgency)
async def test_an_urgent_job_knows_when_a_less_urgent_one_has_the_thread_that_it_needs(gate, in_hand):
    pool, begun = Threads("test", 1), threading.Event()
    first = asyncio.create_task(pool.run(lambda: begun.set() or gate.wait(), Place(urgency=in_hand)))
    await until(begun.is_set)
    places = [Place(), low()]
    others = [asyncio.create_task(pool.run(lambda: None, place)) for place in places]
    await until(lambda: waiting(pool) == 2)
    assert [place.is_held_up for place in places] == [in_hand is Urgency.LOW, False]
    gate.set()
    await asyncio.gather(first, *others)
    pool.close()


async def test_urgent_jobs_that_are_stuck_hold_up_each_other(gate):
    pool, begun = Threads("test", 2), []
    jobs = [
        asyncio.create_task(pool.run(lambda: begun.append(1) or gate.wait(), place))
        for place in (low(), Place())
    ]
    await until(lambda: len(begun) == 2)
    jobs[1].cancel()
    await asyncio.wait(jobs[1:])
    place = Place()
    late = asyncio.create_task(pool.run(lambda: None, place))
    await until(lambda: waiting(pool) == 1)
    assert not place.is_held_up
    gate.set()
    await asyncio.gather(jobs[0], late)
    pool.close()


async def test_as_many_urgent_jobs_may_wait_however_many_others_do(gate):
    pool, begun = Threads("test", 2, waiting=4), threading.Event()
    jobs = [asyncio.create_task(pool.run(lambda: begun.set() or gate.wait(), low()))]
    await until(begun.is_set)
    jobs += [asyncio.create_task(pool.run(gate.wait, low())) for _ in range(2)]
    await until(lambda: waiting(pool) == 2)
    with pytest.raises(TooManyWaiting):
        await pool.run(gate.wait, low())
    assert await asyncio.wait_for(pool.run(lambda: "room"), 10) == "room"
    gate.set()
    await asyncio.gather(*jobs)
    pool.close()


async def test_a_closed_pool_does_what_it_is_asked_still_and_keeps_no_thread():
    pool = Threads("test", 2)
    pool.close()
    for _ in range(3):
        thread = await pool.run(threading.current_thread)
        await until(lambda thread=thread: not thread.is_alive())


def waiting(threads):
    return sum(len(queue) for queue in threads._queues.values())


def throw(error):
    raise error


@pytest.mark.parametrize("urgency", Urgency)
async def test_a_thread_that_hangs_for_long_is_replaced_a_few_times(gate, urgency):
    now = 0.0
    pool = Threads("test", 1, clock=lambda: now)
    for replaced in range(REPLACED + 1):
        begun = threading.Event()
        hung = asyncio.create_task(pool.run(lambda begun=begun: begun.set() or gate.wait()))
        await until(begun.is_set)
        now += 2 * HOPELESS
        waiting = asyncio.create_task(pool.run(lambda: "well", Place(urgency=urgency)))
        await asyncio.sleep(0.01)
        assert not waiting.done(), "somebody waits for what takes so long"
        hung.cancel()
        await asyncio.wait([hung])
        if replaced < REPLACED:
            assert await pool.run(lambda: "better") == "better"
            assert await waiting == "well"
    assert (len(pool._threads), pool.stuck) == (REPLACED + 1, REPLACED + 1)
    gate.set()
    assert await waiting == "well"
    pool.close()


async def test_a_thread_that_hangs_for_a_short_time_is_not_replaced(gate):
    pool = Threads("test", 1)
    hung = asyncio.create_task(pool.run(gate.wait))
    await until(lambda: pool._in_hand)
    hung.cancel()
    waiting = asyncio.create_task(pool.run(lambda: "well"))
    await until(lambda: pool.stuck)
    assert len(pool._threads) == 1
    gate.set()
    assert await waiting == "well"
    pool.close()


async def test_where_the_system_has_no_thread_left_those_that_are_there_do_it(threads, gate, monkeypatch):
    def start(_):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(TooManyWaiting):
            await threads.run(lambda: "well")
    assert await threads.run(lambda: "well") == "well"
    first = asyncio.create_task(threads.run(gate.wait))
    await until(lambda: threads._in_hand)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        second = asyncio.create_task(threads.run(lambda: "later"))
        await asyncio.sleep(0)
    gate.set()
    assert (await first, await second) == (True, "later")


async def test_what_is_given_up_behind_threads_that_hang_keeps_no_place(gate):
    now = 0.0
    pool, begun = Threads("test", 1, waiting=4, clock=lambda: now), threading.Event()
    asked = [asyncio.create_task(pool.run(lambda: begun.set() or gate.wait()))]
    await until(begun.is_set)
    asked += [asyncio.create_task(pool.run(gate.wait)) for _ in range(4)]
    await until(lambda: waiting(pool) == 4)
    with pytest.raises(TooManyWaiting):
        await pool.run(lambda: None)
    for one in asked:
        one.cancel()
    await asyncio.wait(asked)
    now = 2 * HOPELESS
    assert await pool.run(lambda: "well") == "well"
    assert len(pool._threads) == 2
    pool.close()


async def test_a_pool_is_exhausted_while_all_its_threads_hang_and_none_is_replaced(gate):
    now = 0.0
    pool = Threads("test", 2, clock=lambda: now)
    for count in range(1, 2 * (REPLACED + 1) + 1):
        begun = threading.Event()
        hung = asyncio.create_task(pool.run(lambda begun=begun: begun.set() or gate.wait()))
        await until(begun.is_set)
        assert not pool.is_exhausted, "somebody waits for it"
        hung.cancel()
        await asyncio.wait([hung])
        assert pool.is_exhausted is (count % 2 == 0)
        if count % 2 == 0:
            now += 2 * HOPELESS
            assert pool.is_exhausted is (count == 2 * (REPLACED + 1))
    pool.close()


async def test_what_is_lost_holds_nobody_up(gate):
    """Else a question about a number would say nothing of a directory whose threads all hang in searches."""
    now = 0.0
    pool = Threads("test", 1, clock=lambda: now)
    for count in range(REPLACED + 1):
        begun = threading.Event()
        hung = asyncio.create_task(pool.run(lambda begun=begun: begun.set() or gate.wait(), low()))
        await until(begun.is_set)
        hung.cancel()
        await asyncio.wait([hung])
        now += 2 * HOPELESS
        place = Place()
        late = asyncio.create_task(pool.run(lambda: None, place))
        await until(lambda count=count, late=late: late.done() or (count == REPLACED and waiting(pool)))
        assert not place.is_held_up
    gate.set()
    await late
    pool.close()
