"""How each source is doing, and what somebody should look at."""

from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from lookupd.errors import IndexUnusable, SourceError, SourceShrank, UnknownSource
from lookupd.freshness import Freshness
from lookupd.front import Load
from lookupd.health import FAILURES, Breaker
from lookupd.number import Number
from lookupd.services.status import Status
from lookupd.source import State
from lookupd.sourcesettings import SyncSettings
from tests.fakes import ADA, BOB, NOBODY, Clock, Directory, Office, Paper, config_of

ADAS = Number(key="+33199001234")
SOON = timedelta(seconds=10)


def on_a_damaged_index(sources, answers, broken, clock):
    return Status(
        all_sources=sources,
        index=DamagedIndex(),
        answers=answers,
        broken_plugins=broken,
        front=Load(),
        clock=clock,
        began=clock(),
    )


@pytest.fixture
async def open_office(tmp_path):
    async with AsyncExitStack() as stack:

        async def open_(*sources, **directories):
            return await stack.enter_async_context(Office(tmp_path, config_of(*sources), **directories))

        yield open_


async def status_of(office):
    [status] = await office.status.sources()
    return status


async def test_a_source_that_does_well_has_no_trouble(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA, BOB]))
    before = datetime.now(UTC)
    await office.sync()
    status = await status_of(office)
    assert (status.state, status.trouble, status.held) == (State.LOADED, None, None)
    assert (status.contacts, status.generation, status.freshness) == (2, 1, Freshness.FRESH)
    assert before <= status.synced_at <= datetime.now(UTC)
    assert (status.last_run.outcome, status.last_run.added) == ("succeeded", 2)


