"""Who is calling? The service on a real index and on directories that come, go, hang and fail."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.answer import Origin
from lookupd.errors import SourceError, UnknownProfile
from lookupd.freshness import Freshness
from lookupd.glance import NOBODY as UNSEEN
from lookupd.glance import Seen
from lookupd.health import PATIENCE_LEAST
from lookupd.index.reader import Caller, Candidate, Synced
from lookupd.live import Live
from lookupd.memory import Memory, asked
from lookupd.number import Number, Tier
from lookupd.pieces import PIECE
from lookupd.principal import Principal
from lookupd.profiles import Profiles
from lookupd.services.reverse import Reverse
from lookupd.sources import Sources
from tests.fakes import ADA, BOB, NOBODY, Clock, Directory, FakeLoader, Office, config_of, until

ADAS = "+33199001234"
#: a deadline that never ends a test which works
PATIENT = {"live": {"timeout": "60s"}}
#: another person at Ada's number, as another directory has it
CYD = {"id": "3", "name": "Cyd", "number": "0199001234", "mobile": None}


@pytest.fixture
async def open_office(tmp_path):
    """Makes offices whose sources have all the time they need, unless their settings say less."""
    async with AsyncExitStack() as stack:

        async def open_(*sources, profile=None, more=None, **directories):
            names = [source["name"] for source in sources]
            reverse = {"sources": names, "timeout": "60s", **(profile or {})}
            tree = {"profiles": {"default": {"reverse": reverse}}, **(more or {})}
            config = config_of(*({**PATIENT, **source} for source in sources), **tree)
            return await stack.enter_async_context(Office(tmp_path, config, **directories))

        yield open_


def live_questions(directory):
    return [extens for method, extens in directory.asked if method == "match_all"]


async def who(office, exten=ADAS, principal=NOBODY):
    seen = office.reverse.glance(principal.tenant, "default").of(exten)
    answer = await office.reverse.who(principal, "default", exten)
    assert seen is None or agrees(seen, answer)
    return answer


def agrees(seen, answer):
    """Whether a glance saw what the whole way found, and nothing was to be said besides."""
    if answer.failed or (answer.known and answer.known.freshness is not Freshness.FRESH):
        return False
    contact = answer.known and answer.known.contact
    return seen == (Seen(contact.display, contact.body, contact.source) if contact else UNSEEN)


def name(answer):
    return answer.known.contact.display if answer.known else None


SPELLINGS = [
    "+33199001234",
    "0033 1 99 00 12 34",
    "01.99.00.12.34",
    "+33 (0)1 99-00-12-34",
    "tel:+33-1-99-00-12-34",
]


@pytest.mark.parametrize("written", ["+33 1 99 00 12 34", "0199001234", "01 99 00 12 34"])
async def test_five_spellings_of_a_number_give_one_name(open_office, written):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[{**ADA, "number": written}]))
    await office.sync()
    answers = [await who(office, exten) for exten in SPELLINGS]
    assert [name(answer) for answer in answers] == [ADA["name"]] * 5
    assert {answer.number.key for answer in answers} == {ADAS}


@pytest.mark.parametrize("written", ["+33 1 99 00 12 34", "0199001234", "01 99 00 12 34"])
async def test_five_spellings_give_one_name_live(open_office, written):
    rows = [{**ADA, "number": written}]
    office = await open_office({"name": "staff", "sync": False}, staff=Directory(rows=rows))
    assert [name(await who(office, exten)) for exten in SPELLINGS] == [ADA["name"]] * 5


@pytest.mark.parametrize(
    "text", ["anonymous", "Restricted", "", "  ", "Ann", "+", "unknown", "sip:ann@example.com"]
)
async def test_what_is_no_number_is_answered_without_asking(open_office, text):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff", "sync": False}, staff=staff)
    answer = await who(office, text)
    assert (answer.number, answer.known, answer.age, answer.failed) == (None, None, None, ())
    assert answer.story.lines() == [f"{text!r} is not a telephone number: nobody is asked"]
    assert staff.asked == []


async def test_a_profile_that_does_not_exist_is_told(open_office):
    office = await open_office({"name": "staff"}, staff=Directory())
    with pytest.raises(UnknownProfile, match="'none'"):
        await office.reverse.who(NOBODY, "none", ADAS)


async def test_an_index_hit_of_the_first_source_asks_nobody(open_office):
    staff, crm, others = Directory(rows=[ADA]), Directory(rows=[CYD]), Directory(rows=[CYD])
    office = await open_office(
        {"name": "staff"},
        {"name": "crm", "sync": False},
        {"name": "others"},
        staff=staff,
        crm=crm,
        others=others,
    )
    await office.sync()
    answer = await who(office)
    assert name(answer) == ADA["name"]
    assert (answer.known.origin, answer.known.tier) == (Origin.INDEX, Tier.EXACT)
    assert (answer.known.freshness, answer.known.backend) == (Freshness.FRESH, "staff")
    assert not any(map(live_questions, (staff, crm, others)))


async def test_a_glance_is_not_enough_while_something_is_remembered_of_a_number(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    [staff] = office.sources
    glance, memory = office.reverse.glance(NOBODY.tenant, "default"), office.live._memory
    assert glance.of(ADAS).display == ADA["name"]
    memory.put(asked(staff, KEY, NOBODY), None, office.clock() + timedelta(seconds=1))
    assert glance.of(ADAS) is None
    assert name(await who(office)) is None
    memory.forget({staff.uuid})
    assert glance.of(ADAS).display == ADA["name"]


async def test_the_order_of_the_profile_decides_in_the_index(open_office):
    directories = {"staff": Directory(rows=[ADA]), "crm": Directory(rows=[CYD])}
    office = await open_office({"name": "crm"}, {"name": "staff"}, **directories)
    await office.sync("staff")
    await office.sync("crm")
    assert name(await who(office)) == "Cyd"


async def test_a_number_nobody_has_is_asked_everywhere_at_once_and_then_remembered_as_absent(open_office):
    gate = asyncio.Event()
    staff, crm = Directory(gate=gate), Directory(gate=gate)
    office = await open_office(
        {"name": "staff", "sync": False}, {"name": "crm", "sync": False}, staff=staff, crm=crm
    )
    asking = asyncio.create_task(who(office))
    await until(lambda: staff.asked and crm.asked)
    gate.set()
    assert (await asking).known is None
    assert (await who(office)).known is None
    assert len(live_questions(staff)) == len(live_questions(crm)) == 1


async def test_an_absence_is_asked_again_when_it_is_over(open_office):
    staff = Directory()
    office = await open_office({"name": "staff", "sync": False, "absent_ttl": "1m"}, staff=staff)
    await who(office)
    staff.rows = [ADA]
    assert name(await who(office)) is None
    office.clock.move(seconds=61)
    assert name(await who(office)) == ADA["name"]


async def test_who_came_since_the_last_pull_is_found_live(open_office):
    staff = Directory(rows=[BOB])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows.append(ADA)
    answer = await who(office)
    assert (name(answer), answer.known.origin) == (ADA["name"], Origin.LIVE)
    again = await who(office)
    assert (name(again), again.known.origin) == (ADA["name"], Origin.REMEMBERED)
    assert len(live_questions(staff)) == 1


async def test_a_live_only_source_before_the_best_is_asked_first(open_office):
    crm = Directory(rows=[CYD])
    office = await open_office(
        {"name": "crm", "sync": False}, {"name": "staff"}, crm=crm, staff=Directory(rows=[ADA])
    )
    await office.sync()
    assert name(await who(office)) == "Cyd"
    assert name(await who(office)) == "Cyd"
    assert len(live_questions(crm)) == 1


async def test_the_remembered_absence_of_a_live_only_source_costs_no_question(open_office):
    crm = Directory()
    office = await open_office(
        {"name": "crm", "sync": False}, {"name": "staff"}, crm=crm, staff=Directory(rows=[ADA])
    )
    await office.sync()
    assert [name(await who(office)) for _ in range(3)] == [ADA["name"]] * 3
    assert len(live_questions(crm)) == 1


async def test_a_source_not_synced_yet_is_asked_like_one_that_never_is(open_office):
    directories = {"crm": Directory(rows=[CYD]), "staff": Directory(rows=[ADA])}
    office = await open_office({"name": "crm"}, {"name": "staff"}, **directories)
    await office.sync("staff")
    before = await who(office)
    await office.sync("crm")
    assert (name(before), name(await who(office))) == ("Cyd", "Cyd")


async def test_a_source_that_was_never_synced_and_is_not_asked_live_has_failed_not_denied(open_office):
    office = await open_office({"name": "staff", "live": False}, staff=Directory(rows=[ADA]))
    answer = await who(office)
    assert answer.known is None
    assert [(failure.source, failure.reason) for failure in answer.failed] == [
        ("staff", "source 'staff' has not been synced yet")
    ]
    await office.sync()
    assert (await who(office, "+33199009999")).failed == ()


async def test_what_the_index_holds_of_a_source_that_is_no_longer_synced_does_not_count(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows = []
    office = await open_office({"name": "staff", "sync": False}, staff=staff)
    assert (await who(office)).known is None


async def test_a_stale_contact_is_shown_with_its_age_and_asked_again_behind(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows = [{**ADA, "name": "Ada Lovelace"}]
    office.clock.move(hours=1)
    answer = await who(office)
    assert (name(answer), answer.known.freshness) == (ADA["name"], Freshness.STALE)
    assert abs(answer.age - timedelta(hours=1)) < timedelta(minutes=1)
    await until(lambda: live_questions(staff) and not office.live._flying)
    assert name(await who(office)) == "Ada Lovelace"
    assert (await who(office)).known.freshness is Freshness.FRESH
    assert len(live_questions(staff)) == 1


async def test_a_stale_contact_does_not_wait_for_its_source(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    office.clock.move(hours=1)
    staff.gate = asyncio.Event()
    assert [name(await who(office)) for _ in range(3)] == [ADA["name"]] * 3
    await until(lambda: live_questions(staff))
    office.clock.move(seconds=29)
    await who(office)
    assert len(live_questions(staff)) == 1


async def test_a_refresh_that_fails_leaves_the_stale_contact(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    office.clock.move(hours=1)
    staff.error = SourceError("down")
    await who(office)
    await until(lambda: live_questions(staff) and not office.live._flying)
    answer = await who(office)
    assert (name(answer), answer.known.freshness) == (ADA["name"], Freshness.STALE)


async def test_a_stale_contact_of_a_source_that_is_not_asked_live_is_just_shown(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff", "live": False}, staff=staff)
    await office.sync()
    office.clock.move(hours=1)
    answer = await who(office)
    assert (name(answer), answer.known.freshness) == (ADA["name"], Freshness.STALE)
    assert "behind" not in str(answer.story.lines())
    assert live_questions(staff) == []


async def test_whoever_was_removed_gives_way_to_the_next_source(open_office):
    staff, crm = Directory(rows=[ADA]), Directory(rows=[CYD])
    office = await open_office({"name": "staff"}, {"name": "crm"}, staff=staff, crm=crm)
    await office.sync()
    staff.rows = []
    office.clock.move(hours=1)
    assert name(await who(office)) == ADA["name"]
    await until(lambda: live_questions(staff) and not office.live._flying)
    assert name(await who(office)) == "Cyd"


async def test_a_pull_that_brings_the_number_ends_a_remembered_absence(open_office):
    staff = Directory(rows=[BOB])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    assert (await who(office)).known is None
    staff.rows.append(ADA)
    assert (await who(office)).known is None
    await office.sync()
    assert name(await who(office)) == ADA["name"]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("is_reloaded", [True, False])
async def test_a_pull_that_brings_the_number_ends_an_absence_that_was_told_meanwhile(
    open_office, is_first, is_reloaded
):
    staff = Directory(rows=[BOB])
    office = await open_office({"name": "staff"}, staff=staff)
    if not is_first:
        await office.sync()
        assert (await who(office, "0199005678")).known is not None
    staff.gate = pulling = asyncio.Event()
    syncing = asyncio.create_task(office.sync())
    await until(lambda: staff.asked[-1:] == [("list_all", None)])
    staff.gate, office.clock.now = None, datetime.now(UTC)
    assert (await who(office)).known is None
    staff.rows.append(ADA)
    pulling.set()
    await syncing
    if is_reloaded:
        office.reverse = Reverse(office.profiles, office.index, office.live, office.clock)
    assert name(await who(office)) == ADA["name"]


@pytest.mark.parametrize("written", ["+33 (0)1 99 00 12 34", "01 99 00 12 34 / 35", "01 99 00 12 34 (home)"])
@pytest.mark.parametrize("days", [1, 30])
async def test_who_is_not_found_by_the_number_is_looked_for_by_the_id(open_office, written, days):
    staff = Directory(rows=[{**ADA, "number": written}])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    office.clock.move(days=days)
    for times in range(1, 4):
        for _ in range(3):
            assert name(await who(office)) == ADA["name"]
            await until(lambda: not office.live._flying)
        answer = await who(office)
        assert (answer.known.origin, answer.known.freshness) == (Origin.REMEMBERED, Freshness.FRESH)
        assert [question for question in staff.asked if question[0] == "list"] == [("list", ["1"])] * times
        office.clock.move(days=days)
    staff.rows = []
    await who(office)
    await until(lambda: not office.live._flying)
    assert (await who(office)).known is None


async def test_who_has_the_number_now_is_shown_though_nobody_says_what_became_of_the_other(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff, profile={"serve_expired": False})
    await office.sync()
    office.clock.move(days=30)
    staff.rows = [CYD]
    [source] = office.sources

    async def by_uid(*_):
        raise SourceError("no such method")

    source.by_uid = by_uid
    assert name(await who(office)) == "Cyd"


@pytest.mark.parametrize("allowed", [True, False])
async def test_who_has_expired_is_somebody_to_show_only_where_that_is_allowed(open_office, allowed):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff, profile={"serve_expired": allowed})
    await office.sync()
    office.clock.move(days=30)
    [source] = office.sources
    for _ in range(50):
        source.gate.health.answered(0.001)
    staff.gate = asyncio.Event()
    asking = asyncio.create_task(who(office))
    await asyncio.sleep(3 * PATIENCE_LEAST.total_seconds())
    assert asking.done() is allowed
    staff.gate.set()
    assert name(await asking) == ADA["name"]


async def test_without_ids_who_was_remembered_and_is_not_found_any_more_is_gone(open_office):
    """The directory finds its cells however they are written; so an absence says that there is none."""
    odd = {"id": "7", "name": "Odd One", "number": "+33 1 99 00 12 34 (desk)", "mobile": None}
    crm = Directory(rows=[ADA])
    office = await open_office({"name": "crm", "sync": False, "unique_column": None}, crm=crm)
    [source] = office.sources
    office.live._memory.put(asked(source, KEY, NOBODY), source.shape.contact(odd), office.clock())
    office.clock.move(days=2)
    crm.rows = []
    assert name(await who(office)) == "Odd One"
    await until(lambda: not office.live._flying)
    assert (await who(office)).known is None


async def test_of_two_who_share_a_number_the_index_names_the_one_it_did(open_office):
    """The directory names whoever comes first, the index the one whose first column has the number."""
    boss = {"id": "9", "name": "The Boss", "number": "0199001234", "mobile": None}
    secretary = {"id": "0", "name": "A Secretary", "number": "0199007777", "mobile": "0199001234"}
    staff = Directory(rows=[secretary, boss])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    office.clock.move(days=1)
    for _ in range(2):
        assert name(await who(office)) == "The Boss"
        await until(lambda: not office.live._flying)
    staff.rows = [secretary, {**boss, "number": None}]
    office.clock.move(days=2)
    assert name(await who(office)) == "The Boss"
    await until(lambda: not office.live._flying)
    assert name(await who(office)) == "A Secretary"


async def test_who_cannot_be_looked_for_by_the_id_just_now_stays(open_office):
    staff = Directory(rows=[{**ADA, "number": "+33 (0)1 99 00 12 34"}])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    office.clock.move(days=1)
    [source] = office.sources
    hidden = source.by_uid

    async def by_uid(*_):
        raise SourceError("down")

    source.by_uid = by_uid
    for _ in range(2):
        assert name(await who(office)) == ADA["name"]
        await until(lambda: not office.live._flying)
    source.by_uid = hidden
    staff.rows = []
    office.clock.move(minutes=1)
    await who(office)
    await until(lambda: not office.live._flying)
    assert (await who(office)).known is None


@pytest.mark.parametrize(
    ("written", "stays"), [("01 99 00 12 34", False), ("+33 (0)1 99 00 12 34", True), (None, False)]
)
async def test_without_ids_only_who_could_have_been_found_is_gone(open_office, written, stays):
    """`None`: the cell holds it beside another, so in a list of which each text can be found."""
    number = ["0199009999", "+33199001234"] if written is None else written
    staff = Directory(rows=[{**ADA, "number": number}])
    office = await open_office({"name": "staff", "unique_column": None}, staff=staff)
    await office.sync()
    staff.rows = []
    office.clock.move(days=1)
    await who(office)
    await until(lambda: not office.live._flying)
    assert (name(await who(office)) == ADA["name"]) is stays
    assert [question for question in staff.asked if question[0] == "list"] == []


async def test_a_pull_that_misses_the_number_ends_a_remembered_contact(open_office):
    staff = Directory(rows=[BOB])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows.append(ADA)
    assert name(await who(office)) == ADA["name"]
    staff.rows = [BOB]
    await office.sync()
    assert (await who(office)).known is None


async def test_a_pull_that_fails_ends_nothing_that_is_remembered(open_office):
    staff = Directory(rows=[BOB])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows.append(ADA)
    await who(office)
    staff.error = SourceError("down")
    with pytest.raises(SourceError):
        await office.sync()
    assert name(await who(office)) == ADA["name"]


async def test_a_newer_contact_of_the_index_replaces_an_older_one_that_is_remembered(open_office):
    staff = Directory(rows=[BOB])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows.append(ADA)
    await who(office)
    staff.rows = [BOB, {**ADA, "name": "Ada Lovelace"}]
    await office.sync()
    answer = await who(office)
    assert (name(answer), answer.known.origin) == ("Ada Lovelace", Origin.INDEX)


@pytest.mark.parametrize(("minutes", "freshness"), [(9, Freshness.FRESH), (11, Freshness.STALE)])
async def test_what_is_remembered_stays_fresh_no_longer_than_what_is_indexed(open_office, minutes, freshness):
    staff = Directory(rows=[BOB])
    office = await open_office({"name": "staff", "fresh_for": "10m"}, staff=staff)
    await office.sync()
    staff.rows.append(ADA)
    await who(office)
    office.clock.move(minutes=minutes)
    answer = await who(office)
    assert (answer.known.origin, answer.known.freshness) == (Origin.REMEMBERED, freshness)


async def test_what_is_remembered_is_asked_again_behind_after_its_time(open_office):
    crm = Directory(rows=[CYD])
    office = await open_office({"name": "crm", "sync": False, "answer_ttl": "1h"}, crm=crm)
    await who(office)
    crm.rows = [{**CYD, "name": "Cyd Charisse"}]
    office.clock.move(minutes=61)
    answer = await who(office)
    assert (name(answer), answer.known.freshness) == ("Cyd", Freshness.STALE)
    await until(lambda: len(live_questions(crm)) == 2 and not office.live._flying)
    assert name(await who(office)) == "Cyd Charisse"


async def test_what_is_remembered_expires_like_what_is_indexed(open_office):
    crm = Directory(rows=[CYD])
    office = await open_office({"name": "crm", "sync": False, "max_stale": "2d"}, crm=crm)
    await who(office)
    office.clock.move(days=3)
    crm.error = SourceError("down")
    expired = await who(office)
    assert (name(expired), expired.known.freshness) == ("Cyd", Freshness.EXPIRED)
    assert [failure.reason for failure in expired.failed] == ["down"]
    crm.error, crm.rows = None, []
    assert (await who(office)).known is None


async def test_an_expired_contact_is_asked_for_first(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows = [{**ADA, "name": "Ada Lovelace"}]
    office.clock.move(days=8)
    answer = await who(office)
    assert (name(answer), answer.known.origin) == ("Ada Lovelace", Origin.LIVE)
    assert answer.age == timedelta(0)


async def test_an_expired_contact_that_has_gone_is_not_shown(open_office):
    staff, crm = Directory(rows=[ADA]), Directory(rows=[CYD])
    office = await open_office({"name": "staff"}, {"name": "crm", "max_stale": "99d"}, staff=staff, crm=crm)
    await office.sync()
    staff.rows = []
    office.clock.move(days=8)
    assert name(await who(office)) == "Cyd"


@pytest.mark.parametrize(("allowed", "shown"), [(True, ADA["name"]), (False, None)])
@pytest.mark.parametrize("asks_live", [True, False])
async def test_an_expired_contact_is_shown_where_asking_fails_and_the_profile_allows(
    open_office, allowed, shown, asks_live
):
    staff = Directory(rows=[ADA])
    settings = {"name": "staff", **({} if asks_live else {"live": False})}
    office = await open_office(settings, staff=staff, profile={"serve_expired": allowed})
    await office.sync()
    staff.error = SourceError("down")
    office.clock.move(days=8)
    answer = await who(office)
    assert name(answer) == shown
    assert [failure.source for failure in answer.failed] == ["staff"]
    assert len(live_questions(staff)) == asks_live


async def test_a_source_that_hangs_costs_no_more_than_the_deadline_and_is_named(open_office):
    crm = Directory(rows=[CYD], gate=asyncio.Event())
    office = await open_office(
        {"name": "crm", "sync": False, "live": {"timeout": "30ms"}},
        {"name": "staff", "sync": False},
        crm=crm,
        staff=Directory(rows=[ADA]),
    )
    answer = await who(office)
    assert name(answer) == ADA["name"]
    assert [(failure.source, failure.reason) for failure in answer.failed] == [
        ("crm", "source 'crm' did not reply within 30 ms")
    ]


async def test_a_source_that_hangs_behind_the_one_that_answers_is_not_waited_for(open_office):
    crm = Directory(rows=[CYD], gate=asyncio.Event())
    office = await open_office(
        {"name": "staff", "sync": False}, {"name": "crm", "sync": False}, crm=crm, staff=Directory(rows=[ADA])
    )
    answer = await who(office)
    assert (name(answer), answer.failed) == (ADA["name"], ())


async def test_the_whole_question_has_one_deadline(open_office):
    hung = [Directory(gate=asyncio.Event()) for _ in range(2)]
    office = await open_office(
        {"name": "staff", "sync": False},
        {"name": "crm"},
        profile={"timeout": "30ms"},
        staff=hung[0],
        crm=hung[1],
    )
    answer = await who(office)
    assert answer.known is None
    assert [failure.source for failure in answer.failed] == ["staff", "crm"]
    assert all("did not reply within" in failure.reason for failure in answer.failed)


async def test_a_source_that_fails_is_named_and_the_next_answers(open_office):
    office = await open_office(
        {"name": "crm", "sync": False},
        {"name": "staff"},
        crm=Directory(error=OSError("no route")),
        staff=Directory(rows=[ADA]),
    )
    await office.sync()
    answer = await who(office)
    assert name(answer) == ADA["name"]
    assert [failure.reason for failure in answer.failed] == [
        "source 'crm' failed in match_all: OSError: no route"
    ]


async def test_a_failure_is_not_remembered_as_absence(open_office):
    crm = Directory(rows=[CYD], error=SourceError("down"))
    office = await open_office({"name": "crm", "sync": False}, crm=crm)
    assert (await who(office)).failed
    crm.error = None
    assert name(await who(office)) == "Cyd"


async def test_two_calls_give_the_same_name_however_slow_the_first_source(open_office):
    slow = Directory(rows=[CYD], gate=asyncio.Event())
    quick = Directory(rows=[ADA])
    office = await open_office(
        {"name": "slow", "sync": False}, {"name": "quick", "sync": False}, slow=slow, quick=quick
    )
    asking = asyncio.create_task(who(office))
    await until(lambda: live_questions(quick) and live_questions(slow))
    slow.gate.set()
    assert [name(await asking), name(await who(office))] == ["Cyd", "Cyd"]


async def test_equal_questions_in_flight_ask_once(open_office):
    crm = Directory(rows=[CYD], gate=asyncio.Event())
    office = await open_office({"name": "crm", "sync": False}, crm=crm)
    asking = [asyncio.create_task(who(office, exten)) for exten in SPELLINGS]
    await until(lambda: crm.asked)
    crm.gate.set()
    assert {name(answer) for answer in await asyncio.gather(*asking)} == {"Cyd"}
    assert len(live_questions(crm)) == 1


TIERS = [
    {"id": "1", "name": "Suffix", "number": "+39 199001234"},
    {"id": "2", "name": "Large block", "number": "+33 1 99 00 xx xx"},
    {"id": "3", "name": "Small block", "number": "+33 1 99 00 12 xx"},
    {"id": "4", "name": "Switchboard", "number": "+33 1 99 00 12 34"},
    {"id": "5", "name": "Extension", "number": "+33 1 99 00 12 34 ext. 7"},
]


@pytest.mark.parametrize(
    ("known", "tier"),
    [(5, Tier.EXACT), (4, Tier.EXTENSION), (3, Tier.COMPANY), (2, Tier.COMPANY), (1, Tier.SUFFIX)],
)
async def test_the_better_match_of_a_source_counts(open_office, known, tier):
    office = await open_office(
        {"name": "staff", "live": False}, profile={"suffix": True}, staff=Directory(rows=TIERS[:known])
    )
    await office.sync()
    answer = await who(office, "+33 1 99 00 12 34 ext. 7")
    assert (name(answer), answer.known.tier) == (TIERS[known - 1]["name"], tier)


async def test_another_extension_of_the_same_line_is_another_person(open_office):
    office = await open_office({"name": "staff", "live": False}, staff=Directory(rows=TIERS[4:]))
    await office.sync()
    assert name(await who(office, "+33 1 99 00 12 34 ext. 7")) == "Extension"
    assert name(await who(office, "+33 1 99 00 12 34 ext. 8")) is None
    assert (await who(office, ADAS)).known.tier is Tier.EXTENSION


async def test_a_contact_found_live_without_the_extension_says_so(open_office):
    office = await open_office({"name": "staff", "sync": False}, staff=Directory(rows=[ADA]))
    answers = [await who(office, f"{ADAS} ext. 7") for _ in range(2)]
    assert [(name(answer), answer.known.tier) for answer in answers] == [(ADA["name"], Tier.EXTENSION)] * 2


async def test_a_suffix_matches_only_where_the_profile_says_so(open_office):
    office = await open_office({"name": "staff", "live": False}, staff=Directory(rows=TIERS[:1]))
    await office.sync()
    assert (await who(office)).known is None


async def test_an_exact_match_comes_before_a_block_of_an_earlier_source(open_office):
    directories = {"crm": Directory(rows=TIERS[1:3]), "staff": Directory(rows=[ADA])}
    office = await open_office({"name": "crm", "live": False}, {"name": "staff"}, **directories)
    await office.sync()
    assert name(await who(office)) == ADA["name"]
    assert name(await who(office, "+33199001299")) == "Small block"


async def test_a_live_absence_of_the_very_number_does_not_end_the_match_of_a_block(open_office):
    staff = Directory(rows=TIERS[1:2])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    office.clock.move(hours=1)
    assert name(await who(office)) == "Large block"
    await until(lambda: live_questions(staff) and not office.live._flying)
    assert name(await who(office)) == "Large block"


#: Ada's company, as a partner lists it
ACME = {"id": "9", "name": "ACME", "number": "+33 1 99 00 12 xx", "mobile": None}


async def test_a_block_of_another_source_counts_when_the_exact_match_turns_out_to_have_gone(open_office):
    staff, crm = Directory(rows=[ADA]), Directory(rows=[ACME])
    office = await open_office({"name": "staff"}, {"name": "crm", "max_stale": "99d"}, staff=staff, crm=crm)
    await office.sync()
    staff.rows = []
    office.clock.move(days=8)
    for origin in ("just asked", "remembered"):
        answer = await who(office)
        assert (name(answer), answer.known.tier, answer.failed) == ("ACME", Tier.COMPANY, ()), origin
    assert len(live_questions(staff)) == 1


async def test_a_block_of_the_same_source_counts_when_the_exact_match_turns_out_to_have_gone(open_office):
    staff = Directory(rows=[ADA, ACME])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows = []
    office.clock.move(hours=1)
    assert name(await who(office)) == ADA["name"]
    await until(lambda: live_questions(staff) and not office.live._flying)
    assert name(await who(office)) == "ACME"


async def test_a_block_does_not_count_while_another_source_has_the_number_itself(open_office):
    staff, crm, others = Directory(rows=[ADA]), Directory(rows=[ACME]), Directory(rows=[CYD])
    office = await open_office(
        {"name": "staff"},
        {"name": "crm", "max_stale": "99d"},
        {"name": "others", "max_stale": "99d"},
        staff=staff,
        crm=crm,
        others=others,
    )
    await office.sync()
    staff.rows = []
    office.clock.move(days=8)
    assert name(await who(office)) == "Cyd"


async def test_an_expired_block_is_asked_about_like_anything_expired(open_office):
    staff, crm = Directory(rows=[ADA]), Directory(rows=[ACME])
    office = await open_office({"name": "staff"}, {"name": "crm"}, staff=staff, crm=crm)
    await office.sync()
    staff.rows = []
    office.clock.move(days=8)
    assert name(await who(office)) is None
    assert (len(live_questions(staff)), len(live_questions(crm))) == (1, 1)
    assert name(await who(office)) is None
    assert (len(live_questions(staff)), len(live_questions(crm))) == (1, 1)


@pytest.mark.parametrize(("allowed", "shown"), [(True, "ACME"), (False, None)])
@pytest.mark.parametrize("asks_live", [True, False])
async def test_an_expired_block_is_shown_where_asking_fails_and_the_profile_allows(
    open_office, allowed, shown, asks_live
):
    staff, crm = Directory(rows=[ADA]), Directory(rows=[ACME])
    settings = {"name": "crm", **({} if asks_live else {"live": False})}
    office = await open_office(
        {"name": "staff"}, settings, staff=staff, crm=crm, profile={"serve_expired": allowed}
    )
    await office.sync()
    staff.rows, crm.error = [], SourceError("down")
    office.clock.move(days=8)
    answer = await who(office)
    assert (name(answer), [failure.source for failure in answer.failed]) == (shown, ["crm"])


@pytest.mark.parametrize(("failing", "shown"), [({"crm"}, "ACME"), ({"staff", "crm"}, ADA["name"])])
async def test_a_block_of_a_source_that_just_failed_is_shown_for_want_of_better(open_office, failing, shown):
    directories = {"staff": Directory(rows=[ADA]), "crm": Directory(rows=[ACME])}
    office = await open_office({"name": "crm"}, {"name": "staff"}, **directories)
    await office.sync()
    directories["staff"].rows = []
    for down in failing:
        directories[down].error = SourceError("down")
    office.clock.move(days=8)
    assert name(await who(office)) == shown


async def test_a_stale_block_is_not_asked_about_again_and_again(open_office):
    crm = Directory(rows=[ACME])
    office = await open_office({"name": "crm", "absent_ttl": "2h"}, crm=crm)
    await office.sync()
    office.clock.move(hours=1)
    for _ in range(3):
        assert name(await who(office)) == "ACME"
        await until(lambda: live_questions(crm) and not office.live._flying)
        office.clock.move(minutes=30)
    assert len(live_questions(crm)) == 1
    lines = (await who(office)).story.lines()
    assert "nobody has this number" in lines[1]
    assert lines[1].startswith("'crm' said at 20")


OTHER = UUID("00000000-0000-4000-8000-00000000000f")


async def test_tenants_with_the_same_names_do_not_see_each_other(open_office):
    theirs = {"name": "staff", "tenant": OTHER, "backend": "theirs", "live": False}
    reverse = {"reverse": {"sources": ["staff"]}}
    office = await open_office(
        {"name": "staff", "live": False},
        theirs,
        more={"profiles": {"default": reverse, "other": {"name": "default", "tenant": OTHER, **reverse}}},
        staff=Directory(rows=TIERS[1:3]),
        theirs=Directory(rows=[ADA]),
    )
    await office.sync()
    assert name(await who(office)) == "Small block"
    other = Principal(tenant=str(OTHER))
    assert name(await who(office, principal=other)) == ADA["name"]
    assert name(await who(office, "+33199001299", other)) is None
    with pytest.raises(UnknownProfile):
        await who(office, principal=Principal(tenant="nobody's"))


async def test_live_answers_of_two_tenants_are_not_mixed(open_office):
    theirs = {"name": "staff", "tenant": OTHER, "backend": "theirs", "sync": False}
    reverse = {"reverse": {"sources": ["staff"]}}
    office = await open_office(
        {"name": "staff", "sync": False},
        theirs,
        more={"profiles": {"default": reverse, "other": {"name": "default", "tenant": OTHER, **reverse}}},
        staff=Directory(rows=[ADA]),
        theirs=Directory(rows=[CYD]),
    )
    other = Principal(tenant=str(OTHER))
    for _ in range(2):
        assert name(await who(office)) == ADA["name"]
        assert name(await who(office, principal=other)) == "Cyd"


async def test_the_number_is_read_by_the_rules_of_the_profile(open_office):
    office = await open_office(
        {"name": "staff"}, profile={"strip_prefixes": ["9"]}, staff=Directory(rows=[ADA])
    )
    await office.sync()
    answer = await who(office, "9 0199001234")
    assert (answer.number, name(answer)) == (Number(key=ADAS), ADA["name"])


async def test_an_internal_number_finds_its_one(open_office):
    rows = [{"id": "1", "name": "Ann", "number": "7"}, {"id": "2", "name": "Bo", "number": "77"}]
    office = await open_office({"name": "staff", "live": False}, staff=Directory(rows=rows))
    await office.sync()
    assert [name(await who(office, exten)) for exten in ("7", "77", "777")] == ["Ann", "Bo", None]


async def test_many_numbers_keep_their_order_and_each_duplicate_has_its_answer(open_office):
    staff = Directory(rows=[ADA, BOB])
    office = await open_office({"name": "staff", "sync": False}, staff=staff)
    extens = ["0199005678", ADAS, "no number", "0199005678", "+33199009999", SPELLINGS[1]]
    answers = await office.reverse.who_many(NOBODY, "default", extens)
    names = [BOB["name"], ADA["name"], None, BOB["name"], None, ADA["name"]]
    assert [name(answer) for answer in answers] == names
    [together] = live_questions(staff)
    assert {ADAS, "+33199005678", "+33199009999"} <= {*together}


async def test_of_many_numbers_each_is_asked_only_where_it_must_be(open_office):
    staff, crm = Directory(rows=[ADA]), Directory(rows=[BOB])
    office = await open_office({"name": "staff"}, {"name": "crm", "sync": False}, staff=staff, crm=crm)
    await office.sync()
    answers = await office.reverse.who_many(NOBODY, "default", [ADAS, "0199005678"])
    assert [name(answer) for answer in answers] == [ADA["name"], BOB["name"]]
    assert all(ADAS not in extens for directory in (staff, crm) for extens in live_questions(directory))


async def test_many_numbers_have_one_deadline(open_office):
    crm = Directory(gate=asyncio.Event())
    office = await open_office({"name": "crm", "sync": False}, profile={"timeout": "30ms"}, crm=crm)
    answers = await office.reverse.who_many(NOBODY, "default", [ADAS, "0199005678", "0199005678"])
    assert [[failure.source for failure in answer.failed] for answer in answers] == [["crm"]] * 3
    assert len(live_questions(crm)) == 1


async def test_while_many_numbers_are_looked_for_others_have_their_turn(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    turns = 0

    async def other():
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.create_task(other())
    await office.reverse.who_many(NOBODY, "default", [ADAS] * 10 * PIECE)
    waiting.cancel()
    assert turns > 1.5 * 9, "as the cases are made, and as they are answered"


async def test_no_numbers_have_no_answers(open_office):
    office = await open_office({"name": "staff"}, staff=Directory())
    assert await office.reverse.who_many(NOBODY, "default", []) == []


async def test_a_profile_without_sources_knows_nobody(open_office):
    office = await open_office({"name": "staff"}, profile={"sources": []}, staff=Directory())
    assert (await who(office)).known is None


async def test_the_story_tells_each_step(open_office):
    office = await open_office(
        {"name": "crm", "sync": False},
        {"name": "down", "sync": False},
        {"name": "staff"},
        {"name": "late", "live": False},
        crm=Directory(),
        down=Directory(error=SourceError("no route")),
        staff=Directory(rows=[ADA]),
        late=Directory(),
    )
    await office.sync("staff")
    lines = (await who(office, "01 99 00 12 34")).story.lines()
    assert lines[:3] == [
        "'01 99 00 12 34' is read as +33199001234",
        "'crm' is not in the index",
        "'down' is not in the index",
    ]
    assert lines[3].startswith("'staff' has Ada Bélanger: index, exact match, fresh, as of 20")
    assert lines[4:] == [
        "'late' is not in the index",
        "asked 'crm' now: nobody has this number",
        "asked 'down' now: failed, no route",
        "answer: Ada Bélanger",
    ]


@pytest.mark.parametrize(
    ("region", "exten", "is_told"),
    [(None, "0199001234", True), (None, "7001", False), (None, ADAS, False), ("FR", "0299001234", False)],
)
async def test_the_story_tells_that_no_region_says_which_numbers_are_national(
    open_office, region, exten, is_told
):
    office = await open_office({"name": "staff"}, more={"region": region}, staff=Directory(rows=[ADA]))
    lines = (await who(office, exten)).story.lines()
    assert ("no `region` is configured, so no number is national: set it" in lines) == is_told


async def test_the_story_tells_what_a_number_would_be_without_the_prefixes_of_a_pbx(open_office):
    office = await open_office(
        {"name": "staff"},
        profile={"strip_prefixes": ["0"]},
        more={"region": "DE"},
        staff=Directory(rows=[ADA]),
    )
    told = "without strip_prefixes and add_prefix it would be {}"
    lines = (await who(office, "0041446681800")).story.lines()
    assert told.format("+41446681800") in lines
    assert not [line for line in (await who(office)).story.lines() if "without" in line]


async def test_the_story_of_an_old_answer_tells_what_was_said_and_what_is_done(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office(
        {"name": "crm", "sync": False},
        {"name": "staff"},
        {"name": "others"},
        crm=Directory(),
        staff=staff,
        others=Directory(),
    )
    await office.sync()
    staff.gate = asyncio.Event()
    office.clock.move(hours=1)
    await who(office)
    lines = (await who(office, f"{ADAS} ext. 7")).story.lines()
    assert lines[0] == "'+33199001234 ext. 7' is read as +33199001234 extension 7"
    lines = (await who(office)).story.lines()
    assert lines[1].startswith("'crm' said at 20")
    assert lines[3:] == [
        "'others' has nobody in the index",
        "'staff' is asked again behind",
        "answer: Ada Bélanger",
    ]


async def test_the_story_tells_instants_as_what_they_are(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    [line] = [line for line in (await who(office)).story.lines() if "as of" in line]
    assert line.endswith(" UTC")


async def test_the_story_of_nobody_says_so(open_office):
    office = await open_office({"name": "staff", "sync": False}, staff=Directory())
    assert (await who(office)).story.lines()[-1] == "answer: nobody"


async def test_that_a_contact_has_no_caller_name_is_told_with_its_id(open_office):
    office = await open_office(
        {"name": "staff", "sync": False, "format_columns": {}}, staff=Directory(rows=[ADA])
    )
    answer = await who(office)
    told = "answer: 1, who has no name (its formatted column 'reverse' is empty)"
    assert (name(answer), answer.story.lines()[-1]) == (None, told)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Number(key=ADAS)
#: ages on each side of every limit below
AGES = st.sampled_from([5, 15, 25, 45, 75])
#: minutes: what is fresh, what has expired, how long absences are believed
FRESH_FOR, MAX_STALE, ABSENT_TTL = 10, 60, 30


def state_of_a_source():
    """What a source is, what is known of it (with ages in minutes), and what it would say if asked."""
    return st.fixed_dictionaries(
        {
            "is_synced": st.booleans(),
            "asks_live": st.booleans(),
            "pulled": st.none() | AGES,
            "is_indexed": st.booleans(),
            "said": st.none() | st.tuples(st.sampled_from(["has", "lacks"]), AGES),
            "says": st.sampled_from(["has", "lacks", "fails"]),
        }
    ).filter(lambda state: state["is_synced"] or state["asks_live"])


class OneNumberIndex:
    """Knows who of the sources has the one number, and when each was pulled."""

    def __init__(self):
        self.synced, self.candidates = {}, []

    def add(self, source, pulled_at, contact):
        synced = Synced(
            id=len(self.synced),
            uuid=source.uuid,
            name=source.name,
            generation=1,
            contacts=1,
            synced_at=pulled_at,
            written_at=pulled_at,
            full_at=pulled_at,
            cursor=None,
            held=None,
        )
        self.synced[source.uuid] = synced
        if contact is not None:
            self.candidates.append(Candidate(contact=contact, synced=synced, tier=Tier.EXACT))

    def sources(self):
        return self.synced

    def reverse(self, number, keys, sources):
        if Tier.EXACT not in [tier for tier, _ in keys]:
            return []
        return [candidate for candidate in self.candidates if candidate.synced.uuid in sources]

    def callers(self, number, sources, *, with_suffix):
        return [
            Caller(found.contact.display, found.contact.body, found.synced)
            for found in self.reverse(number, [(Tier.EXACT, number.key)], sources)
        ]


def before(minutes):
    return NOW - timedelta(minutes=minutes)


async def answer_of(states, *, serve_expired):
    """What the service answers, and who was asked."""
    names = [f"s{place}" for place in range(len(states))]
    directories = {
        name: Directory(
            rows=[{**ADA, "name": f"{name} now"}] if state["says"] == "has" else [],
            error=SourceError("down") if state["says"] == "fails" else None,
        )
        for name, state in zip(names, states, strict=True)
    }
    config = config_of(
        *(
            {
                "name": name,
                "sync": {} if state["is_synced"] else False,
                "live": {"timeout": "60s"} if state["asks_live"] else False,
                "fresh_for": f"{FRESH_FOR}m",
                "max_stale": f"{MAX_STALE}m",
                "absent_ttl": f"{ABSENT_TTL}m",
            }
            for name, state in zip(names, states, strict=True)
        ),
        profiles={
            "default": {"reverse": {"sources": names, "timeout": "60s", "serve_expired": serve_expired}}
        },
    )
    sources, memory, index = Sources(config, FakeLoader(**directories)), Memory(lambda: NOW), OneNumberIndex()
    for source, state in zip(sources, states, strict=True):
        await source.open()
        if state["pulled"] is not None:
            held = (
                source.shape.contact({**ADA, "name": f"{source.name} indexed"})
                if state["is_indexed"]
                else None
            )
            index.add(source, before(state["pulled"]), held)
        if state["said"] is not None and state["asks_live"]:
            word, age = state["said"]
            told = source.shape.contact({**ADA, "name": f"{source.name} said"}) if word == "has" else None
            memory.put(asked(source, KEY, NOBODY), told, before(age))
    clock = Clock(NOW)
    live = Live(memory, clock)
    reverse = Reverse(Profiles(config, sources), index, live, clock)
    seen = reverse.glance(NOBODY.tenant, "default").of(ADAS)
    answer = await reverse.who(NOBODY, "default", ADAS)
    assert agrees(seen, answer) if seen is not None else not is_settled(states)
    at_once = {name for name, directory in directories.items() if directory.asked}
    await live.close()
    await sources.close()
    return answer, at_once


async def test_a_pull_counts_from_when_it_is_there_however_long_it_takes_to_be_written():
    config = config_of({"name": "staff", "live": {"timeout": "60s"}})
    sources, memory, index = (
        Sources(config, FakeLoader(staff=Directory())),
        Memory(lambda: NOW),
        OneNumberIndex(),
    )
    [source] = sources
    await source.open()
    live = Live(memory, lambda: NOW)
    reverse = Reverse(Profiles(config, sources), index, live, lambda: NOW + timedelta(seconds=1))
    index.add(source, before(60), None)
    assert (await reverse.who(NOBODY, "default", ADAS)).known is None
    assert live.remembered(source, KEY, NOBODY).at == NOW
    index.synced = {}
    index.add(source, before(1), source.shape.contact(ADA))
    assert name(await reverse.who(NOBODY, "default", ADAS)) == ADA["name"]
    await live.close()
    await sources.close()


def is_settled(states):
    """Whether a glance is enough: all pulled and fresh, nothing said, somebody there or nobody to ask."""
    return (
        all(state["is_synced"] and state["pulled"] is not None for state in states)
        and all(freshness_of(state["pulled"]) == "fresh" for state in states)
        and not any(state["said"] is not None and state["asks_live"] for state in states)
        and (any(state["is_indexed"] for state in states) or not any(state["asks_live"] for state in states))
    )


def freshness_of(age):
    if age <= FRESH_FOR:
        return "fresh"
    return "stale" if age <= MAX_STALE else "expired"


def known_without_asking(state):
    """(contact as text, age) or "absent", "unknown" (may be asked where nobody has it), "ask", "silent"."""
    pulled = state["pulled"] if state["is_synced"] else None
    said = state["said"] if state["asks_live"] else None
    indexed = ("indexed", pulled) if pulled is not None and state["is_indexed"] else None
    if said is not None and said[0] == "has" and (pulled is None or said[1] <= pulled):
        return ("said", said[1])
    is_denied = said is not None and said[0] == "lacks" and said[1] <= ABSENT_TTL
    if is_denied and (indexed is None or said[1] <= pulled):
        return "absent"
    if indexed is not None:
        return indexed
    if pulled is not None:
        return "unknown" if state["asks_live"] else "absent"
    return "ask" if state["asks_live"] else "silent"


def oracle(states, *, serve_expired):
    """The answer that section 5 of the design gives: (place, text, freshness) or None, and who has failed."""
    words = [known_without_asking(state) for state in states]
    failed = {place for place, word in enumerate(words) if word == "silent"}

    def ask(place, known):
        says = states[place]["says"] if states[place]["asks_live"] else "fails"
        if says == "fails":
            failed.add(place)
            return known if serve_expired else None
        return ("now", 0) if says == "has" else None

    for everybody in (False, True):
        for place, known in enumerate(words):
            if isinstance(known, tuple):
                is_expired = freshness_of(known[1]) == "expired"
                words[place] = ask(place, known) if is_expired else known
            elif known == "ask" or (everybody and known == "unknown"):
                words[place] = ask(place, None)
            if isinstance(words[place], tuple):
                text, age = words[place]
                return (place, text, freshness_of(age)), failed
    return None, failed


def told(answer):
    if answer.known is None:
        return None
    source, _, text = answer.known.contact.display.partition(" ")
    return int(source[1:]), text, str(answer.known.freshness)


STATES = st.lists(state_of_a_source(), min_size=3, max_size=3)


@given(STATES, st.booleans())
async def test_the_answer_is_what_the_design_says(states, serve_expired):
    answer, _ = await answer_of(states, serve_expired=serve_expired)
    expected, failed = oracle(states, serve_expired=serve_expired)
    assert told(answer) == expected
    assert {f"s{place}" for place in failed} <= {failure.source for failure in answer.failed}


@given(STATES)
async def test_nobody_is_asked_whose_word_is_known(states):
    _, asked_at_once = await answer_of(states, serve_expired=True)
    for place, state in enumerate(states):
        word = known_without_asking(state)
        is_known = word == "absent" or (isinstance(word, tuple) and freshness_of(word[1]) == "fresh")
        if is_known or not state["asks_live"]:
            assert f"s{place}" not in asked_at_once
