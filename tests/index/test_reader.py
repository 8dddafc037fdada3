"""What the index answers: numbers, words, sources and runs."""

import sqlite3

import pytest

from lookupd.errors import SourceError
from lookupd.index.reader import CANDIDATES, Reader
from lookupd.number import Tier, parse, question_keys
from tests.fakes import ADA, BOB, Directory, FakeBackend, source_of
from tests.sync.ground import FRANCE, people, source_with


async def reverse(ground, number, *sources):
    """What a number leads to: (uid, tier) of each contact, in the only source or in these."""
    asked = parse(number, FRANCE)
    async with ground.reading() as reader:
        found = reader.reverse(asked, question_keys(asked), [s.uuid for s in sources] or reader.sources())
    return [(candidate.contact.uid, candidate.tier) for candidate in found]


async def search(ground, term, *sources, limit=100, offset=0):
    """A page of what a term finds, in all sources by id or in these."""
    async with ground.reading() as reader:
        synced = reader.sources()
        uuids = [source.uuid for source in sources] or synced
        return await reader.search(term, [*uuids], limit=limit, offset=offset)


def uids(found):
    return [contact.uid for contact, _ in found.contacts]


def person(uid, name, *numbers):
    return {
        "id": uid,
        "name": name,
        "number": numbers[0] if numbers else None,
        "mobile": (*numbers, None, None)[1],
    }


async def test_a_number_finds_its_contact_as_it_was_stored(ground):
    source = await ground.hold(ADA, BOB)
    asked = parse("0199001234", FRANCE)
    async with ground.reading() as reader:
        [found] = reader.reverse(asked, question_keys(asked), [source.uuid])
    assert found.tier is Tier.EXACT
    assert found.contact.display == "Ada Bélanger"
    assert found.contact.fields == {**ADA, "reverse": "Ada Bélanger"}
    assert [(listed.number.key, listed.rank) for listed in found.contact.numbers] == [
        ("+33199001234", 0),
        ("+33639981234", 1),
    ]
    assert (found.synced.name, found.synced.contacts, found.synced.generation) == ("fake", 2, 1)


async def test_an_unknown_number_finds_nobody(ground):
    await ground.hold(ADA)
    assert await reverse(ground, "+33199009999") == []


async def test_a_number_is_looked_for_in_the_sources_asked_only(ground):
    one, other = await ground.hold(ADA, name="one"), await ground.hold(BOB, name="other")
    assert await reverse(ground, ADA["number"], one, other) == [("1", Tier.EXACT)]
    assert await reverse(ground, ADA["number"], other) == []


async def test_of_two_contacts_with_a_number_the_one_in_the_first_column_comes_first(ground):
    number = "+33199001234"
    rows = [person("a", "Mobile", None, number), person("z", "Desk", number), person("y", "Desk too", number)]
    await ground.hold(*rows)
    assert [uid for uid, _ in await reverse(ground, number)] == ["y", "z", "a"]


async def test_an_earlier_column_counts_within_each_source(ground):
    number = "+33199001234"
    await ground.hold(person("m", "Mobile", None, number), name="one")
    await ground.hold(person("d", "Desk", number), name="other")
    assert [uid for uid, _ in await reverse(ground, number)] == ["m", "d"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("+33199001200;ext=7", [("seven", Tier.EXACT)]),
        ("+33199001200;ext=8", [("eight", Tier.EXACT)]),
        ("+33199001200;ext=9", []),
        ("+33199001200", [("eight", Tier.EXTENSION), ("seven", Tier.EXTENSION)]),
    ],
)
async def test_two_extensions_of_a_number_are_two_persons(ground, asked, expected):
    rows = [
        person("seven", "Seven", "+33 1 99 00 12 00 ext. 7"),
        person("eight", "Eight", "+33199001200;ext=8"),
    ]
    await ground.hold(*rows)
    assert await reverse(ground, asked) == expected


async def test_a_block_answers_only_where_no_contact_has_the_number_itself(ground):
    await ground.hold(person("acme", "ACME", "+33 1 99 00 12 xx"), person("ann", "Ann", "+33199001234"))
    assert await reverse(ground, "+33199001234") == [("ann", Tier.EXACT)]
    assert await reverse(ground, "+33199001299") == [("acme", Tier.COMPANY)]


