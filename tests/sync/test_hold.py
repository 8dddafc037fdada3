"""A run that would remove too much is held: the old contacts stay until somebody accepts the loss."""

import pytest

from lookupd.errors import SourceError, SourceShrank
from tests.fakes import Directory, source_of
from tests.sync.ground import ChangingBackend, people, source_with


@pytest.fixture
def directory():
    return Directory(rows=people(60))


@pytest.fixture
async def source(ground, directory):
    source = source_of(directory)
    await ground.sync(source)
    return source


async def test_a_run_that_would_remove_too_much_keeps_the_old_contacts(ground, source, directory):
    before = ground.part()
    directory.rows = people(40)
    with pytest.raises(
        SourceShrank, match=r"'fake' would lose 20 of its 60 contacts.*sync fake --accept-loss"
    ):
        await ground.sync(source)
    assert ground.part() == before
    ground.check()


async def test_a_held_run_is_told_with_its_counts_and_reason(ground, source, directory):
    directory.rows = people(1, start=100)
    with pytest.raises(SourceShrank) as raised:
        await ground.sync(source)
    synced, [run, _] = await ground.synced(), await ground.runs()
    assert synced.held == run.error == str(raised.value)
    assert (run.outcome, run.added, run.removed, run.unchanged) == ("held", 1, 60, 0)
    assert (synced.generation, synced.contacts) == (1, 60)


async def test_a_held_run_does_not_make_the_source_fresh(ground, source, directory):
    before = await ground.synced()
    directory.rows = []
    with pytest.raises(SourceShrank):
        await ground.sync(source)
    after = await ground.synced()
    assert (after.synced_at, after.full_at) == (before.synced_at, before.full_at)


async def test_a_run_is_held_again_and_again(ground, source, directory):
    directory.rows = []
    for _ in range(2):
        with pytest.raises(SourceShrank):
            await ground.sync(source)
    assert len(ground.names()) == 60


async def test_an_accepted_loss_is_written(ground, source, directory):
    directory.rows = people(10)
    with pytest.raises(SourceShrank):
        await ground.sync(source)
    plan = await ground.sync(source, accept_loss=True)
    assert (plan.removed, plan.after) == (50, 10)
    assert (await ground.synced()).held is None
    assert len(ground.names()) == 10
    ground.check()


async def test_a_good_run_ends_the_alarm(ground, source, directory):
    directory.rows = []
    with pytest.raises(SourceShrank):
        await ground.sync(source)
    directory.rows = people(55)
    await ground.sync(source)
    assert (await ground.synced()).held is None
    assert len(ground.names()) == 55


async def test_a_failed_run_does_not_end_the_alarm(ground, source, directory):
    directory.rows = []
    with pytest.raises(SourceShrank):
        await ground.sync(source)
    directory.error = SourceError("down")
    with pytest.raises(SourceError, match="down"):
        await ground.sync(source)
    assert (await ground.synced()).held is not None


async def test_a_small_source_may_shrink_as_it_likes(ground):
    directory = Directory(rows=people(50))
    source = source_of(directory)
    await ground.sync(source)
    directory.rows = []
    assert (await ground.sync(source)).removed == 50


@pytest.mark.parametrize(("max_loss", "left"), [(0.5, 30), (1, 0), (0, 60)])
async def test_how_much_may_go_is_a_setting(ground, directory, max_loss, left):
    source = source_of(directory, sync={"max_loss": max_loss})
    await ground.sync(source)
    directory.rows = people(left)
    assert (await ground.sync(source)).after == left


async def test_too_many_departures_told_as_changes_are_held_too(ground, directory):
    backend = ChangingBackend(directory)
    source = source_with(backend)
    await ground.sync(source)
    backend.step(gone=[row["id"] for row in people(20)])
    with pytest.raises(SourceShrank):
        await ground.sync(source)
    assert len(ground.names()) == 60
    assert (await ground.sync(source, accept_loss=True)).after == 40


@pytest.mark.parametrize("unique_column", [None, "badge"])
async def test_rows_without_an_id_may_all_be_edited_at_once(ground, directory, unique_column):
    source = source_of(directory, unique_column=unique_column)
    await ground.sync(source)
    directory.rows = [{**row, "town": "Paris"} for row in directory.rows]
    plan = await ground.sync(source)
    assert (plan.added, plan.removed, plan.after) == (60, 60, 60)
    ground.check()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"unique_column": "number"}),
        ({}, {"unique_column": None}),
        ({"unique_column": None}, {}),
        ({"config": {"base": "here"}}, {"config": {"base": "there"}}),
    ],
)
async def test_other_settings_may_replace_everybody(ground, directory, before, after):
    await ground.sync(source_of(directory, **before))
    directory.rows = [{**row, "id": f"new-{row['id']}"} for row in people(61)]
    plan = await ground.sync(source_of(directory, **after))
    assert (plan.added, plan.removed, plan.after) == (61, 60, 61)
    ground.check()


@pytest.mark.usefixtures("source")
async def test_who_is_lost_under_other_settings_is_missed_and_told_why(ground, directory):
    directory.rows = people(40)
    other = source_of(directory, unique_column="number")
    for _ in range(2):  # a held run changes nothing, so the next one is no other
        with pytest.raises(
            SourceShrank, match=r"20 of its 60 contacts \(they were pulled under other settings\)"
        ):
            await ground.sync(other)
    directory.rows = people(60)
    await ground.sync(other)
    directory.rows = people(40)
    with pytest.raises(SourceShrank, match="20 of its 60 contacts; kept"):
        await ground.sync(other)


async def test_other_settings_may_store_all_rows_without_an_id_anew(ground, directory):
    await ground.sync(source_of(directory, unique_column=None))
    plan = await ground.sync(source_of(directory, unique_column=None, format_columns={"reverse": "{id}"}))
    assert (plan.added, plan.removed) == (60, 60)


async def test_rows_without_an_id_are_missed_as_others_are(ground, directory):
    source = source_of(directory, unique_column=None)
    await ground.sync(source)
    directory.rows = [{**row, "town": "Paris"} for row in people(40)]
    with pytest.raises(SourceShrank, match="would lose 20 of its 60"):
        await ground.sync(source)


async def test_other_people_are_no_replacement_for_those_with_an_id(ground, source, directory):
    directory.rows = people(60, start=1000)
    with pytest.raises(SourceShrank, match="would lose 60 of its 60"):
        await ground.sync(source)
