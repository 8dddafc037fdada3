"""Back-ends that tell what changed: less is pulled, and the index is the same as if all had been."""

import pytest

from lookupd.errors import CursorExpired
from lookupd.sync.run import Run
from tests.fakes import ADA, BOB, Directory
from tests.sync.ground import ChangingBackend, people, source_with

EVE = {"id": "3", "name": "Eve Nguyen", "number": "+33 1 99 00 99 99", "mobile": None}


def counts(plan):
    return plan.added, plan.changed, plan.removed, plan.unchanged


@pytest.fixture
def directory():
    return Directory(rows=[ADA, BOB])


@pytest.fixture
def backend(directory):
    return ChangingBackend(directory)


@pytest.fixture
async def source(ground, backend):
    source = source_with(backend)
    await ground.sync(source)
    return source


def cursors(directory):
    """With which cursor the directory was asked each time."""
    return [cursor for method, cursor in directory.asked if method == "changes"]


async def test_the_first_run_pulls_everything_and_keeps_the_cursor(ground, directory, backend):
    await ground.sync(source_with(backend))
    synced, [run] = await ground.synced(), await ground.runs()
    assert (synced.cursor, synced.contacts, run.is_full) == ("0", 2, True)
    assert cursors(directory) == [None]


async def test_later_runs_pull_what_changed_since(ground, source, directory, backend):
    backend.step([EVE, {**ADA, "name": "Ada Dupont"}], gone=["2"])
    plan = await ground.sync(source)
    assert counts(plan) == (1, 1, 1, 0)
    assert ground.names() == ["Ada Dupont", "Eve Nguyen"]
    assert cursors(directory) == [None, "0"]
    assert (await ground.synced()).cursor == "1"
    assert (await ground.runs())[0].is_full is False
    ground.check()


async def test_what_was_not_told_is_unchanged(ground, source):
    assert counts(await ground.sync(source)) == (0, 0, 0, 2)
    assert (await ground.synced()).generation == 1


async def test_a_change_that_is_none_costs_no_write(ground, source, backend):
    before = ground.part()
    backend.step([ADA])
    assert counts(await ground.sync(source)) == (0, 0, 0, 2)
    assert ground.part() == before


async def test_who_is_gone_and_was_never_there_counts_for_nothing(ground, source, backend):
    backend.step(gone=["77", "2"])
    assert counts(await ground.sync(source)) == (0, 0, 1, 1)
    ground.check()


@pytest.mark.parametrize("distance", [0, 1500])
async def test_of_several_changes_of_one_contact_the_last_is_true(ground, source, backend, distance):
    backend.step([{**ADA, "name": "Ada First"}, *people(distance), {**ADA, "name": "Ada Last"}])
    assert counts(await ground.sync(source)) == (distance, 1, 0, 1)
    assert ground.bodies()["1"]["name"] == "Ada Last"
    ground.check()


@pytest.mark.parametrize("distance", [0, 1500])
async def test_a_contact_that_changed_forth_and_back_is_unchanged(ground, source, backend, distance):
    backend.step([{**ADA, "name": "Ada First"}, *people(distance), ADA])
    assert counts(await ground.sync(source)) == (distance, 0, 0, 2)
    ground.check()


async def test_who_changed_and_then_left_is_gone(ground, source, backend):
    backend.step([{**BOB, "name": "Bob Last"}, EVE])
    backend.step(gone=["2", "3"])
    assert counts(await ground.sync(source)) == (0, 0, 1, 1)
    assert ground.names() == [ADA["name"]]
    ground.check()


async def test_all_who_shared_an_id_leave_with_it(ground, directory, backend):
    directory.rows = [ADA, BOB, {**EVE, "id": "2"}, {**EVE, "id": "22"}]
    source = source_with(backend)
    await ground.sync(source)
    backend.step(gone=["2"])
    assert counts(await ground.sync(source)) == (0, 0, 2, 2)
    assert sorted(ground.bodies()) == ["1", "22"]
    ground.check()


async def test_a_change_of_an_id_that_several_share_pulls_everything(ground, directory, backend):
    """Which of them changed cannot be told: none may be overwritten by another."""
    twin = {**EVE, "id": "2"}
    directory.rows = [ADA, BOB, twin]
    source = source_with(backend)
    await ground.sync(source)
    renamed = {**twin, "name": "Eve Tran"}
    backend.step([renamed])
    directory.rows = [ADA, BOB, renamed]
    await ground.sync(source)
    assert ground.names() == ["Ada Bélanger", "Bob Müller", "Eve Tran"]
    assert cursors(directory) == [None, "0", None]
    ground.check()


