"""A source's part changes whole or not at all: looked at, copied and stopped at any moment of writing it."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from lookupd.sync.end import End, Outcome
from lookupd.sync.stage import Stage
from tests.fakes import Directory, source_of
from tests.sync.ground import Ground, people

END = End(
    started_at=datetime(2026, 1, 1, tzinfo=UTC), lasted=lambda: 1.0, outcome=Outcome.SUCCEEDED, is_full=True
)


def staged(ground, rows):
    """A stage with a pull of everything, ready to be applied."""
    shape = source_of(Directory()).shape
    stage = Stage.open(ground.paths.index, ground.paths.staging, shape)
    stage.add([shape.checked(row) for row in rows])
    stage.find_gone()
    return stage


def apply(ground, rows):
    with closing(staged(ground, rows)) as stage:
        stage.apply(stage.plan(), END)


def version(connection):
    """The generation, how many contacts there are to be, how many there are, the first and the last name."""
    of_source = "(SELECT generation FROM source), (SELECT contacts FROM source)"
    return connection.execute(
        f"SELECT {of_source}, count(*), min(display), max(display) FROM contact"
    ).fetchone()


@pytest.fixture
def old(ground):
    """The rows that the index holds."""
    apply(ground, people(120))
    return people(120)


@pytest.fixture
def new(old):
    """The rows that take their place: some left, those that stay changed, some came."""
    return [{**row, "name": f"New {row['name']}"} for row in [*old, *people(40, start=200)][40:]]


def test_no_reader_sees_a_half_written_part(ground, new):
    seen = []
    with (
        closing(staged(ground, new)) as stage,
        closing(sqlite3.connect(ground.paths.index, isolation_level=None)) as reader,
    ):
        before = version(reader)
        stage._index.set_progress_handler(lambda: seen.append(version(reader)), 200)
        stage.apply(stage.plan(), END)
        stage._index.set_progress_handler(None, 0)
        after = version(reader)
    assert before[0] == 1
    assert after[0] == 2
    assert len(seen) > 50
    assert set(seen) <= {before, after}
    ground.check()


def test_what_is_on_disk_at_any_moment_is_the_old_part_or_the_new_one(ground, tmp_path, old, new):
    images = []

    def keep():
        folder = tmp_path / f"image-{len(images)}"
        shutil.copytree(ground.paths.index.parent, folder, ignore=shutil.ignore_patterns("*-shm", "staging"))
        images.append(folder)

    with closing(staged(ground, new)) as stage:
        stage._index.execute("PRAGMA main.cache_size = 5")  # so that it writes before it commits
        stage._index.set_progress_handler(keep, 1000)
        stage.apply(stage.plan(), END)
    assert len(images) > 10
    logs = {image.joinpath("index.db-wal").stat().st_size for image in images}
    assert len(logs) > 3
    for image in images:
        copy = Ground(image)
        copy.check()
        assert copy.names() in (names(old), names(new))


def names(rows):
    return sorted(row["name"] for row in rows)


def test_a_write_that_is_interrupted_at_any_moment_changes_nothing(ground, new):
    before = ground.part()
    for moment in range(1, 60, 6):
        left = iter(range(moment))
        with closing(staged(ground, new)) as stage:
            plan = stage.plan()
            stage._index.set_progress_handler(lambda: next(left, None) is None, 200)  # noqa: B023 - used at once
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                stage.apply(plan, END)
        assert ground.part() == before
    ground.check()
    apply(ground, new)
    assert ground.names() == names(new)


def test_a_log_that_cannot_be_cleared_up_does_not_undo_a_run(ground, new, caplog):
    with closing(staged(ground, new)) as stage:
        plan = stage.plan()
        stage._index.set_authorizer(
            lambda _action, name, *_: sqlite3.SQLITE_DENY if name == "wal_checkpoint" else sqlite3.SQLITE_OK
        )
        stage.apply(plan, END)
    assert "the index's log could not be cleared up: not authorized" in caplog.text
    assert ground.names() == names(new)


def test_a_full_disk_leaves_the_old_part(ground, new):
    before = ground.part()
    [(pages,)] = ground.rows("PRAGMA page_count")
    with closing(staged(ground, new)) as stage:
        plan = stage.plan()
        stage._index.execute(f"PRAGMA main.max_page_count = {pages}")
        with pytest.raises(sqlite3.OperationalError, match="full"):
            stage.apply(plan, END)
        stage.fail(END)
    assert ground.part() == before
    ground.check()


def test_a_stage_that_cannot_be_made_leaves_nothing_open(ground):
    ground.rows("CREATE TRIGGER refuse BEFORE INSERT ON source BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(sqlite3.IntegrityError, match="no"):
        staged(ground, [])
    assert not ground.paths.index.with_name("index.db-wal").exists()


def test_what_was_taken_in_can_be_forgotten(ground):
    rows = people(3)
    with closing(staged(ground, [*rows, {**rows[0], "name": "Twin"}, {**rows[1], "id": None}])) as stage:
        assert stage.oddities() != ()
        stage.clear()
        assert stage.oddities() == ()
        stage.find_gone()
        assert not stage.plan().is_change


def test_what_is_given_up_between_two_statements_ends_in_the_next_one(ground, old, new):
    endless = "SELECT count(*) FROM contact a, contact b, contact c, contact d, contact e, contact f"
    ground.rows(f"CREATE TRIGGER slow AFTER INSERT ON contact BEGIN {endless}; END")
    with closing(staged(ground, new)) as stage:
        plan = stage.plan()
        stage.interrupt()
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            stage.apply(plan, END)
    assert len(ground.names()) == len(old)
    ground.check()


def test_a_stage_that_cannot_be_made_leaves_nothing(ground):
    ground.rows("CREATE TRIGGER refuse BEFORE INSERT ON source BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(sqlite3.IntegrityError, match="refused"):
        Stage.open(ground.paths.index, ground.paths.staging, source_of(Directory()).shape)
    assert [*ground.paths.staging.iterdir()] == []


def added(ground, *batches):
    """What a pull of everything in these batches makes of the index: names by uid."""
    shape = source_of(Directory()).shape
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        for rows in batches:
            stage.add([shape.checked(row) for row in rows])
        stage.find_gone()
        stage.apply(stage.plan(), END)
        oddities = stage.oddities()
    ground.check()
    return sorted((uid.partition("\x1f")[0], body["name"]) for uid, body in ground.bodies().items()), oddities


ADA, OTHER, BOB = ({"id": uid, "name": name} for uid, name in (("1", "Ada"), ("1", "Other"), ("2", "Bob")))


@pytest.mark.parametrize("before", [[], [ADA], [OTHER], [BOB], [ADA, OTHER]])
def test_rows_that_share_an_id_are_kept_in_whichever_batches_they_come(ground, before):
    added(ground, before)
    kept, oddities = added(ground, [ADA], [OTHER, BOB], [BOB, ADA])
    assert kept == [("1", "Ada"), ("1", "Other"), ("2", "Bob")]
    assert oddities == ("1 rows share their 'id' with another row: kept beside it",)


@pytest.mark.parametrize("before", [[], [ADA, BOB], [BOB]])
def test_a_row_that_is_listed_twice_is_one_contact(ground, before):
    added(ground, before)
    assert added(ground, [ADA, BOB], [ADA], [BOB, ADA]) == ([("1", "Ada"), ("2", "Bob")], ())


@pytest.mark.parametrize("others", [0, 200])
def test_an_unchanged_source_changes_nothing_however_many_contacts_others_have(ground, others):
    shape, other = source_of(Directory()).shape, source_of(Directory(), name="other").shape
    for one, rows in ((other, people(others)), (shape, people(5))):
        with closing(Stage.open(ground.paths.index, ground.paths.staging, one)) as stage:
            stage.add([one.checked(row) for row in rows])
            stage.find_gone()
            stage.apply(stage.plan(), END)
    with closing(Stage.open(ground.paths.index, ground.paths.staging, shape)) as stage:
        stage.add([shape.checked(row) for row in people(5)])
        stage.find_gone()
        plan = stage.plan()
    assert (plan.unchanged, plan.is_change) == (5, False)


def test_what_is_sorted_on_disk_lies_beside_the_index(ground):
    with closing(staged(ground, [])) as stage:
        [(folder,)] = stage._index.execute("PRAGMA temp_store_directory").fetchall()
    assert folder == str(ground.paths.index.parent)
