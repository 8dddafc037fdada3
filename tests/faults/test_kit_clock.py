"""A clock that moves when it is told."""

import asyncio
from datetime import timedelta

import pytest

from tests.faults.clock import START, FakeTime


@pytest.fixture
def time():
    return FakeTime()


async def sleeper(time, seconds, woken):
    await time.sleep(seconds)
    woken.append((seconds, time.monotonic()))


def test_it_stands_still(time):
    assert (time.monotonic(), time.now(), time.sleepers, time.next_in) == (0, START, 0, None)


async def test_both_clocks_move_together(time):
    await time.advance(90)
    assert (time.monotonic(), time.now()) == (90, START + timedelta(seconds=90))


async def test_a_step_of_the_wall_clock_moves_nothing_else(time):
    await time.advance(10)
    time.step(-3600)
    assert (time.monotonic(), time.now()) == (10, START + timedelta(seconds=10 - 3600))


async def test_sleepers_wake_in_order_each_at_its_own_time(time):
    woken = []
    async with asyncio.TaskGroup() as tasks:
        for seconds in (300, 1, 20, 1):
            tasks.create_task(sleeper(time, seconds, woken))
        await time.advance(300)
    assert woken == [(1, 1), (1, 1), (20, 20), (300, 300)]


async def test_nobody_wakes_early(time):
    woken = []
    task = asyncio.create_task(sleeper(time, 10, woken))
    await time.advance(9.5)
    assert (woken, time.sleepers, time.next_in) == ([], 1, 0.5)
    await time.advance(0.5)
    assert (woken, task.done()) == ([(10, 10)], True)


async def test_who_sleeps_again_wakes_again_on_the_same_way(time):
    seen = []

    async def backing_off():
        for pause in (1, 2, 4, 8):
            await time.sleep(pause)
            seen.append(time.monotonic())

    task = asyncio.create_task(backing_off())
    await time.advance(10)
    assert seen == [1, 3, 7]
    await time.advance(5)
    assert seen == [1, 3, 7, 15]
    await task


async def test_who_has_something_to_do_before_sleeping_again_gets_the_turns_for_it(time):
    async def busy():
        for _ in range(3):
            await time.sleep(1)
            for _ in range(10):
                await asyncio.create_task(asyncio.sleep(0))

    task = asyncio.create_task(busy())
    await time.advance(3)
    assert task.done()


async def test_parts_of_a_second_add_up(time):
    async def three_times():
        for _ in range(3):
            await time.sleep(0.1)

    task = asyncio.create_task(three_times())
    await time.advance(0.3)
    assert task.done()


async def test_the_smallest_pause_ends_a_wait_for_a_deadline(time):
    async def wait_until(deadline):
        while (left := deadline - time.monotonic()) > 0:
            await time.sleep(left)

    task = asyncio.create_task(wait_until(0.1 + 0.2))
    async with asyncio.timeout(5):
        await time.advance(1)
    assert task.done()


async def test_who_is_cancelled_is_forgotten(time):
    woken = []
    task = asyncio.create_task(sleeper(time, 5, woken))
    await time.advance(1)
    task.cancel()
    await asyncio.wait({task})
    assert time.sleepers == 0
    await time.advance(10)
    assert woken == []


@pytest.mark.parametrize("seconds", [0, -1])
async def test_no_time_passes_without_waiting(time, seconds):
    await time.sleep(seconds)
    assert time.monotonic() == 0