async def test_the_last_digits_answer_in_a_source_that_was_stored_with_them(ground):
    source = source_with(FakeBackend(Directory(rows=[ADA])), with_suffix=True)
    await ground.sync(source)
    assert await reverse(ground, "+49199001234") == [("1", Tier.SUFFIX)]
    async with ground.reading() as reader:
        asked = parse("+33199001234", FRANCE)
        [found] = reader.reverse(asked, question_keys(asked), [source.uuid])
    assert [listed.number.key for listed in found.contact.numbers] == ["+33199001234", "+33639981234"]


async def test_a_reader_notices_by_itself_that_the_index_changed(ground):
    directory = Directory(rows=[ADA])
    source = source_of(directory)
    await ground.sync(source)
    async with ground.reading() as reader:
        [before] = reader.sources().values()
        directory.rows.append(BOB)
        await ground.sync(source)
        [after] = reader.sources().values()
        asked = parse(BOB["number"], FRANCE)
        [found] = reader.reverse(asked, question_keys(asked), [source.uuid])
    assert (before.generation, before.contacts) == (1, 1)
    assert (after.generation, after.contacts) == (2, 2)
    assert found.synced == after


async def test_a_reader_follows_to_an_index_that_was_made_anew(ground):
    await ground.hold(ADA)
    asked = parse(BOB["number"], FRANCE)
    async with ground.reading() as reader:
        assert uids(await reader.search("", [*reader.sources()], limit=9)) == ["1"]
        ground.paths.index.unlink()
        assert len(reader.sources()) == 1
        source = await ground.hold(BOB)
        [found] = reader.reverse(asked, question_keys(asked), [source.uuid])
        [synced] = reader.sources().values()
        assert uids(await reader.search("bob", [synced.uuid], limit=9)) == [found.contact.uid] == ["2"]
        assert len(await reader.runs(source.uuid)) == 1


async def test_the_sources_are_not_read_again_while_nothing_changes(ground):
    source = await ground.hold(ADA)
    async with ground.reading() as reader:
        assert reader.sources()[source.uuid] is reader.sources()[source.uuid]


async def test_a_source_that_was_never_synced_is_not_there(ground):
    async with ground.reading() as reader:
        assert reader.sources() == {}


async def test_whole_words_come_before_beginnings_of_words(ground):
    await ground.hold(person("1", "Annabel Adams"), person("2", "Zoe Ann"), person("3", "Ann Zimmer"))
    assert uids(await search(ground, "ann")) == ["3", "2", "1"]


async def test_earlier_columns_come_before_later_ones(ground):
    rows = [{"id": "1", "name": "Zoe", "town": "Paris"}, {"id": "2", "name": "Paris Hill", "town": "Rome"}]
    await ground.hold(*rows, searched_columns=["name", "town"])
    assert uids(await search(ground, "paris")) == ["2", "1"]


async def test_equally_good_contacts_come_in_the_order_of_their_sources(ground):
    one = await ground.hold(person("1", "Ann Z"), name="one")
    other = await ground.hold(person("2", "Ann A"), name="other")
    assert uids(await search(ground, "ann", one, other)) == ["1", "2"]
    assert uids(await search(ground, "ann", other, one)) == ["2", "1"]


async def test_a_search_leaves_out_sources_that_were_not_asked(ground):
    one = await ground.hold(person("1", "Ann One"), name="one")
    await ground.hold(person("2", "Ann Other"), name="other")
    found = await search(ground, "ann", one)
    assert (uids(found), found.total, found.is_cut) == (["1"], 1, False)


async def test_every_word_must_be_found(ground):
    await ground.hold(person("1", "Ann Adams"), person("2", "Ann Bell"))
    assert uids(await search(ground, "bel ann")) == ["2"]
    assert uids(await search(ground, "ann cook")) == []


@pytest.mark.parametrize("term", ["0639", "+33 6 39", "06.39.98", "003363998", "Ada 33639981234"])
async def test_the_digits_of_a_number_find_its_contact(ground, term):
    await ground.hold(ADA, BOB)
    assert uids(await search(ground, term)) == ["1"]


@pytest.mark.parametrize("term", ["97", "*97", "*97*12#", "12", "*9"])
async def test_a_code_is_found_by_its_digits_and_is_no_damage(ground, term):
    await ground.hold(ADA, {**BOB, "number": "*97*12#"})
    assert uids(await search(ground, term)) == [BOB["id"]]


