"""One pass over one source: what it writes, what it counts, and what it leaves alone."""

from uuid import UUID

import pytest

from lookupd.row import LONGEST_CELL
from tests.fakes import ADA, BOB, Directory, FakeBackend, source_of
from tests.sync.ground import people, source_with

EVE = {"id": "3", "name": "Eve Nguyen", "number": "+33 1 99 00 99 99", "mobile": None}


def counts(plan):
    return plan.added, plan.changed, plan.removed, plan.unchanged


@pytest.fixture
def directory():
    return Directory(rows=[ADA, BOB])


@pytest.fixture
def source(directory):
    return source_of(directory)


async def test_a_first_run_adds_every_contact(ground, source):
    plan = await ground.sync(source)
    assert counts(plan) == (2, 0, 0, 0)
    assert (plan.before, plan.after) == (0, 2)
    assert ground.names() == [ADA["name"], BOB["name"]]
    ground.check()


async def test_an_edit_an_arrival_and_a_departure_are_told_apart(ground, source, directory):
    await ground.sync(source)
    directory.rows = [{**ADA, "name": "Ada Dupont"}, EVE]
    plan = await ground.sync(source)
    assert counts(plan) == (1, 1, 1, 0)
    assert ground.names() == ["Ada Dupont", "Eve Nguyen"]
    assert (await ground.synced()).contacts == 2
    ground.check()


async def test_words_and_numbers_that_are_no_longer_there_find_nobody(ground, source, directory):
    await ground.sync(source)
    directory.rows = [{**ADA, "name": "Ada Dupont", "number": "+33199007777", "mobile": None}]
    await ground.sync(source)
    for term in ("belanger", "bob", "0199001234", "0639981234", "0199005678"):
        assert await ground.search(term) == [], term
    for number in ("0199001234", "0639981234", "0199005678"):
        assert await ground.holders(number) == [], number
    assert await ground.search("dupont") == await ground.holders("0199007777") == ["1"]
    ground.check()


async def test_a_number_that_moves_to_another_contact_finds_that_one(ground, source, directory):
    await ground.sync(source)
    directory.rows = [{**ADA, "number": None}, {**BOB, "number": ADA["number"]}]
    await ground.sync(source)
    assert await ground.holders(ADA["number"]) == ["2"]
    ground.check()


async def test_a_source_that_lists_nothing_any_more_is_emptied(ground, source, directory):
    await ground.sync(source)
    directory.rows = []
    assert counts(await ground.sync(source)) == (0, 0, 2, 0)
    assert ground.part()["contact"] == ground.part()["number"] == []
    ground.check()


async def test_an_unchanged_source_costs_no_write_to_its_contacts(ground, source):
    await ground.sync(source)
    before = ground.part()
    for table in ("contact", "number"):
        for verb in ("INSERT", "UPDATE", "DELETE"):
            when = f"no_{verb}_{table} BEFORE {verb} ON {table}"
            ground.rows(f"CREATE TRIGGER {when} BEGIN SELECT RAISE(ABORT, 'written'); END")
    plan = await ground.sync(source)
    assert counts(plan) == (0, 0, 0, 2)
    assert ground.part() == before
    assert (await ground.synced()).generation == 1


async def test_a_generation_counts_the_runs_that_changed_something(ground, source, directory):
    for rows, generation in [([ADA], 1), ([ADA], 1), ([ADA, BOB], 2), ([], 3), ([], 3)]:
        directory.rows = rows
        await ground.sync(source)
        assert (await ground.synced()).generation == generation


async def test_a_run_that_changes_nothing_still_makes_the_source_fresh(ground, source):
    await ground.sync(source)
    before = await ground.synced()
    await ground.sync(source)
    after = await ground.synced()
    assert after.synced_at > before.synced_at
    assert after.full_at == after.synced_at


async def test_a_source_leaves_the_part_of_another_alone(ground, directory):
    one = source_of(directory, name="one", backend="fake")
    other = await ground.hold(ADA, EVE, name="other")
    await ground.sync(one)
    directory.rows = []
    await ground.sync(one)
    assert ground.names() == [ADA["name"], EVE["name"]]
    assert await ground.holders(ADA["number"], other) == ["1"]
    ground.check()


async def test_rows_without_an_id_are_kept_and_told(ground, source, directory):
    directory.rows = [ADA, {**BOB, "id": None}, {**EVE, "id": "  "}]
    assert counts(await ground.sync(source)) == (3, 0, 0, 0)
    [run] = await ground.runs()
    assert run.oddities == ("2 rows have nothing in 'id': kept, known by their content",)
    assert counts(await ground.sync(source)) == (0, 0, 0, 3)
    ground.check()


async def test_rows_that_share_an_id_are_both_kept_and_told(ground, source, directory):
    directory.rows = [ADA, {**BOB, "id": "1"}]
    assert counts(await ground.sync(source)) == (2, 0, 0, 0)
    [run] = await ground.runs()
    assert run.oddities == ("1 rows share their 'id' with another row: kept beside it",)
    assert counts(await ground.sync(source)) == (0, 0, 0, 2)
    ground.check()


@pytest.mark.parametrize("distance", [0, 1500])
async def test_a_row_that_stands_twice_is_one_contact(ground, source, directory, distance):
    nameless = {**EVE, "id": None}
    directory.rows = [ADA, nameless, *people(distance), ADA, nameless]
    plan = await ground.sync(source)
    assert plan.added == 2 + distance
    ground.check()


async def test_rows_that_share_an_id_are_both_kept_far_from_each_other(ground, source, directory):
    directory.rows = [ADA, *people(1500), {**BOB, "id": "1"}]
    assert (await ground.sync(source)).added == 1502
    assert counts(await ground.sync(source)) == (0, 0, 0, 1502)


