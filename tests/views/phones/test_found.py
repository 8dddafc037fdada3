"""Searches for phones: one list for all of its pages, and for everybody who asks the same."""

import asyncio

import pytest

from lookupd.answer import Failure
from lookupd.errors import SourceFailed, UnknownProfile
from lookupd.principal import Principal
from lookupd.views.phones import found
from lookupd.views.phones.found import Finder
from tests.fakes import until
from tests.views.phones.checker import CHECKERS
from tests.views.phones.conftest import Columns, Contacts, contacts, person

ME = Principal(tenant="t", user="me")
DOWN = (Failure(source="far", reason="is down"),)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lookup():
    return Contacts(contacts([person(name, "100") for name in ("Émile", "bob", "Ada", "Zoe", "Adam")]))


@pytest.fixture
def finder(lookup, clock):
    return Finder(lookup, Columns(), clock)


async def names(finder, term="", *, is_going_on=False, principal=ME):
    listed = await finder.find(principal, "default", term, is_going_on=is_going_on)
    return [entry.name for entry in listed.entries]


async def test_everybody_is_in_the_order_of_a_book_and_who_was_searched_in_the_order_of_the_search(finder):
    assert await names(finder) == ["Ada", "Adam", "bob", "Émile", "Zoe"]
    assert await names(finder, "a") == ["Ada", "Adam"]
    finder._lookup.contacts.reverse()
    assert await names(finder, "ad") == ["Adam", "Ada"]


async def test_who_turns_a_page_gets_the_list_it_began_with(finder, lookup, clock):
    before = await names(finder)
    lookup.contacts = lookup.contacts[2:]
    clock.now = found.KEPT
    assert await names(finder, is_going_on=True) == before
    assert len(await names(finder)) == 3
    assert len(await names(finder, is_going_on=True)) == 3


async def test_a_list_that_is_too_old_is_made_anew(finder, lookup, clock):
    await names(finder)
    lookup.contacts = lookup.contacts[2:]
    clock.now = found.KEPT + 1
    assert len(await names(finder, is_going_on=True)) == 3


async def test_phones_that_ask_the_same_in_the_same_seconds_share_one_search(finder, lookup, clock):
    await asyncio.gather(*(names(finder) for _ in range(20)))
    await names(finder)
    assert lookup.asked == [("", 0)]
    clock.now = found.FRESH + 1
    await names(finder)
    assert len(lookup.asked) == 2


async def test_nobody_gets_what_another_user_was_shown(finder, lookup):
    await names(finder)
    lookup.contacts = []
    assert await names(finder, principal=Principal(tenant="t", user="you"), is_going_on=True) == []
    assert await names(finder, principal=Principal(tenant="u", user="me"), is_going_on=True) == []


async def test_a_whole_list_is_better_than_a_newer_one_with_a_part_missing(finder, lookup, clock):
    before = await names(finder)
    clock.now = found.KEPT - 1
    lookup.contacts, lookup.failed = lookup.contacts[3:], DOWN
    assert await names(finder) == before
    clock.now = 2 * found.KEPT
    assert len(await names(finder)) == 2


async def test_whoever_no_longer_waits_takes_nothing_from_others(finder, lookup):
    lookup.gate = asyncio.Event()
    first = asyncio.create_task(names(finder))
    second = asyncio.create_task(names(finder))
    await until(lambda: finder._asking)
    first.cancel()
    lookup.gate.set()
    assert len(await second) == 5


async def test_lists_of_nobody_are_bounded_too(finder, monkeypatch):
    monkeypatch.setattr(found, "MOST", 10 * found.OVERHEAD)
    for at in range(30):
        assert await names(finder, f"nobody {at}") == []
    assert len(finder._kept) == 10


async def test_an_unknown_profile_is_no_list(finder):
    with pytest.raises(UnknownProfile):
        await finder.find(ME, "nope", "", is_going_on=False)


async def test_what_is_kept_is_bounded(finder, clock, monkeypatch):
    monkeypatch.setattr(found, "MOST", 12 + 2 * found.OVERHEAD)
    for at in range(6):
        await names(finder, principal=Principal(tenant="t", user=str(at)))
    assert [question[0].user for question in finder._kept] == ["4", "5"]
    clock.now = found.KEPT + 1
    await names(finder, "ada")
    assert [question[2] for question in finder._kept] == ["ada"]


async def test_ten_thousand_are_listed_in_parts_and_further_ones_are_not(finder, lookup):
    lookup.contacts = contacts([person(f"P{at:05}", "100") for at in range(10_500)])
    assert len(await names(finder)) == 10_000
    assert [offset for _, offset in lookup.asked] == [*range(0, 10_000, 1000)]


async def test_a_finder_that_is_closed_leaves_no_search_behind(finder, lookup):
    lookup.gate = asyncio.Event()
    waiting = asyncio.create_task(names(finder))
    await until(lambda: finder._asking)
    await finder.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: not finder._asking)


async def test_pages_stay_the_same_while_a_directory_goes_down(new_phones):
    """With real services: one source in the index, the other asked live, and down after the first page."""
    synced = [person(f"A{at:02}", str(1000 + at)) for at in range(20)]
    live = [person(f"A9{at:02}", str(2000 + at)) for at in range(20)]
    phones = await new_phones(synced, live=live)
    page = CHECKERS["cisco"]((await phones.ask("/phones/cisco/default/lookup?term=a&limit=7")).body)
    phones.directories["far"].error = SourceFailed("far", "search", RuntimeError("is down"))
    rows = [*page.rows]
    while page.next is not None:
        page = CHECKERS["cisco"]((await phones.ask(page.next)).body)
        rows += page.rows
    assert sorted(rows) == sorted((one["name"], one["number"]) for one in synced + live)
    assert len(phones.directories["far"].asked) == 1
