"""Who is shown when a number calls: the same as the whole way finds, though it is read from one page."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.errors import IndexUnusable
from lookupd.index import reader as reading
from lookupd.index import scrub
from lookupd.index.caller import SOURCE, span
from lookupd.number import Tier, parse, question_keys
from tests.fakes import ADA, BOB, Directory, FakeBackend, source_of
from tests.index.test_damage import heals, spoilt
from tests.sync.ground import FRANCE, source_with

#: it has more digits than E.164 allows, as some numbers of Germany do
LONG = "+49134264133207832"
ASKED = [LONG, "+33199001234", "+33199001234;ext=7", "+33199001299", "+49199001234", "4711", "+33199009999"]


def person(uid, number=None, mobile=None):
    return {"id": uid, "name": f"Person {uid}", "number": number, "mobile": mobile}


def callers(reader, asked, uuids, *, with_suffix=False):
    return reader.callers(parse(asked, FRANCE), uuids, with_suffix=with_suffix)


def firsts(reader, asked, uuids, *, with_suffix=False):
    """The names of the first of each source, as the whole way finds them."""
    number = parse(asked, FRANCE)
    found = reader.reverse(number, question_keys(number, with_suffix=with_suffix), uuids)
    found.sort(key=lambda candidate: candidate.tier is not Tier.EXACT)
    return {
        candidate.synced.name: (candidate.contact.display, candidate.contact.body)
        for candidate in reversed(found)
    }


async def check(ground):
    """Fail unless both ways agree, for every number and all sources, or each."""
    ground.check()
    assert scrub.problem(ground.paths.index, lambda: False) is None
    async with ground.reading() as reader:
        for asked in ASKED:
            for uuids in ([*reader.sources()], *([uuid] for uuid in reader.sources())):
                for with_suffix in (False, True):
                    shown = callers(reader, asked, uuids, with_suffix=with_suffix)
                    by_source = {one.synced.name: (one.display, one.body) for one in reversed(shown)}
                    assert by_source == firsts(reader, asked, uuids, with_suffix=with_suffix)


@pytest.mark.parametrize(
    "rows",
    [
        [person("z", "+33199001234"), person("a", None, "+33199001234"), person("y", "+33199001234")],
        [person("a", "+33199001234 ext. 7"), person("b", None, "+33199001234")],
        [person("a", "+33199001234"), person("b", None, "+33199001234 ext. 7")],
        [person("b", "+33199001234 ext. 7"), person("a", "+33199001234 ext. 8")],
        [person("a", "+33199001234 ext. 7", "+33199001234")],
        [person("a", "+33 1 99 00 12 xx"), person("b", "+33199001234")],
        [person("a", "+33 1 99 00 12 xx"), person("b", "+33 1 99 00 xx xx")],
        [person("a", "4711")],
        [person("a", LONG), person("b", None, LONG)],
        [],
    ],
)
async def test_of_each_source_the_first_is_shown(ground, rows):
    await ground.hold(*rows, name="one")
    await ground.hold(person("o", "+33199001234"), name="other")
    await check(ground)


@pytest.mark.parametrize("kept", [0, 3, 4])
async def test_it_does_not_matter_how_many_contacts_are_written_at_once(ground, kept):
    """Where most are, the callers of all are made, else those of some numbers."""
    shared, other = "+33199001234", "+33199001299"
    unchanged = [person(f"k{at}", f"+3319900777{at}", shared) for at in range(kept)]
    directory = Directory(rows=[person("m", shared, other), person("n", other, shared), *unchanged])
    source = source_of(directory)
    await ground.sync(source)
    await ground.hold(person("o", shared, other), name="other")
    await check(ground)
    directory.rows = [
        person("a", shared),
        person("m", "+49199001234", other),  # no longer the first number, and no other in its place
        person("p", f"{other} ext. 7"),
        person("q", "+33199009999"),
        *unchanged,
    ]
    plan = await ground.sync(source, accept_loss=True)
    assert plan.is_mostly_new == (kept < 4)
    await check(ground)
    names = dict(ground.rows("SELECT id >> 13, display FROM caller WHERE id & ? = 1", SOURCE))
    assert names == {
        33199001234: "Person a",
        49199001234: "Person m",
        33199001299: "Person m",
        33199009999: "Person q",
        **{33199007770 + at: f"Person k{at}" for at in range(kept)},
    }


async def test_the_last_digits_are_looked_for_where_a_profile_wants_them(ground):
    await ground.sync(source_with(FakeBackend(Directory(rows=[ADA])), with_suffix=True))
    await check(ground)
    async with ground.reading() as reader:
        assert callers(reader, "+49199001234", reader.sources()) == []
        [found] = callers(reader, "+49199001234", reader.sources(), with_suffix=True)
        assert found.display == ADA["name"]


async def test_where_blocks_are_too_many_to_remember_the_index_is_asked_for_them(ground, monkeypatch):
    await ground.hold(person("a", "+33 1 99 00 12 xx"), person("b", "+33 1 99 00 xx xx"))
    for most in (2, 1):
        monkeypatch.setattr(reading, "BLOCKS", most)
        async with ground.reading() as reader:
            [found] = callers(reader, "+33199001299", reader.sources())
            assert found.display == "Person a"
            assert (reader._blocks is None) == (most == 1)
        await check(ground)


async def test_a_source_whose_id_is_too_high_is_looked_through_the_whole_way(ground):
    await ground.hold(person("a", "+33199001235"), name="low")
    ground.rows("INSERT INTO source (id, uuid, name) VALUES (?, 'u', 'former')", SOURCE + 1)
    # The ids it would have are those of other numbers in other sources.
    source = await ground.hold(person("a", "+33199001234"), person("b", "+33199001235"), name="high")
    async with ground.reading() as reader:
        assert reader.sources()[source.uuid].id == SOURCE + 2
    assert ground.rows("SELECT count(*) FROM caller") == [(1,)]
    await check(ground)


async def test_who_is_shown_changes_with_a_sync(ground):
    directory = Directory(rows=[ADA])
    source = source_of(directory)
    await ground.sync(source)
    async with ground.reading() as reader:
        assert [one.display for one in callers(reader, ADA["number"], [source.uuid])] == [ADA["name"]]
        directory.rows = [{**ADA, "name": "Ada Dupont", "mobile": None}, BOB]
        await ground.sync(source)
        assert [one.display for one in callers(reader, ADA["number"], [source.uuid])] == ["Ada Dupont"]
        assert callers(reader, ADA["mobile"], [source.uuid]) == []
        assert [one.display for one in callers(reader, BOB["number"], [source.uuid])] == [BOB["name"]]
    await check(ground)


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE caller SET display = 'Ada Bélangez'",
        "UPDATE caller SET display = NULL",
        "UPDATE caller SET body = replace(body, 'Ada', 'Add')",
        "UPDATE caller SET checksum = checksum + 1",
        "UPDATE caller SET id = id + (2 << 13) WHERE id >> 13 = 33199001232",
        "UPDATE caller SET display = CAST(x'41ff' AS TEXT)",
    ],
)
async def test_who_is_not_what_was_stored_is_not_shown(ground, spoil):
    await ground.hold(ADA, {**BOB, "number": "+33199001232"})
    async with ground.reading() as reader:
        if "2 << 13" in spoil:
            ground.rows("DELETE FROM caller WHERE id >> 13 = 33199001234")
        await spoilt(ground, spoil)
        with pytest.raises(IndexUnusable, match=r"was stored|decode"):
            callers(reader, "+33199001234", reader.sources())
        await heals(ground, reader)


async def test_where_a_table_is_gone_nobody_is_shown(ground):
    await ground.hold(ADA)
    async with ground.reading() as reader:
        assert callers(reader, ADA["number"], reader.sources())
        await spoilt(ground, "DROP TABLE caller")
        with pytest.raises(IndexUnusable, match="no such table"):
            callers(reader, ADA["number"], reader.sources())
        await heals(ground, reader)


KEYS = st.from_regex(r"\+[0-9]{1,18}x{0,4}|~[0-9]{9}|[0-9*#]{1,9}", fullmatch=True)


@given(KEYS, KEYS)
def test_the_ids_of_a_key_are_those_of_no_other(key, other):
    """`Ground.check` holds what is written against the same expression."""
    assert (span(key) is not None) == bool(re.fullmatch(r"\+[1-9][0-9]{0,14}", key))
    if key != other and span(key) and span(other):
        (first, last), (other_first, other_last) = span(key), span(other)
        assert last < other_first or other_last < first
        assert -(2**63) <= first <= last < 2**63
