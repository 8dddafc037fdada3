"""What is Ann's number? The service on a real index and on directories that are only asked live."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

import pytest

from lookupd.answer import Origin
from lookupd.errors import QuestionTooLarge, SourceError, UnknownProfile
from lookupd.freshness import Freshness
from lookupd.principal import Principal
from lookupd.services.lookup import REACH
from tests.fakes import ADA, BOB, NOBODY, Directory, Office, config_of, until
from tests.faults.clock import FakeTime


@pytest.fixture
async def open_office(tmp_path):
    """Makes offices whose lookups have all the time they need, unless their settings say less."""
    async with AsyncExitStack() as stack:

        async def open_(*sources, profile=None, more=None, **directories):
            names = [source["name"] for source in sources]
            lookup = {"sources": names, "timeout": "60s", **(profile or {})}
            tree = {"profiles": {"default": {"lookup": lookup}}, **(more or {})}
            return await stack.enter_async_context(
                Office(tmp_path, config_of(*sources, **tree), **directories)
            )

        yield open_


def people(*names, first=0, **columns):
    return [{"id": str(first + place), "name": name, **columns} for place, name in enumerate(names)]


async def find(office, term, **page):
    return await office.lookup.find(NOBODY, "default", term, **page)


def names(page):
    return [hit.contact.fields["name"] for hit in page.hits]


async def test_whole_words_come_before_beginnings_and_earlier_columns_before_later_ones(open_office):
    rows = [
        {"id": "1", "name": "Xaver", "company": "Annex"},
        {"id": "2", "name": "Annabel", "company": "Zed"},
        {"id": "3", "name": "Yves", "company": "Ann Ltd"},
        {"id": "4", "name": "Zoé Ann", "company": "Zed"},
    ]
    columns = {"searched_columns": ["name", "company"]}
    office = await open_office({"name": "staff", **columns}, staff=Directory(rows=rows))
    await office.sync()
    assert names(await find(office, "ann")) == ["Zoé Ann", "Yves", "Annabel", "Xaver"]


async def test_among_equals_the_order_of_the_profile_decides_then_the_name(open_office):
    office = await open_office(
        {"name": "partners"},
        {"name": "staff"},
        staff=Directory(rows=people("Ann Abel", "Ann Zorn")),
        partners=Directory(rows=people("Ann Young", "Ann Bell")),
    )
    await office.sync("staff")
    await office.sync("partners")
    assert names(await find(office, "ann")) == ["Ann Bell", "Ann Young", "Ann Abel", "Ann Zorn"]


async def test_every_word_must_be_found_in_whatever_order_and_spelling(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA, BOB]))
    await office.sync()
    for term in ("mull bob", "BOB MUELLER", "müller", "bob müller"):
        assert names(await find(office, term)) == [BOB["name"]]
    assert names(await find(office, "bob ada")) == []


async def test_a_hit_says_where_it_comes_from_and_how_old_it_is(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    [hit] = (await find(office, "ada")).hits
    assert (hit.backend, hit.origin, hit.freshness) == ("staff", Origin.INDEX, Freshness.FRESH)
    office.clock.move(hours=1)
    [hit] = (await find(office, "ada")).hits
    assert hit.freshness is Freshness.STALE
    assert office.clock.now - hit.since > timedelta(minutes=59)


async def test_an_indexed_source_is_not_asked(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    await find(office, "ada")
    assert [method for method, _ in staff.asked] == ["list_all"]


@pytest.fixture
def staff():
    return Directory(rows=people("Ann Abel", "Annabel", "Bo"))


@pytest.fixture
async def mixed(open_office, staff):
    """Two indexed sources around one that is only asked live."""
    office = await open_office(
        {"name": "staff"},
        {"name": "crm", "sync": False},
        {"name": "partners"},
        staff=staff,
        crm=Directory(rows=people("Ann Carr", "Anneke", "Joanna", "Bob")),
        partners=Directory(rows=people("Ann Dunn", "Annette")),
    )
    await office.sync()
    return office


#: Joanna is what the directory itself means by "ann"
MIXED = ["Ann Abel", "Ann Carr", "Ann Dunn", "Annabel", "Anneke", "Annette", "Joanna"]


async def test_sources_that_are_only_asked_live_are_merged_and_ranked_alike(mixed):
    page = await find(mixed, "ann")
    assert names(page) == MIXED
    assert [hit.origin for hit in page.hits[:3]] == [Origin.INDEX, Origin.LIVE, Origin.INDEX]
    assert (page.total, page.is_cut, page.failed) == (7, False, ())
    assert page.hits[1].since == mixed.clock.now


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
async def test_merged_pages_follow_each_other(mixed, limit):
    pages = [await find(mixed, "ann", limit=limit, offset=offset) for offset in range(0, 10, limit)]
    assert [name for page in pages for name in names(page)] == MIXED
    assert {page.total for page in pages} == {7}


@pytest.mark.parametrize("limit", [1, 2, 4, 10])
async def test_merged_pages_of_everybody_hold_each_once(mixed, staff, limit):
    staff.rows += people("Aaron", first=50)
    await mixed.sync("staff")
    pages = [await find(mixed, "", limit=limit, offset=offset) for offset in range(0, 12, limit)]
    found = [(hit.contact.source, hit.contact.uid) for page in pages for hit in page.hits]
    assert len(found) == len({*found}) == 10
    assert {page.total for page in pages} == {10}


@pytest.mark.parametrize("sync", [False, {}])
async def test_a_source_that_the_index_does_not_stand_for_is_asked(open_office, sync):
    crm = Directory(rows=[ADA, BOB])
    office = await open_office({"name": "crm", "sync": sync}, crm=crm)
    assert names(await find(office, "ada")) == [ADA["name"]]
    assert crm.asked == [("search", "ada")]


async def test_what_the_index_holds_of_a_source_that_is_no_longer_synced_is_not_shown(open_office):
    crm = Directory(rows=[ADA])
    office = await open_office({"name": "crm"}, crm=crm)
    await office.sync()
    crm.rows = [{**ADA, "name": "Ada Lovelace"}]
    office = await open_office({"name": "crm", "sync": False}, crm=crm)
    assert names(await find(office, "ada")) == ["Ada Lovelace"]


async def test_a_source_that_was_never_synced_and_is_not_asked_live_is_missing_and_named(open_office):
    office = await open_office(
        {"name": "late", "live": False}, {"name": "staff"}, late=Directory(), staff=Directory(rows=[ADA])
    )
    await office.sync("staff")
    page = await find(office, "ada")
    assert names(page) == [ADA["name"]]
    assert [(failure.source, failure.reason) for failure in page.failed] == [
        ("late", "source 'late' has not been synced yet")
    ]


async def test_a_source_that_is_late_leaves_a_part_that_says_so(open_office):
    office = await open_office(
        {"name": "crm", "sync": False},
        {"name": "staff"},
        profile={"timeout": "30ms"},
        crm=Directory(rows=[ADA], gate=asyncio.Event()),
        staff=Directory(rows=[ADA]),
    )
    await office.sync()
    page = await find(office, "ada")
    assert [(hit.contact.source, hit.origin) for hit in page.hits] == [("staff", Origin.INDEX)]
    assert [(failure.source, failure.reason) for failure in page.failed] == [
        ("crm", "source 'crm' did not reply within 27 ms")
    ]
    assert page.is_partial


async def test_a_source_that_cannot_even_stop_in_time_is_not_waited_for(open_office):
    crm = Stubborn(rows=[ADA], gate=asyncio.Event())
    office = await open_office({"name": "crm", "sync": False}, profile={"timeout": "30ms"}, crm=crm)
    page = await find(office, "ada")
    assert [failure.source for failure in page.failed] == ["crm"]
    await until(lambda: crm.was_told_to_stop)
    crm.gate.set()


class Stubborn(Directory):
    """Goes on when it is told to stop."""

    was_told_to_stop = False

    async def answer(self, method, argument):
        try:
            await super().answer(method, argument)
        except asyncio.CancelledError:
            self.was_told_to_stop = True
            await self.gate.wait()
            raise


@pytest.mark.parametrize("error", [SourceError("no route"), ValueError("no route")])
async def test_a_source_that_fails_leaves_a_part_that_says_so(open_office, error):
    office = await open_office(
        {"name": "crm", "sync": False},
        {"name": "others", "sync": False},
        crm=Directory(error=error),
        others=Directory(rows=[ADA]),
    )
    page = await find(office, "ada")
    assert names(page) == [ADA["name"]]
    [failure] = page.failed
    assert (failure.source, failure.reason.endswith("no route")) == ("crm", True)


async def test_a_source_that_is_not_loaded_leaves_a_part_that_says_so(open_office):
    office = await open_office({"name": "crm", "sync": False}, crm=Directory(load_error=SourceError("down")))
    page = await find(office, "ada")
    assert [failure.reason for failure in page.failed] == ["source 'crm' is not loaded: down"]


async def test_whoever_gives_up_ends_the_search(open_office):
    crm = Stubborn(gate=asyncio.Event())
    office = await open_office({"name": "crm", "sync": False}, crm=crm)
    asking = asyncio.create_task(find(office, "ada"))
    await until(lambda: crm.asked)
    asking.cancel()
    await until(lambda: crm.was_told_to_stop)
    crm.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await asking


async def test_pages_follow_each_other(open_office):
    everybody = [f"Ann {chr(ord('a') + place)}" for place in range(7)]
    office = await open_office({"name": "staff"}, staff=Directory(rows=people(*everybody)))
    await office.sync()
    pages = [await find(office, "ann", limit=3, offset=offset) for offset in (0, 3, 6)]
    assert [name for page in pages for name in names(page)] == everybody
    assert {page.total for page in pages} == {7}


async def test_a_page_behind_the_last_is_empty_and_still_knows_how_many_there_are(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=people("Ann", "Anna")))
    await office.sync()
    page = await find(office, "ann", limit=3, offset=9)
    assert (page.hits, page.total) == ((), 2)


async def test_no_more_than_the_profile_says_is_shown_where_the_client_does_not_say(open_office):
    office = await open_office(
        {"name": "staff"}, profile={"limit": 2}, staff=Directory(rows=people("Ann", "Anna", "Anne"))
    )
    await office.sync()
    assert [len((await find(office, "an", **page)).hits) for page in ({}, {"limit": 3}, {"limit": 0})] == [
        2,
        3,
        0,
    ]


async def test_more_than_can_be_ranked_is_cut_and_says_so(open_office):
    rows = people(*(f"Ann {number:04}" for number in range(1100)))
    office = await open_office({"name": "staff"}, staff=Directory(rows=rows))
    await office.sync()
    page = await find(office, "ann", limit=5000)
    assert (len(page.hits), page.total, page.is_cut) == (500, 500, True)
    everybody = await find(office, "", limit=5000)
    assert (len(everybody.hits), everybody.total, everybody.is_cut) == (1000, 1100, False)


@pytest.mark.parametrize("term", ["", " ", "\t\n", "\u00a0"])
async def test_an_empty_term_lists_everybody_with_their_number(open_office, term):
    office = await open_office({"name": "staff"}, staff=Directory(rows=people("Zoé", "Ann", "Bo")))
    await office.sync()
    page = await find(office, term, limit=2)
    assert (names(page), page.total) == (["Ann", "Bo"], 3)


async def found_by_each(office, terms):
    return {term: tuple(names(await find(office, term))) for term in terms}


async def test_a_term_without_a_letter_or_digit_finds_nobody(open_office):
    terms = [
        "%",
        "*",
        "''",
        '"',
        "()",
        "-",
        "+",
        "\x00",
        "\x00\x01\x7f",
        "^",
        ":",
        "?",
        "_",
        "\u200b",
        "\ud800",
    ]
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA, BOB]))
    await office.sync()
    assert await found_by_each(office, terms) == dict.fromkeys(terms, ())
    assert (await find(office, "%")).total == 0


async def test_signs_around_a_word_mean_nothing(open_office):
    terms = [
        'ada"',
        "ada*",
        "*ada",
        "ada%",
        "(ada",
        "ada)",
        "^ada",
        "-ada",
        '"ada"',
        "ada;--",
        "'ada'",
        "+ada",
    ]
    terms += ["ada\x00", "\x07ada\x1b", "ada\n", "ADA", "ada -", "ada ?"]
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA, BOB]))
    await office.sync()
    assert await found_by_each(office, terms) == dict.fromkeys(terms, (ADA["name"],))


async def test_the_language_of_the_index_is_not_spoken(open_office):
    terms = [
        "ada OR bob",
        "ada NOT bob",
        "NEAR(ada bob)",
        "terms:ada",
        "ada AND bob",
        "ada + bob",
    ]
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA, BOB]))
    await office.sync()
    assert await found_by_each(office, terms) == dict.fromkeys(terms, ())


async def test_a_term_that_no_name_is_is_refused(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    for letters in ("a", "a ", "1", "é", "山", "%", "\x00"):
        assert (await find(office, (letters * 1024)[:1024])).failed == ()
        for length in (1025, 10_240):
            with pytest.raises(QuestionTooLarge, match=f"at most 1024 characters, this one {length}"):
                await find(office, (letters * length)[:length])


async def test_a_number_is_found_as_people_type_it(open_office):
    terms = ["01 99 00", "0199001234", "01.99.00.12.34", "01-99-00", "(01) 99", " 0199 ", "(0)1 99"]
    terms += ["+33 (0)1 99", "+33(0)199001234", "+33 1 99 00 12 34", "+33199001234", "33199", "+33/1/99"]
    terms += ["0033 1", "0033 1 99", "01\u00a099\u00a000", "01\u202f99\u202f00", "01\u201199"]
    rows = [ADA, {**BOB, "number": "02 99 00 12 34"}]
    office = await open_office({"name": "staff"}, staff=Directory(rows=rows))
    await office.sync()
    assert await found_by_each(office, terms) == dict.fromkeys(terms, (ADA["name"],))


async def test_the_middle_of_a_number_finds_nobody(open_office):
    terms = ["99 00", "9900", "1234", "+33 2", "0044 1"]
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    assert await found_by_each(office, terms) == dict.fromkeys(terms, ())


async def test_what_looks_like_a_number_may_be_part_of_a_name(open_office):
    rows = people("Shop 24/7", "Roma 00184", "Class of 2026-01")
    office = await open_office({"name": "staff"}, staff=Directory(rows=rows))
    await office.sync()
    assert await found_by_each(office, ["24/7", "00184", "2026-01", "7"]) == {
        "24/7": ("Shop 24/7",),
        "00184": ("Roma 00184",),
        "2026-01": ("Class of 2026-01",),
        "7": ("Shop 24/7",),
    }


async def test_beginnings_of_a_number_s_groups_do_not_count(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[{**ADA, "mobile": "06 12 34 56 78"}]))
    await office.sync()
    assert names(await find(office, "06 1")) == [ADA["name"]]
    assert names(await find(office, "06 3")) == []


async def test_a_source_that_stands_twice_in_a_profile_counts_once(open_office):
    for sync in ({}, False):
        office = await open_office(
            {"name": "staff", "sync": sync},
            profile={"sources": ["staff", "staff"]},
            staff=Directory(rows=[ADA]),
        )
        await office.sync()
        page = await find(office, "ada")
        assert (names(page), page.total) == ([ADA["name"]], 1)


async def test_a_profile_without_sources_finds_nobody(open_office):
    office = await open_office({"name": "staff"}, profile={"sources": []}, staff=Directory(rows=[ADA]))
    await office.sync()
    for term in ("", "ada"):
        page = await find(office, term)
        assert (page.hits, page.total, page.failed) == ((), 0, ())


async def test_a_profile_that_does_not_exist_is_told(open_office):
    office = await open_office({"name": "staff"}, staff=Directory())
    with pytest.raises(UnknownProfile):
        await office.lookup.find(NOBODY, "none", "ada")


OTHER = UUID("00000000-0000-4000-8000-00000000000f")


@pytest.mark.parametrize("sync", [{}, False])
async def test_tenants_with_the_same_names_do_not_see_each_other(open_office, sync):
    lookup = {"lookup": {"sources": ["staff"]}}
    office = await open_office(
        {"name": "staff", "sync": sync},
        {"name": "staff", "tenant": OTHER, "backend": "theirs", "sync": sync},
        more={"profiles": {"default": lookup, "other": {"name": "default", "tenant": OTHER, **lookup}}},
        staff=Directory(rows=people("Ann Ours")),
        theirs=Directory(rows=people("Ann Theirs")),
    )
    await office.sync()
    theirs = await office.lookup.find(Principal(tenant=str(OTHER)), "default", "ann")
    assert (names(await find(office, "ann")), names(theirs)) == (["Ann Ours"], ["Ann Theirs"])
    assert (await find(office, "")).total == 1
    with pytest.raises(UnknownProfile):
        await office.lookup.find(Principal(tenant="nobody's"), "default", "ann")


async def test_a_source_is_waited_for_no_longer_than_its_own_time(open_office):
    crm = Directory(rows=[ADA], gate=asyncio.Event())
    office = await open_office({"name": "crm", "sync": False, "live": {"timeout": "30ms"}}, crm=crm)
    page = await find(office, "ada")
    assert [failure.reason for failure in page.failed] == ["source 'crm' did not reply within 30 ms"]
    assert page.is_partial


async def test_a_back_end_that_gives_up_as_its_time_is_up_leaves_a_part(open_office):
    time = FakeTime()

    class Punctual(Directory):
        async def answer(self, method, argument):
            await time.advance(5)
            raise SourceError("no reply in time")

    office = await open_office({"name": "crm", "sync": False, "live": {"timeout": "5s"}}, crm=Punctual())
    [source] = office.sources
    source.gate.clock = time.monotonic
    page = await find(office, "ada")
    assert page.failed[0].reason == "source 'crm' did not reply within 5000 ms: no reply in time"
    assert page.is_partial


async def test_every_lookup_ends_within_250_ms_unless_the_profile_says_otherwise(tmp_path):
    config = config_of({"name": "crm", "sync": False, "live": {"timeout": "60s"}})
    assert config.profiles["default"].lookup.timeout == timedelta(milliseconds=250)
    async with Office(tmp_path, config, crm=Directory(gate=asyncio.Event())) as office:
        page = await find(office, "ada")
    assert [failure.reason for failure in page.failed] == ["source 'crm' did not reply within 225 ms"]
    assert page.is_partial


async def test_a_source_that_is_not_asked_makes_no_part(open_office):
    crm = Directory(error=SourceError("down"))
    office = await open_office({"name": "crm", "sync": False}, crm=crm)
    pages = [await find(office, "ada") for _ in range(4)]
    assert "does not answer text searches" in pages[-1].failed[0].reason
    assert [page.is_partial for page in pages] == [False] * 4


@pytest.mark.parametrize("waits", [{"live": {"timeout": "20ms"}}, {}])
async def test_a_source_that_hangs_is_asked_three_times_and_then_left_alone(open_office, waits):
    crm = Directory(rows=[ADA], gate=asyncio.Event())
    office = await open_office({"name": "crm", "sync": False, **waits}, profile={"timeout": "20ms"}, crm=crm)
    [source] = office.sources
    source.search_gate.clock = FakeTime().monotonic
    for asked in (1, 2, 3, 3, 3):
        page = await find(office, "ada")
        await until(lambda: source.condition.search.in_flight == 0)
        assert ([failure.source for failure in page.failed], len(crm.asked)) == (["crm"], asked)
    assert "does not answer text searches" in page.failed[0].reason


async def whole(office, **page):
    """A page of everybody for which there was time enough, which on a busy machine may not be the first."""
    for _ in range(100):
        found = await find(office, "", **page)
        if not found.is_partial:
            return found
    raise AssertionError("there is never time enough")


@pytest.mark.parametrize("is_mixed", [True, False])
async def test_no_page_reaches_further_than_it_may_and_says_so(open_office, is_mixed):
    rows = people(*(f"Ann {number:05}" for number in range(REACH + 2)))
    office = await open_office(
        {"name": "staff"},
        {"name": "crm", "sync": not is_mixed and {}},
        staff=Directory(rows=rows),
        crm=Directory(),
    )
    await office.sync()
    last = await whole(office, limit=5, offset=REACH - 2)
    assert (len(last.hits), last.total, last.is_cut) == (2, REACH + 2, True)
    behind = await whole(office, limit=5, offset=10**18)
    assert (behind.hits, behind.total, behind.is_cut) == ((), REACH + 2, True)