@pytest.mark.parametrize("is_lazy", [False, True], ids=["at once", "while rows are read"])
async def test_an_expired_cursor_means_that_everything_is_pulled(ground, source, directory, backend, is_lazy):
    backend.step([EVE, {**ADA, "id": None}, *people(1500)])
    directory.rows = [{**ADA, "name": "Ada Dupont"}]
    backend.oldest, backend.is_lazy = 1, is_lazy
    plan = await ground.sync(source)
    assert counts(plan) == (0, 1, 1, 0)
    assert cursors(directory) == [None, "0", None]
    assert ground.names() == ["Ada Dupont"]
    synced, [run, _] = await ground.synced(), await ground.runs()
    assert (synced.cursor, run.is_full, run.oddities) == ("1", True, ())
    ground.check()


async def test_a_directory_that_cannot_even_list_everything_is_an_error(ground, source, directory):
    directory.error = CursorExpired("never heard of it")
    with pytest.raises(CursorExpired):
        await ground.sync(source)
    assert cursors(directory) == [None, "0", None]
    assert (await ground.runs())[0].outcome == "failed"


async def test_a_failed_run_keeps_its_cursor_for_the_next(ground, source, directory, backend):
    backend.step([EVE])
    directory.error = RuntimeError("down")
    with pytest.raises(Exception, match="down"):
        await ground.sync(source)
    assert (await ground.synced()).cursor == "0"
    directory.error = None
    assert (await ground.sync(source)).added == 1


async def test_everything_is_pulled_when_that_is_due(ground, directory, backend):
    source = source_with(backend, sync={"full_every": "1ms"})
    await ground.sync(source)
    first = await ground.synced()
    await ground.sync(source)
    assert cursors(directory) == [None, None]
    assert (await ground.synced()).full_at > first.full_at


async def test_everything_is_pulled_when_the_last_time_lies_in_the_future(ground, directory, source):
    ground.rows("UPDATE source SET full_at = full_at + 86400 * 400")
    directory.rows = [BOB]  # nobody tells that Ada is gone
    await ground.sync(source)
    assert cursors(directory) == [None, None]
    assert ground.names() == [BOB["name"]]
    await ground.sync(source)
    assert cursors(directory)[2:] == ["0"]


async def test_everything_is_pulled_when_somebody_wants_it(ground, source, directory):
    plan = await Run(source, source.settings.sync, ground.paths).run(full=True)
    assert (counts(plan), cursors(directory)) == ((0, 0, 0, 2), [None, None])
    assert (await ground.runs())[0].is_full is True


async def test_a_run_of_changes_does_not_put_off_the_pull_of_everything(ground, source):
    first = await ground.synced()
    await ground.sync(source)
    later = await ground.synced()
    assert later.full_at == first.full_at
    assert later.synced_at > first.synced_at


async def test_a_directory_that_tells_no_cursor_is_pulled_whole_each_time(ground, directory):
    class Forgetful(ChangingBackend):
        async def changes(self, cursor):
            changes = await super().changes(cursor)
            changes.cursor = ""
            return changes

    source = source_with(Forgetful(directory))
    await ground.sync(source)
    directory.rows = [ADA]
    assert counts(await ground.sync(source)) == (0, 0, 1, 1)
    assert cursors(directory) == [None, None]
    assert (await ground.synced()).cursor is None


@pytest.mark.parametrize(
    "settings",
    [{"format_columns": {"reverse": "{id}"}}, {"config": {"base": "dc=other"}}, {"region": "DE"}],
    ids=["format_columns", "config", "region"],
)
async def test_a_cursor_from_other_settings_is_not_used(ground, directory, backend, settings):
    await ground.sync(source_with(backend))
    backend.step([EVE])
    assert counts(await ground.sync(source_with(backend, **settings)))[2] == 0
    assert cursors(directory) == [None, None]
    assert (await ground.synced()).cursor == "1"


async def test_another_password_is_no_reason_to_pull_everything(ground, directory, backend):
    for password in ("old", "new"):
        await ground.sync(source_with(backend, config={"bind_password": password}))
    assert cursors(directory) == [None, "0"]


async def test_without_a_unique_column_everything_is_pulled(ground, directory, backend):
    source = source_with(backend, unique_column=None)
    await ground.sync(source)
    directory.rows = [{**ADA, "name": "Ada Dupont"}, BOB]
    await ground.sync(source)
    assert cursors(directory) == [None, None]
    assert ground.names() == ["Ada Dupont", BOB["name"]]


async def test_changes_without_an_id_are_kept_until_everything_is_pulled(ground, source, backend):
    backend.step([{**EVE, "id": None}])
    assert counts(await ground.sync(source)) == (1, 0, 0, 2)
    assert (await ground.runs())[0].oddities == ("1 rows have nothing in 'id': kept, known by their content",)
    ground.check()
