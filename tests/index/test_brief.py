"""A search that is over at once needs no thread; what is not is ended, and done in one."""

import asyncio
import sqlite3
import threading
import time

import pytest

from lookupd.index import database
from lookupd.index.brief import CAPACITY, Briefly, TakesLong
from tests.index.test_search import is_read, read_slowly
from tests.sync.ground import people, until

#: seconds of a short turn: more than a busy machine keeps anybody waiting for
SPAN = 0.25


@pytest.fixture
def briefly(ground):
    made = Briefly(ground.paths.index, lambda: 1, SPAN)
    yield made
    made.close()


@pytest.fixture
def patient(ground):
    """One that ends nothing because of the time it takes, so that a busy machine does not matter."""
    made = Briefly(ground.paths.index, lambda: 1, 60.0)
    yield made
    made.close()


async def test_it_is_found_while_the_thread_is_taken(ground):
    source = await ground.hold(*people(5))
    async with ground.reading(brief=1.0) as reader:
        slow = asyncio.create_task(reader._texts.within(60, read_slowly, None))
        await until(lambda: is_read(reader))
        found = await reader.search("somebody", [source.uuid], limit=9)
        assert (found.total, found.is_partial, slow.done()) == (5, False, False)
        slow.cancel()


async def test_there_is_no_search_for_who_has_no_time(ground):
    source = await ground.hold(*people(5))
    async with ground.reading(brief=60) as reader:
        found = await reader.search("somebody", [source.uuid], limit=9, patience=0)
        assert (found.contacts, found.is_partial) == ((), True)


@pytest.mark.parametrize("term", ["somebody", "per", "person0007", "person0007 some", ""])
async def test_both_ways_find_the_same(ground, term):
    source = await ground.hold(*people(1100))
    found = []
    for brief in (0, 60):
        async with ground.reading(brief=brief) as reader:
            found.append(await reader.search(term, [source.uuid], limit=50, offset=3, patience=60))
    assert found[0] == found[1]
    assert found[0].contacts or "0007" in term


async def test_what_takes_long_is_interrupted_and_the_next_turn_is_as_if_nothing_had_been(briefly):
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(TakesLong):
            briefly.done("", read_slowly)
        assert time.monotonic() - began < 5
        assert briefly.done("", lambda turn: turn.rows("SELECT 1", ())) == [(1,)]


async def test_what_finds_many_is_ended_early_and_not_tried_again(patient):
    counted = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c LIMIT ?"
    tried = []

    def read(count):
        def collect(turn):
            tried.append(count)
            return turn.collect(counted, (count,))

        return collect

    assert len(patient.done("few", read(127))) == 127
    for _ in range(2):
        with pytest.raises(TakesLong):
            patient.done("many", read(128))
    assert tried == [127, 128]
    for term in range(CAPACITY):
        with pytest.raises(TakesLong):
            patient.done(str(term), read(128))
    assert len(patient.done("many", read(5))) == 5  # it was forgotten


async def test_what_is_late_between_two_statements_is_ended_and_tried_again(briefly):
    def read(turn):
        time.sleep(1.2 * SPAN)
        return turn.collect("SELECT 1", ())

    for _ in range(2):
        with pytest.raises(TakesLong):
            briefly.done("slow", read)
    assert briefly.done("slow", lambda turn: turn.collect("SELECT 1", ())) == [(1,)]


async def test_an_error_that_is_none_of_time_is_told_as_it_is(briefly):
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        briefly.done("", lambda turn: turn.rows("SELECT * FROM absent", ()))


async def test_it_follows_the_file_that_is_the_index(ground):
    source = await ground.hold(*people(5))
    async with ground.reading(brief=60) as reader:
        assert (await reader.search("somebody", [source.uuid], limit=9)).total == 5
        ground.paths.index.unlink()
        for rest in ("-wal", "-shm"):
            ground.paths.index.with_name(f"{ground.paths.index.name}{rest}").unlink(missing_ok=True)
        database.prepare(ground.paths.index)
        assert (await reader.search("somebody", [source.uuid], limit=9)).total == 0


async def test_an_index_that_cannot_be_opened_leaves_no_thread_behind(ground, monkeypatch):
    def fail(*_):
        raise sqlite3.OperationalError("database is locked")

    before = threading.active_count()
    monkeypatch.setattr("lookupd.index.reader.Briefly", fail)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        async with ground.reading():
            pass
    await until(lambda: threading.active_count() <= before)
