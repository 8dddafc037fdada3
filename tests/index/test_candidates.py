"""Which contacts a term finds where more fit than are ranked, and where its beginnings are long."""

import re
from importlib.resources import files

import pytest

from lookupd.index import candidates, search
from lookupd.index.candidates import CANDIDATES, LISTED
from tests.index.test_damage import heals


def named(*names, **columns):
    return [{"id": f"{place:05}", "name": name, **columns} for place, name in enumerate(names)]


async def found_by(reader, term, sources=None, *, limit=1000, offset=0):
    found = await reader.search(term, sources or [*reader.sources()], limit=limit, offset=offset, patience=30)
    assert not found.is_partial
    return found


def names(found):
    return [contact.fields["name"] for contact, _ in found.contacts]


def test_beginnings_are_as_long_as_the_longest_that_is_listed():
    schema = files("lookupd.index").joinpath("schema.sql").read_text(encoding="utf-8")
    [listed] = re.findall(r"prefix = '([0-9 ]+)'", schema)
    assert max(map(int, listed.split())) == LISTED


async def test_a_whole_word_is_found_behind_more_beginnings_than_are_ranked(ground):
    await ground.hold(*named(*(f"Ann{number:04} Somebody" for number in range(1100)), "Zoé Ann"))
    async with ground.reading() as reader:
        found = await found_by(reader, "ann")
        assert names(found)[:2] == ["Zoé Ann", "Ann0000 Somebody"]
        assert (len(found.contacts), found.total, found.is_cut) == (CANDIDATES, CANDIDATES, True)


async def test_pages_of_what_was_cut_follow_each_other(ground):
    await ground.hold(*named(*(f"Ann{number:04} Somebody" for number in range(1100)), "Zoé Ann"))
    async with ground.reading() as reader:
        whole = names(await found_by(reader, "ann"))
        pages = [await found_by(reader, "ann", limit=200, offset=offset) for offset in range(0, 800, 200)]
        assert [name for page in pages for name in names(page)] == whole


@pytest.mark.parametrize(
    ("term", "firsts"),
    [
        ("cherrya", ["Cherrya"]),
        ("cherryb", ["Cherryb"]),
        ("cherry", ["Cherrya", "Cherryb", "Cherryc"]),
        ("cherryc 0", ["Cherryc"]),
        ("0 cherryb", ["Cherryb"]),
        ("cherrz", []),
        ("cherrya cherryb", []),
    ],
)
async def test_a_long_beginning_finds_all_that_have_it_however_many_have_its_first_letters(
    ground, term, firsts
):
    """Of the first letters most, some and few have it: each is found another way."""
    counts = {"Cherrya": 280, "Cherryb": 170, "Cherryc": 12}
    people = [f"{first} 0{number:04}" for first, count in counts.items() for number in range(count)]
    await ground.hold(*named(*people))
    async with ground.reading() as reader:
        found = await found_by(reader, term)
        assert names(found) == [name for name in people if name.split()[0] in firsts]
        assert (found.total, found.is_cut) == (len(found.contacts), False)


@pytest.mark.parametrize("term", ["exampl", "example", "exampl someb", "someb exampl 0"])
async def test_a_long_beginning_that_everybody_has_is_cut_like_a_short_one(ground, term, monkeypatch):
    monkeypatch.setattr(candidates, "CANDIDATES", 300)
    people = [f"0{number:04} Somebody" for number in range(400)]
    await ground.hold(*named(*people, mail="somebody@example.com"), searched_columns=["name", "mail"])
    async with ground.reading() as reader:
        found = await found_by(reader, term)
        assert names(found) == people[:300]
        assert found.is_cut


async def test_a_long_beginning_is_found_by_each_of_its_spellings(ground):
    await ground.hold(*named("Müllarius", "Muellarius", "Mullarius", "Mueller", "Müller"))
    async with ground.reading() as reader:
        assert names(await found_by(reader, "müllar")) == ["Muellarius", "Mullarius", "Müllarius"]
        assert names(await found_by(reader, "muellar")) == ["Muellarius", "Müllarius"]


async def test_first_letters_that_lead_to_another_contact_show_nobody(ground):
    await ground.hold(*named("Ada Cherrya", "Bob", "Cherrya"))
    ground.rows("INSERT INTO search (rowid, terms) SELECT id, 'cherryb' FROM contact WHERE uid = '00001'")
    async with ground.reading() as reader:
        with pytest.raises(Exception, match="does not have the words that led to it"):
            await found_by(reader, "cherrya")
        await heals(ground, reader)


@pytest.mark.parametrize("small", [0, 20_000])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_everybody_is_listed_source_by_source_in_their_order(ground, small, limit, monkeypatch):
    monkeypatch.setattr(search, "SMALL", small)
    later = await ground.hold(*named("Ann", "Bo", "Cleo"), name="later")
    none = await ground.hold(name="none")
    first = await ground.hold(*named("Zoé", "Yves"), name="first")
    async with ground.reading() as reader:
        order = [first.uuid, none.uuid, "never synced", later.uuid]
        pages = [
            await found_by(reader, "", order, limit=limit, offset=offset) for offset in range(0, 7, limit)
        ]
        assert [name for page in pages for name in names(page)] == ["Yves", "Zoé", "Ann", "Bo", "Cleo"]
        assert {page.total for page in pages} == {5}
