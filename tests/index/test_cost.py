"""What a search takes, as its end tells."""

import pytest

from lookupd.index.cost import FIRST, MOST, WEIGHT, Cost
from tests.sync.ground import people


def test_it_follows_what_searches_take():
    cost = Cost()
    assert cost.seconds == FIRST
    for number in range(100):
        cost.learn(number, number + 0.02)
    assert cost.seconds == pytest.approx(0.02, rel=0.01)


def test_one_that_waits_for_others_costs_no_more_than_they():
    cost = Cost()
    for number in range(1, 101):
        cost.learn(0.0, 0.01 * number)  # all have come at once
    assert cost.seconds == pytest.approx(0.01, rel=0.01)


def test_a_pause_of_the_process_is_no_cost():
    cost = Cost()
    cost.learn(0.0, 3600.0)
    assert cost.seconds == FIRST + (MOST - FIRST) * WEIGHT


async def test_searches_of_both_ways_are_learned_from(ground):
    source = await ground.hold(*people(5))
    for brief in (60.0, 0.0):  # on the loop, and in the thread
        async with ground.reading(brief=brief) as reader:
            before = reader.search_cost()
            found = await reader.search("somebody", [source.uuid], limit=9)
            assert found.total == 5
            assert reader.search_cost() != before
