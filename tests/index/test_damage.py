"""What a reader makes of damage: nothing wrong is shown, and a damaged file is set aside by itself."""

import asyncio
import os
import sqlite3
from contextlib import closing

import pytest

from lookupd.errors import IndexUnusable
from lookupd.index import database
from lookupd.index.checksum import Damaged
from lookupd.number import parse, question_keys
from tests.fakes import ADA, BOB
from tests.sync.ground import FRANCE, garble_schema, people, until


def holders(reader, number, *, uuids=None):
    asked = parse(number, FRANCE)
    found = reader.reverse(asked, question_keys(asked), uuids or reader.sources())
    return [candidate.contact.display for candidate in found]


async def spoilt(ground, statement):
    """Spoil the index, and let the next turn of the loop come, which sees it."""
    ground.rows(statement)
    await asyncio.sleep(0)


async def heals(ground, reader):
    """Wait until the damaged file is set aside, and the reader has an empty one."""
    await until(ground.paths.index.with_name("index.db.damaged").exists)
    await until(lambda: _sources(reader) == {})
    assert (await reader.search("", ["u"], limit=9)).contacts == ()
    ground.check()


def _sources(reader):
    try:
        return reader.sources()
    except IndexUnusable:
        return None


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE contact SET display = 'Ada Bélangez' WHERE uid = '1'",
        "UPDATE contact SET display = NULL WHERE uid = '1'",
        "UPDATE contact SET body = replace(body, 'Ada', 'Add') WHERE uid = '1'",
        "UPDATE contact SET uid = '3' WHERE uid = '1'",
        "UPDATE contact SET terms = replace(terms, 'ada', 'adb') WHERE uid = '1'",
        "UPDATE contact SET numbers = replace(numbers, '1234', '1235') WHERE uid = '1'",
        "UPDATE contact SET checksum = checksum + 1 WHERE uid = '1'",
        "UPDATE contact SET display = CAST(x'41ff' AS TEXT) WHERE uid = '1'",
        "DELETE FROM contact WHERE uid = '1'",
        "UPDATE number SET contact_id = 2 WHERE key = '+33199001234'",
        "UPDATE number SET extension = '7' WHERE key = '+33199001234'",
        "UPDATE number SET rank = 1 WHERE key = '+33199001234'",
    ],
)
async def test_a_contact_that_is_not_what_was_stored_is_not_shown_for_its_number(ground, spoil):
    await ground.hold(ADA, BOB)
    async with ground.reading() as reader:
        assert holders(reader, ADA["number"]) == [ADA["name"]]
        await spoilt(ground, spoil)
        with pytest.raises(IndexUnusable, match="the index cannot be read"):
            holders(reader, ADA["number"])
        await heals(ground, reader)


@pytest.mark.parametrize("term", ["ada", ""])
@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE contact SET display = 'Ada Bélangez' WHERE uid = '1'",
        "UPDATE contact SET body = replace(body, 'Ada', 'Add') WHERE uid = '1'",
        "UPDATE contact SET source_id = 2 WHERE uid = '1'",
    ],
)
async def test_a_contact_that_is_not_what_was_stored_is_not_found_by_its_name(ground, term, spoil):
    await ground.hold(ADA, name="one")
    await ground.hold(BOB, name="other")
    async with ground.reading() as reader:
        ground.rows(spoil)
        with pytest.raises(IndexUnusable):
            await reader.search(term, [*reader.sources()], limit=9)
        await heals(ground, reader)


async def test_words_that_lead_to_another_contact_show_nobody(ground):
    await ground.hold(ADA, BOB)
    ground.rows("INSERT INTO search (rowid, terms) SELECT 2, terms FROM contact WHERE uid = '1'")
    async with ground.reading() as reader:
        with pytest.raises(IndexUnusable, match="does not have the words that led to it"):
            await reader.search("ada", [*reader.sources()], limit=9)
        await heals(ground, reader)


@pytest.mark.parametrize("value", ["1e300", "-1e300", "1e15"])
async def test_a_time_that_was_never_stored_is_damage(ground, value):
    await ground.hold(ADA)
    ground.rows(f"UPDATE source SET synced_at = {value}")
    async with ground.reading() as reader:
        with pytest.raises(IndexUnusable, match="source 1 is not what was stored"):
            reader.sources()
        await heals(ground, reader)


async def test_a_run_that_was_never_noted_so_is_damage(ground):
    source = await ground.hold(ADA)
    ground.rows("UPDATE run SET oddities = '['")
    async with ground.reading() as reader:
        with pytest.raises(IndexUnusable, match="a past run is not what was stored"):
            await reader.runs(source.uuid)