async def test_a_number_and_a_text_are_the_same_id(ground, source, directory):
    directory.rows = [{**ADA, "id": 1}]
    await ground.sync(source)
    directory.rows = [{**ADA, "id": "1"}]
    assert counts(await ground.sync(source)) == (0, 1, 0, 0)


async def test_refused_rows_are_left_out_counted_and_told(ground, source, directory):
    directory.rows = [ADA, {**BOB, "photo": b"\x00"}, "no row", {7: "seven"}]
    assert counts(await ground.sync(source)) == (1, 0, 0, 0)
    [run] = await ground.runs()
    assert run.refused == 3
    assert run.oddities == (
        "column 'photo' holds bytes; its back-end must decode them",
        "a row must be a mapping of columns, not str",
        "a column's name must be a text, not int",
    )


async def test_cells_that_are_too_large_are_left_out_and_told(ground, source, directory):
    directory.rows = [{**ADA, "photo": "x" * 100_000}, {**BOB, "photo": ["x"] * 100_000}]
    assert counts(await ground.sync(source)) == (2, 0, 0, 0)
    assert ground.names() == [ADA["name"], BOB["name"]]
    [told] = (await ground.runs())[0].oddities
    assert told.startswith(
        "2 contacts are kept without 'photo', which holds too much (at most 65536 characters"
    )
    assert counts(await ground.sync(source)) == (0, 0, 0, 2)
    ground.check()


async def test_a_contact_as_large_as_one_may_be_is_stored_and_found(ground, source, directory):
    notes = {f"note {number}": "山" * LONGEST_CELL for number in range(2)}
    directory.rows = [{**ADA, "name": "Ada " * (LONGEST_CELL // 4 - 1), **notes}]
    await ground.sync(source)
    assert (await ground.runs())[0].oddities == ()
    assert await ground.holders(ADA["number"]) == [ADA["id"]]
    assert await ground.search("ada") == [ADA["id"]]
    ground.check()


async def test_of_many_refused_rows_the_first_reasons_are_told(ground, source, directory):
    directory.rows = [[n] for n in range(1200)]
    await ground.sync(source)
    [run] = await ground.runs()
    assert (run.refused, len(run.oddities)) == (1200, 10)


async def test_a_source_without_a_unique_column_knows_its_rows_by_their_content(ground, directory):
    source = source_of(directory, unique_column=None)
    assert counts(await ground.sync(source)) == (2, 0, 0, 0)
    directory.rows = [ADA, {**BOB, "name": "Bob Meier"}]
    assert counts(await ground.sync(source)) == (1, 0, 1, 1)
    assert (await ground.runs())[0].oddities == ()
    assert ground.names() == [ADA["name"], "Bob Meier"]
    ground.check()


async def test_other_settings_store_every_row_anew(ground, directory):
    await ground.sync(source_of(directory))
    plan = await ground.sync(source_of(directory, format_columns={"reverse": "{name} (staff)"}))
    assert counts(plan) == (0, 2, 0, 0)
    assert {body["reverse"] for body in ground.bodies().values()} == {
        "Ada Bélanger (staff)",
        "Bob Müller (staff)",
    }
    ground.check()


async def test_contacts_are_stored_in_the_order_of_their_names(ground, directory):
    directory.rows = people(1200)[::-1]
    await ground.sync(source_of(directory))
    assert [uid for (uid,) in ground.rows("SELECT uid FROM contact ORDER BY id")] == [
        row["id"] for row in people(1200)
    ]


async def test_progress_counts_the_rows_that_came(ground, directory):
    directory.rows = [*people(1999), "no row", *people(1, start=1999)]
    seen = []
    await ground.sync(source_of(directory), progress=seen.append)
    assert seen == [1000, 1999, 2000]


async def test_two_tenants_may_call_their_sources_alike(ground):
    await ground.hold(ADA, name="staff")
    await ground.sync(source_with(FakeBackend(Directory(rows=[BOB])), name="staff", tenant=str(UUID(int=7))))
    assert ground.rows("SELECT name, contacts FROM source") == [("staff", 1), ("staff", 1)]


async def test_the_history_keeps_the_last_hundred_runs(ground, source):
    await ground.sync(source)
    columns = "source_id, seconds, outcome, is_full, added, changed, removed, unchanged, refused, oddities"
    ground.rows(
        "WITH RECURSIVE earlier (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM earlier LIMIT 150) "
        f"INSERT INTO run (started_at, {columns}) SELECT at, {columns} FROM run, earlier"
    )
    await ground.sync(source)
    runs = await ground.runs()
    assert len(runs) == 100
    assert runs[0].unchanged == 2


async def test_nothing_is_left_of_a_stage_but_its_lock(ground, source):
    await ground.sync(source)
    assert [file.suffix for file in ground.paths.staging.iterdir()] == [".lock"]


async def test_the_stage_of_a_killed_run_is_thrown_away(ground, source):
    ground.paths.staging.mkdir()
    (ground.paths.staging / f"{source.uuid}.db").write_bytes(b"half a stage")
    assert counts(await ground.sync(source)) == (2, 0, 0, 0)
    ground.check()


@pytest.mark.parametrize(
    "uid", ["a b", "ä", "o'hara", '"', "[1]", "cn=a,dc=b", "1\t2", "-", "null", "1.0", "💥"]
)
async def test_any_text_may_be_an_id(ground, directory, uid):
    directory.rows = [{**ADA, "id": uid}, BOB]
    source = source_of(directory)
    await ground.sync(source)
    assert counts(await ground.sync(source)) == (0, 0, 0, 2)
    assert await ground.holders(ADA["number"]) == [uid]