@pytest.mark.parametrize(
    "term", ["%", "'", '"*', "(", "NOT", "a AND", "terms:", "-", "^", "{x}", "\x00", "\ud800"]
)
async def test_no_term_is_a_mistake(ground, term):
    await ground.hold(ADA, BOB)
    assert uids(await search(ground, term)) in ([], ["1"], ["1", "2"])


async def test_a_term_without_a_letter_or_digit_finds_nobody(ground):
    await ground.hold(ADA)
    found = await search(ground, "?!")
    assert (found.contacts, found.total, found.is_cut) == ((), 0, False)


async def test_an_empty_term_lists_everybody_by_name(ground):
    rows = [person("1", "Émile"), person("2", "zoe"), person("3", "Ann"), person("4", "Öde")]
    await ground.hold(*rows)
    found = await search(ground, " ")
    assert (uids(found), found.total, found.is_cut) == (["3", "1", "4", "2"], 4, False)


async def test_an_empty_term_lists_the_sources_asked_only(ground):
    one = await ground.hold(ADA, name="one")
    await ground.hold(BOB, name="other")
    found = await search(ground, "", one)
    assert (uids(found), found.total) == (["1"], 1)


@pytest.mark.parametrize("term", ["", "somebody"])
@pytest.mark.parametrize(
    ("limit", "offset", "expected"), [(2, 0, [0, 1]), (2, 4, [4]), (2, 9, []), (0, 0, [])]
)
async def test_every_page_tells_how_many_there_are_in_all(ground, term, limit, offset, expected):
    await ground.hold(*people(5))
    found = await search(ground, term, limit=limit, offset=offset)
    assert (uids(found), found.total) == ([f"{n:04}" for n in expected], 5)


@pytest.mark.parametrize(("count", "is_cut"), [(CANDIDATES, False), (CANDIDATES + 1, True)])
async def test_a_search_says_when_there_are_more_than_are_counted(ground, count, is_cut):
    await ground.hold(*people(count))
    found = await search(ground, "somebody", limit=1)
    assert (found.total, found.is_cut) == (CANDIDATES, is_cut)
    behind = await search(ground, "somebody", limit=1, offset=CANDIDATES + 1)
    assert (behind.total, behind.is_cut) == (CANDIDATES, is_cut)


async def test_runs_come_newest_first_and_no_more_than_asked(ground):
    directory = Directory(rows=[ADA])
    source = source_of(directory)
    await ground.sync(source)
    directory.rows.append(BOB)
    await ground.sync(source)
    async with ground.reading() as reader:
        newest, first = await reader.runs(source.uuid)
        assert await reader.runs(source.uuid, limit=1) == [newest]
        assert await reader.runs("no such source") == []
    assert (first.outcome, first.added, first.unchanged, first.is_full, first.error) == (
        "succeeded",
        1,
        0,
        True,
        None,
    )
    assert (newest.added, newest.unchanged, newest.oddities) == (1, 1, ())
    assert newest.started_at >= first.started_at
    assert newest.seconds > 0


async def test_a_failed_run_is_told_with_its_error(ground):
    source = source_of(Directory(error=SourceError("the directory is down")))
    with pytest.raises(SourceError):
        await ground.sync(source)
    async with ground.reading() as reader:
        [failed] = await reader.runs(source.uuid)
    assert (failed.outcome, failed.error) == ("failed", "the directory is down")


async def test_a_reader_cannot_write(ground):
    async with ground.reading() as reader:
        with pytest.raises(sqlite3.OperationalError):
            await reader._texts.rows("DELETE FROM source", ())
        with pytest.raises(sqlite3.OperationalError):
            reader._points.execute("DELETE FROM source")


@pytest.mark.parametrize(("seconds", "is_seen"), [(1e-9, True), (3600.0, False)])
async def test_a_look_lasts_as_long_as_it_is_to(ground, seconds, is_seen):
    await ground.hold(ADA)
    reader = await Reader.open(ground.paths.index, seconds)
    try:
        before = reader.sources()
        ground.rows("UPDATE source SET name = 'another'")  # without a turn of the loop in between
        assert (reader.sources() != before) is is_seen
    finally:
        await reader.close()