@pytest.mark.parametrize("part", [0, 2], ids=["to nothing", "to the half"])
async def test_a_file_that_is_cut_off_under_a_reader_is_survived(ground, part):
    """With the file mapped into memory, this process would be killed here."""
    source = await ground.hold(*people(2000))
    async with ground.reading() as reader:
        ground.rows("UPDATE source SET name = 'renamed'")  # in the log, which says how long the file is
        assert len(reader.sources()) == 1
        size = ground.paths.index.stat().st_size
        os.truncate(ground.paths.index, size // part if part else 0)
        answers = [_asked(reader, f"019900{n // 100:02}{n % 100:02}", source) for n in range(2000)]
        for n, names in enumerate(answers):
            assert names in (None, [], [f"Person{n:04} Somebody"])
        assert None in answers
        await heals(ground, reader)


def _asked(reader, number, source):
    try:
        return holders(reader, number, uuids=[source.uuid])
    except IndexUnusable:
        return None


async def test_a_schema_that_is_no_text_is_set_aside_when_the_index_is_opened(ground, caplog):
    await ground.hold(ADA)
    garble_schema(ground)
    database.prepare(ground.paths.index)
    assert "malformed database schema" in caplog.text
    assert ground.paths.index.with_name("index.db.damaged").exists()
    ground.check()


async def test_what_could_not_be_read_does_not_keep_a_reader_from_seeing_what_comes(ground, monkeypatch):
    """Python leaves a statement open that gave a text that is none."""
    await ground.hold(ADA)
    async with ground.reading() as reader:
        monkeypatch.setattr(reader._repair, "start", lambda _: None)
        await spoilt(ground, "UPDATE contact SET display = CAST(x'41ff' AS TEXT)")
        with pytest.raises(IndexUnusable):
            reader.callers(parse(f"{ADA['number']} ext. 7", FRANCE), reader.sources(), with_suffix=False)
        await spoilt(ground, "UPDATE source SET name = 'renamed'")
        assert [source.name for source in reader.sources().values()] == ["renamed"]
        await asyncio.sleep(0)
        assert ground.rows("PRAGMA wal_checkpoint(TRUNCATE)")[0][0] == 0


async def test_a_search_in_a_file_that_is_cut_off_is_no_crash(ground):
    source = await ground.hold(*people(2000))
    async with ground.reading() as reader:
        os.truncate(ground.paths.index, ground.paths.index.stat().st_size // 4)
        with pytest.raises(IndexUnusable, match="malformed"):
            await reader.search("somebody", [source.uuid], limit=9)
        await heals(ground, reader)


async def test_an_index_that_is_locked_is_no_damage(ground):
    await ground.hold(ADA)
    async with ground.reading() as reader:
        assert holders(reader, ADA["number"]) == [ADA["name"]]
    with closing(sqlite3.connect(ground.paths.index, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("UPDATE source SET name = 'mine'")
        async with ground.reading() as reader:
            with pytest.raises(IndexUnusable, match="locked"):
                reader.sources()
            assert reader._repair._thread is None
    assert not ground.paths.index.with_name("index.db.damaged").exists()


async def test_what_was_wrong_in_memory_only_is_read_again_from_a_file_that_stays(ground, caplog):
    await ground.hold(ADA)
    async with ground.reading() as reader:
        points = reader._points
        reader._repair.start(Damaged("contact 1 is not what was stored", contact_id=1))
        await until(lambda: reader._repair.in_vain == 1)
        assert holders(reader, ADA["number"]) == [ADA["name"]]
        assert reader._points is not points
        assert [
            contact.uid for contact, _ in (await reader.search("ada", [*reader.sources()], limit=9)).contacts
        ]
    assert "is sound: opened anew" in caplog.text
    assert not ground.paths.index.with_name("index.db.damaged").exists()


async def test_of_many_who_meet_damage_one_looks_at_it(ground, caplog):
    await ground.hold(ADA, BOB)
    async with ground.reading() as reader, ground.reading() as other:
        await spoilt(ground, "UPDATE contact SET display = 'nobody'")
        for _ in range(100):
            for one in (reader, other):
                assert _asked_all(one, ADA["number"]) in (None, [])
        await heals(ground, reader)
        await heals(ground, other)
    assert caplog.text.count("everything is pulled again") == 1


def _asked_all(reader, number):
    try:
        return holders(reader, number)
    except IndexUnusable:
        return None
