"""How many text searches may be under way, by what one takes."""

import asyncio

import pytest

from lookupd.front.limits import Limits
from lookupd.front.load import Load
from lookupd.front.queue import SAMPLE
from lookupd.front.room import Room
from tests.front.site import LOOKUP, REVERSE, Wire, site, wire

LIMITS = Limits(lookups=12, lookups_each=9, lookups_time=0.03, lookups_least=4)


@pytest.mark.parametrize(
    ("cost", "most", "each"),
    [
        (0.0001, 12, 9),
        (0.0025, 12, 9),
        (0.004, 7, 6),
        (0.006, 5, 4),
        (0.25, 4, 3),
    ],
)
def test_as_many_as_are_over_in_time_but_always_some(cost, most, each):
    load = Load()
    room = Room(LIMITS, load, lambda: cost)
    assert (room.most, room.each, load.facts()["most_lookups"]) == (most, each, most)


def test_without_a_cost_there_are_as_many_as_there_may_be():
    room = Room(LIMITS, Load(), None)
    assert (room.most, room.each) == (12, 9)


async def test_others_that_wait_are_not_taken_for_searches():
    async with site(lookups_least=4, search_cost=lambda: 1.0) as here, wire(here) as client:
        assert (await client.ask(REVERSE)).status == 200
        room, [own] = here.front._watch.room, here.front._watch._clients.values()
        here.front._queue.waiting += 2 * SAMPLE
        own.waiting += 2 * SAMPLE
        assert (await client.ask(LOOKUP)).status == 200
        here.front._queue.waiting -= 2 * SAMPLE
        own.lookups_waiting += room.each
        assert (await client.ask(LOOKUP)).status == 503
        own.lookups_waiting -= room.each


async def test_fewer_begin_once_they_take_longer_and_more_when_they_do_not():
    costs = [0.001]
    bounds = {"lookups": 3, "lookups_each": 3, "lookups_time": 0.003, "lookups_least": 1}
    async with (
        site(gate=asyncio.Event(), search_cost=lambda: costs[0], **bounds) as here,
        wire(here) as late,
    ):
        for cost, most in ((0.001, 3), (0.9, 1), (0.001, 3)):
            costs[0] = cost
            here.gate.set()
            assert (await late.ask(LOOKUP)).status == 200  # one that ends says what they take now
            assert here.front.load.most_lookups == most
            here.gate.clear()
            begun = here.begun
            clients = [await Wire.open(here) for _ in range(most)]
            for client in clients:
                client.get(LOOKUP)
            await here.until(lambda: here.begun == begun + most)  # noqa: B023 - awaited in its turn
            assert (await late.ask(LOOKUP)).status == 503
            here.gate.set()
            assert [(await client.reply()).status for client in clients] == [200] * most
            assert (await late.ask(REVERSE)).status == 200
            for client in clients:
                client.close()
