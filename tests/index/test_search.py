"""A search in the thread ends in time, says when it could not finish, and leaves room for the next one."""

import asyncio
import sqlite3
import time
from functools import partial

import pytest

from lookupd.index.candidates import CANDIDATES
from lookupd.index.texts import Turn
from tests.sync.ground import people, until

#: counts for minutes, unless it is interrupted
SLOW = """WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted)
SELECT n FROM counted WHERE n < 5 OR n > 1e12"""


def read_slowly(turn: Turn):
    return turn.collect(SLOW, ()), turn.is_partial


def is_read(reader):
    """Whether somebody's turn has come."""
    return any(turn.has_come for turn in reader._texts._turns.values())


async def test_what_takes_too_long_is_interrupted_and_what_was_found_by_then_counts(ground):
    endless = SLOW.replace("n < 5 OR", "n < 20000 OR")
    async with ground.reading(brief=0) as reader:
        begun = time.monotonic()

        def read(turn):
            return turn.collect(endless, ()), turn.is_partial

        rows, is_partial = await reader._texts.within(0.25, read, ([], None))
        assert 0.15 < time.monotonic() - begun < 2
        assert [n for (n,) in rows] == [*range(1, len(rows) + 1)]
        assert len(rows) > 1000
        assert is_partial


async def test_the_next_one_finds_the_connection_as_if_nothing_had_been(ground):
    source = await ground.hold(*people(5))
    async with ground.reading(brief=0) as reader:
        await reader._texts.within(0.02, read_slowly, None)
        found = await reader.search("somebody", [source.uuid], limit=9, patience=10)
        assert (found.total, found.is_partial) == (5, False)


async def test_a_search_whose_turn_does_not_come_in_time_ends_empty_and_says_so(ground):
    source = await ground.hold(*people(5))
    async with ground.reading(brief=0) as reader:
        slow = asyncio.create_task(reader._texts.within(5, read_slowly, None))
        await until(lambda: is_read(reader))
        found = await reader.search("somebody", [source.uuid], limit=9, patience=0.02)
        assert (found.contacts, found.total, found.is_partial) == ((), 0, True)
        assert not slow.done()
        slow.cancel()


async def test_a_search_without_any_time_ends_empty_and_says_so(ground):
    source = await ground.hold(*people(5))
    async with ground.reading(brief=0) as reader:
        for term in ("somebody", ""):
            found = await reader.search(term, [source.uuid], limit=9, patience=0)
            assert (found.contacts, found.is_partial) == ((), True)


@pytest.mark.parametrize("term", ["somebody", "person", ""])
async def test_a_part_of_a_page_is_the_right_part(ground, term):
    """However little time there is: what is shown is true, and nothing is left open."""
    source = await ground.hold(*people(1000))
    most = CANDIDATES if term else 1000
    async with ground.reading(brief=0) as reader:
        seen = set()
        for patience in [0.0002 * step for step in range(60)]:
            found = await reader.search(term, [source.uuid], limit=1000, patience=patience)
            uids = [contact.uid for contact, _ in found.contacts]
            assert uids == sorted(uids)
            assert found.is_partial or (len(uids), found.total) == (most, most)
            seen.add(found.is_partial)
        assert True in seen
        whole = await reader.search(term, [source.uuid], limit=1000, patience=10)
        assert (len(whole.contacts), whole.is_partial) == (most, False)


async def test_whoever_gives_up_ends_what_is_read_for_it(ground):
    source = await ground.hold(*people(5))
    async with ground.reading(brief=0) as reader:
        searches = [asyncio.create_task(reader._texts.within(60, read_slowly, None)) for _ in range(3)]
        await until(lambda: is_read(reader))
        for search in searches:
            search.cancel()
        found = await reader.search("somebody", [source.uuid], limit=9, patience=10)
        assert found.total == 5
        assert all(search.cancelled() for search in searches)
        await until(lambda: not reader._texts._turns)


async def test_many_searches_at_once_each_get_their_turn(ground):
    source = await ground.hold(*people(50))
    async with ground.reading(brief=0) as reader:
        search = partial(reader.search, sources=[source.uuid], limit=9, patience=10)
        founds = await asyncio.gather(*(search(f"person{n:04}") for n in range(50)))
        assert [found.contacts[0][0].uid for found in founds] == [f"{n:04}" for n in range(50)]


async def test_a_reader_closes_in_the_middle_of_a_search(ground):
    async with ground.reading(brief=0) as reader:
        search = asyncio.create_task(reader._texts.within(60, read_slowly, None))
        await until(lambda: is_read(reader))
    with pytest.raises((asyncio.CancelledError, sqlite3.Error)):
        await search


async def test_an_error_is_not_taken_for_the_end_of_the_time(ground):
    async with ground.reading(brief=0) as reader:

        def fail(turn):
            return turn.collect("SELECT abs(-9223372036854775808)", ())

        with pytest.raises(sqlite3.OperationalError, match="integer overflow"):
            await reader._texts.within(10, fail, None)
