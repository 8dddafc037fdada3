"""What is answered while the index cannot be read, or holds nothing yet: whatever the directories say."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from lookupd.answer import Origin
from lookupd.errors import IndexUnusable, SourceError
from lookupd.index.search import LATE
from tests.fakes import ADA, BOB, NOBODY, Directory, Office, config_of

SETTINGS = {"live": {"timeout": "60s"}}


class Spoilt:
    """An index that cannot be read: not at all, or only where somebody is."""

    def __init__(self, index, *methods):
        self._index = index
        self._methods = methods

    def __getattr__(self, method):
        if method in self._methods:
            raise IndexUnusable("database disk image is malformed")
        return getattr(self._index, method)


@asynccontextmanager
async def office_with(tmp_path, *methods, error=None, synced=True, span="60s", **settings):
    """An office with a synced source that is spared where the index stands for it, as a CSV file is."""
    staff = Directory(rows=[ADA, BOB])
    profile = {"sources": ["staff"], "timeout": span}
    tree = {"profiles": {"default": {"reverse": profile, "lookup": profile}}}
    config = config_of({"name": "staff", **SETTINGS, **settings}, **tree)
    # As if the back-end's class said so; `live` of the settings would count as a wish of the operator's.
    [own] = config.sources
    own.model_fields_set.discard("live")
    async with Office(tmp_path, config, staff=staff) as office:
        for source in office.sources:
            source._asks_live_when_synced = False
        if synced:
            await office.sync()
        staff.asked.clear()
        staff.error = error
        office.index = office.reverse._index = office.lookup._index = Spoilt(office.index, *methods)
        yield office, staff


async def who(office):
    return await office.reverse.who(NOBODY, "default", ADA["number"])


async def find(office):
    return await office.lookup.find(NOBODY, "default", "ada")


def names(page):
    return [hit.contact.display for hit in page.hits]


async def test_an_index_that_can_be_read_spares_the_source(tmp_path):
    async with office_with(tmp_path) as (office, staff):
        assert (await who(office)).known.origin is Origin.INDEX
        assert names(await find(office)) == [ADA["name"]]
        assert staff.asked == []


@pytest.mark.parametrize("methods", [("sources",), ("reverse", "search"), ("sources", "reverse", "search")])
async def test_while_the_index_cannot_be_read_its_sources_are_asked_live(tmp_path, methods):
    async with office_with(tmp_path, *methods) as (office, _):
        answer, page = await who(office), await find(office)
    assert (answer.known.contact.display, answer.known.origin) == (ADA["name"], Origin.LIVE)
    assert [failure.source for failure in answer.failed] == ["index"]
    assert "the index cannot be read: database disk image is malformed" in answer.story.lines()
    assert names(page) == [ADA["name"]]
    assert [(failure.source, failure.reason) for failure in page.failed] == [
        ("index", "the index cannot be read: database disk image is malformed")
    ]


@pytest.mark.parametrize("methods", [("sources",), ("reverse", "search")])
async def test_when_nobody_can_be_asked_either_both_are_named(tmp_path, methods):
    async with office_with(tmp_path, *methods, error=SourceError("down")) as (office, _):
        answer, page = await who(office), await find(office)
    assert (answer.known, page.hits) == (None, ())
    for failed in (answer.failed, page.failed):
        assert [failure.source for failure in failed] == ["index", "staff"]


async def test_a_source_that_is_never_asked_live_is_not_asked_then_either(tmp_path):
    async with office_with(tmp_path, "sources", live=False) as (office, staff):
        answer, page = await who(office), await find(office)
    assert staff.asked == []
    for failed in (answer.failed, page.failed):
        assert [failure.source for failure in failed] == ["index", "staff"]


async def test_a_source_that_the_index_does_not_hold_yet_is_asked_live(tmp_path):
    async with office_with(tmp_path, synced=False) as (office, _):
        answer, page = await who(office), await find(office)
    assert (answer.known.contact.display, answer.failed) == (ADA["name"], ())
    assert (names(page), page.failed) == ([ADA["name"]], ())


async def test_what_is_no_number_needs_no_index(tmp_path):
    async with office_with(tmp_path, "sources", "reverse") as (office, _):
        answer = await office.reverse.who(NOBODY, "default", "anonymous")
    assert (answer.known, answer.failed) == (None, ())


async def test_a_search_that_was_not_finished_says_so(tmp_path):
    class Slow:
        async def search(self, term, sources, **_):
            return LATE

    async with office_with(tmp_path) as (office, _):
        office.lookup._index.search = Slow().search
        assert (await find(office)).is_partial


@pytest.mark.parametrize(("span", "patience"), [("60s", 0.25), ("100ms", 0.1)])
async def test_the_index_is_searched_no_longer_than_a_lookup_may_take(tmp_path, span, patience):
    asked = []

    async def search(_term, _sources, *, patience, **_):
        asked.append(patience)
        return LATE

    async with office_with(tmp_path, span=span) as (office, _):
        office.lookup._index.search = search
        await find(office)
    assert asked == [patience]


async def test_directories_are_not_asked_any_longer_when_the_index_fails_beside_them(tmp_path):
    """Two rounds of questions share one deadline."""
    gate = asyncio.Event()
    config = config_of(
        {"name": "crm", "sync": False, **SETTINGS},
        {"name": "staff", **SETTINGS},
        profiles={"default": {"lookup": {"sources": ["crm", "staff"], "timeout": "100ms"}}},
    )
    crm, staff = Directory(rows=[ADA], gate=gate), Directory(rows=[ADA])
    async with Office(tmp_path, config, crm=crm, staff=staff) as office:
        await office.sync("staff")
        office.lookup._index = Spoilt(office.index, "search")
        begun = asyncio.get_running_loop().time()
        page = await find(office)
        assert asyncio.get_running_loop().time() - begun < 5
        gate.set()
    assert names(page) == [ADA["name"]]
    assert [failure.source for failure in page.failed] == ["index", "crm"]