async def test_a_source_that_was_never_synced_has_nothing_yet_and_no_trouble(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    status = await status_of(office)
    assert (status.contacts, status.generation, status.synced_at) == (0, 0, None)
    assert (status.freshness, status.last_run, status.trouble) == (None, None, None)


@pytest.mark.parametrize(("hours", "freshness"), [(1, Freshness.STALE), (200, Freshness.EXPIRED)])
async def test_what_the_index_holds_grows_old(open_office, hours, freshness):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    office.clock.move(hours=hours)
    assert (await status_of(office)).freshness is freshness


async def test_a_source_that_does_not_load_is_trouble(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(load_error=SourceError("no route")))
    status = await status_of(office)
    assert (status.state, status.trouble) == (State.FAILED, "no route")


async def test_a_source_whose_backend_is_missing_is_trouble(open_office):
    office = await open_office({"name": "staff", "backend": "missing"})
    assert "no backend is installed under the name 'missing'" in (await status_of(office)).trouble


async def test_a_run_that_fails_is_trouble_until_one_succeeds(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.error = SourceError("down")
    with pytest.raises(SourceError):
        await office.sync()
    status = await status_of(office)
    assert (status.trouble, status.contacts, status.last_run.outcome) == ("down", 1, "failed")
    staff.error = None
    await office.sync()
    assert (await status_of(office)).trouble is None


async def test_a_run_that_is_held_is_trouble_until_one_succeeds(open_office):
    everybody = [{**BOB, "id": str(number)} for number in range(60)]
    staff = Directory(rows=list(everybody))
    office = await open_office({"name": "staff"}, staff=staff)
    await office.sync()
    staff.rows = everybody[:1]
    with pytest.raises(SourceShrank):
        await office.sync()
    staff.error = SourceError("down")
    with pytest.raises(SourceError):
        await office.sync()
    status = await status_of(office)
    assert status.complaint == "sync held"
    assert status.trouble.startswith("down; before that: source 'staff' would lose 59 of its 60 contacts")
    staff.error, staff.rows = None, everybody
    await office.sync()
    assert (await status_of(office)).trouble is None


@pytest.mark.parametrize(
    ("sync", "waits", "begins"),
    [
        ({"every": "15m"}, {"minutes": 29}, {"minutes": 2}),
        ({"every": "15m", "jitter": "5m"}, {"minutes": 34}, {"minutes": 2}),
        ({"every": "1s"}, {"seconds": 60}, {"seconds": 2}),
        ({"every": "4h", "timeout": "20m"}, {"hours": 4, "minutes": 19}, {"minutes": 2}),
    ],
)
@pytest.mark.parametrize("is_synced", [True, False])
async def test_a_run_that_does_not_come_is_trouble(open_office, sync, waits, begins, is_synced):
    office = await open_office({"name": "staff", "sync": sync}, staff=Directory(rows=[ADA]))
    if is_synced:
        await office.sync()
    office.clock.move(**waits)
    assert (await status_of(office)).trouble is None
    office.clock.move(**begins)
    if not is_synced:  # nobody knows how long it takes
        office.clock.move(minutes=30)
    status = await status_of(office)
    assert status.complaint == "sync overdue"
    assert status.trouble.startswith("no run has ended since 20")


@pytest.mark.parametrize(("minute", "is_overdue"), [(29, False), (31, True)])
def test_a_run_by_cron_may_take_as_long_as_its_timeout(monkeypatch, minute, is_overdue):
    zone = ZoneInfo("Asia/Kathmandu")
    monkeypatch.setattr("apscheduler.triggers.cron.get_localzone", lambda: zone)
    settings = SyncSettings.model_validate({"cron": "0 3 * * 1-5"})
    friday, monday = datetime(2026, 1, 2, 3, 5, tzinfo=zone), datetime(2026, 1, 5, 3, minute, tzinfo=zone)
    for took in (None, timedelta(minutes=1)):
        assert settings.is_overdue(friday, monday, took) is is_overdue


@pytest.mark.parametrize(("took", "minutes"), [(1, 10), (12, 29), (20, 35), (None, 35)])
def test_a_run_by_an_interval_may_take_twice_as_long_as_the_last_one(took, minutes):
    settings = SyncSettings.model_validate({"every": "5m", "timeout": "30m"})
    ended = datetime(2026, 1, 2, 3, 5, tzinfo=UTC)
    lasted = None if took is None else timedelta(minutes=took)
    assert not settings.is_overdue(ended, ended + timedelta(minutes=minutes), lasted)
    assert settings.is_overdue(ended, ended + timedelta(minutes=minutes, seconds=1), lasted)


async def test_a_run_that_failed_says_more_than_that_none_has_come_since(open_office):
    staff = Directory(error=SourceError("down"))
    office = await open_office({"name": "staff"}, staff=staff)
    with pytest.raises(SourceError):
        await office.sync()
    office.clock.move(days=1)
    status = await status_of(office)
    assert (status.trouble, status.complaint) == ("down", "last sync failed")


async def test_a_source_that_is_asked_live_only_waits_for_no_run(open_office):
    office = await open_office({"name": "staff", "sync": False}, staff=Directory(rows=[ADA]))
    office.clock.move(days=30)
    assert (await status_of(office)).trouble is None


async def test_a_question_that_fails_is_trouble_until_one_is_answered(open_office):
    staff = Directory(rows=[ADA], error=OSError("cable"))
    office = await open_office({"name": "staff", "sync": False}, staff=staff)
    [source] = office.sources
    with pytest.raises(SourceError):
        await source.search("ada", NOBODY, SOON)
    assert (await status_of(office)).trouble == "source 'staff' failed in search: OSError: cable"
    staff.error = None
    await source.search("ada", NOBODY, SOON)
    assert (await status_of(office)).trouble is None


async def test_asking_a_source_too_early_is_no_trouble_once_it_is_loaded(open_office):
    staff = Directory(rows=[ADA], load_error=SourceError("booting"))
    office = await open_office({"name": "staff"}, staff=staff)
    [source] = office.sources
    with pytest.raises(SourceError):
        await source.search("ada", NOBODY, SOON)
    staff.load_error = None
    await source.open()
    assert (await status_of(office)).trouble is None


OTHER = UUID("00000000-0000-4000-8000-00000000000f")


async def test_every_source_of_every_tenant_stands_in_the_order_of_the_configuration(open_office):
    office = await open_office(
        {"name": "staff"},
        {"name": "crm", "sync": False},
        {"name": "staff", "tenant": OTHER, "backend": "theirs"},
        staff=Directory(rows=[ADA]),
        crm=Directory(),
        theirs=Directory(rows=[ADA, BOB]),
    )
    await office.sync()
    found = [(status.name, status.backend, status.contacts) for status in await office.status.sources()]
    assert found == [("staff", "staff", 1), ("crm", "crm", 0), ("staff", "theirs", 2)]
    assert {status.tenant_uuid for status in await office.status.sources()} == {NOBODY.tenant, str(OTHER)}


async def test_the_runs_of_a_source_stand_newest_first(open_office):
    staff = Directory(rows=[ADA])
    office = await open_office({"name": "crm"}, {"name": "staff"}, staff=staff, crm=Directory())
    for rows in ([ADA], [ADA, BOB], [BOB]):
        staff.rows = rows
        await office.sync()
    runs = await office.status.runs("staff")
    assert [(run.added, run.removed, run.unchanged) for run in runs] == [(0, 1, 1), (1, 0, 1), (1, 0, 0)]
    assert [run.started_at for run in await office.status.runs("staff", limit=1)] == [runs[0].started_at]


async def test_the_runs_of_a_source_that_does_not_exist_are_told(open_office):
    office = await open_office({"name": "staff"}, staff=Directory())
    with pytest.raises(UnknownSource, match=r"'stuff' \(configured: staff\)"):
        await office.status.runs("stuff")


async def test_an_index_that_can_be_read_is_no_problem(open_office):
    office = await open_office({"name": "staff"}, staff=Directory())
    assert office.status.index_problem() is None


class DamagedIndex:
    def sources(self):
        raise IndexUnusable("database disk image is malformed")

    async def runs(self, uuid, limit=20):
        raise IndexUnusable("database disk image is malformed")


def test_an_index_that_cannot_be_read_is_told():
    status = on_a_damaged_index([], Paper(), {"view xml": "no lxml"}, Clock())
    assert status.index_problem() == "the index cannot be read: database disk image is malformed"
    assert status.broken_plugins == {"view xml": "no lxml"}


async def test_sources_are_told_as_if_they_were_never_synced_while_the_index_cannot_be_read(open_office):
    office = await open_office({"name": "staff"}, staff=Directory(rows=[ADA]))
    await office.sync()
    status = on_a_damaged_index(office.sources, Paper(), {}, office.clock)
    [staff] = await status.sources()
    assert (staff.name, staff.contacts, staff.synced_at, staff.last_run) == ("staff", 0, None, None)


@pytest.mark.parametrize("problem", [None, "database or disk is full"])
def test_it_is_told_why_answers_are_not_written(problem):
    assert on_a_damaged_index([], Paper(problem), {}, Clock()).answers_problem() == problem


@pytest.mark.parametrize(
    ("settings", "load_error", "complaint"),
    [
        ({}, SourceError("secret"), "does not load"),
        ({}, None, "last sync failed"),
        ({"sync": False}, None, "does not answer"),
    ],
)
async def test_what_anybody_may_read_is_the_kind_of_trouble(open_office, settings, load_error, complaint):
    staff = Directory(load_error=load_error)
    office = await open_office({"name": "staff", **settings}, staff=staff)
    assert (await status_of(office)).complaint == (complaint if load_error else None)
    staff.error = SourceError("secret")
    with suppress(SourceError):
        await office.sync()
    for source in office.sources:
        with suppress(SourceError):
            await source.reverse(ADAS, NOBODY, SOON)
    assert (await status_of(office)).complaint == complaint


async def test_a_source_that_only_does_not_answer_text_searches_is_told_apart(open_office):
    staff = Directory(error=SourceError("too slow"))
    office = await open_office({"name": "staff", "sync": False}, staff=staff)
    [source] = office.sources
    with pytest.raises(SourceError):
        await source.search("ada", NOBODY, SOON)
    staff.error = None
    await source.reverse(ADAS, NOBODY, SOON)
    status = await status_of(office)
    assert (status.trouble, status.complaint) == ("too slow", "does not answer text searches")
    await source.search("ada", NOBODY, SOON)
    assert (await status_of(office)).trouble is None


async def test_a_source_that_is_left_alone_is_told(open_office):
    staff = Directory(error=SourceError("down"))
    office = await open_office({"name": "staff", "sync": False}, staff=staff)
    [source] = office.sources
    for _ in range(FAILURES):
        assert (await status_of(office)).condition.breaker is Breaker.CLOSED
        with pytest.raises(SourceError):
            await source.reverse(ADAS, NOBODY, SOON)
    condition = (await status_of(office)).condition
    assert condition.breaker is Breaker.OPEN
    assert (condition.in_flight, condition.stuck_threads) == (0, 0)
    assert condition.search.breaker is Breaker.CLOSED
