"""Damage that is the same for the same seed, and that SQLite sees."""

import contextlib
import shutil
import sqlite3

import pytest

from tests.faults.damage import (
    DAMAGES,
    copies,
    cut_wal,
    empty,
    flip_bits,
    name_of,
    replace_by_text,
    swap_pages,
    truncate,
    wal_of,
    wrong_application_id,
    wrong_user_version,
    zero_page,
)


def pragma(file, name):
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute(f"PRAGMA {name}").fetchone()[0]


def rows(file):
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT count(*) FROM person").fetchone()[0]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A database of 200 people, and 100 more in its WAL."""
    folder = tmp_path_factory.mktemp("original")
    made, file = folder / "made.db", folder / "index.db"
    with contextlib.closing(sqlite3.connect(made, isolation_level=None)) as database:
        database.execute("PRAGMA application_id = 1234")
        database.execute("PRAGMA user_version = 3")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE person (name TEXT)")
        database.executemany("INSERT INTO person VALUES (?)", [(f"person {n} " * 20,) for n in range(200)])
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for number in range(100):
            database.execute("INSERT INTO person VALUES (?)", [f"later {number} " * 20])
        shutil.copy(made, file)
        shutil.copy(wal_of(made), wal_of(file))
    return file


@pytest.fixture
def file(original, tmp_path):
    """A copy to damage, with its WAL."""
    shutil.copy(wal_of(original), tmp_path)
    return shutil.copy(original, tmp_path / "index.db")


@pytest.fixture
def alone(file):
    """The same without the WAL."""
    wal_of(file).unlink()
    return file


def state(file):
    return [one.read_bytes() if one.exists() else None for one in (file, wal_of(file))]


@pytest.mark.parametrize("damage", DAMAGES, ids=name_of)
def test_the_same_seed_is_the_same_damage_and_never_none(original, tmp_path, damage):
    results = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(wal_of(original), tmp_path / folder)
        copy = shutil.copy(original, tmp_path / folder / "index.db")
        what = damage(copy, 7)
        results.append((what, state(copy)))
    assert results[0] == results[1]
    assert results[0][1] != state(original)


@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if damage is not empty], ids=name_of)
def test_another_seed_is_another_damage(original, tmp_path, damage):
    said = set()
    for seed in range(5):
        shutil.copy(wal_of(original), tmp_path)
        said.add(damage(shutil.copy(original, tmp_path / "index.db"), seed))
    assert len(said) > 1


def test_bits_are_flipped_from_a_place_on(alone, original):
    flip_bits(alone, 1, count=5, start=100)
    changes = [
        (place, (one ^ other).bit_count())
        for place, (one, other) in enumerate(zip(original.read_bytes(), alone.read_bytes(), strict=True))
        if one != other
    ]
    assert len(changes) == 5
    assert all(place >= 100 and bits == 1 for place, bits in changes)


@pytest.mark.parametrize("damage", [replace_by_text, zero_page, truncate], ids=name_of)
def test_sqlite_sees_the_damage(alone, damage):
    more = {zero_page: {"page": 0}, truncate: {"at": 5000}}.get(damage, {})
    damage(alone, 1, **more)
    with pytest.raises(sqlite3.DatabaseError, match=r"not a database|malformed"):
        rows(alone)


def test_exchanged_pages_hold_the_same_bytes(alone, original):
    assert "exchanged" in swap_pages(alone, 1)
    assert sorted(alone.read_bytes()) == sorted(original.read_bytes())
    assert pragma(alone, "integrity_check(1)") != "ok"


@pytest.mark.parametrize("seed", range(20))
def test_pages_that_are_equal_are_not_exchanged(tmp_path, seed):
    file = tmp_path / "file"
    before = b"".join(byte * 4096 for byte in (b"a", b"b", b"c", b"b", b"b"))
    file.write_bytes(before)
    swap_pages(file, seed)
    assert file.read_bytes() != before


def test_a_file_may_be_emptied_or_cut_anywhere(alone):
    assert truncate(alone, 1, at=100).startswith("truncated to 100 of ")
    assert alone.stat().st_size == 100
    empty(alone, 1)
    assert alone.stat().st_size == 0


def test_the_database_of_another_program_is_sound_otherwise(alone):
    wrong_application_id(alone, 1)
    assert pragma(alone, "application_id") != 1234
    assert (pragma(alone, "user_version"), pragma(alone, "integrity_check")) == (3, "ok")


def test_the_database_of_a_later_version_is_sound_otherwise(alone):
    wrong_user_version(alone, 1)
    assert pragma(alone, "user_version") > 3
    assert (pragma(alone, "application_id"), pragma(alone, "integrity_check")) == (1234, "ok")


def test_a_cut_wal_loses_the_last_writes_only(file):
    assert cut_wal(file, 1).startswith("WAL truncated to")
    assert 200 <= rows(file) < 300
    assert pragma(file, "integrity_check") == "ok"


@pytest.mark.parametrize("damage", DAMAGES, ids=name_of)
def test_what_cannot_be_damaged_is_a_value_error(tmp_path, damage):
    file = tmp_path / "index.db"
    for nothing in (file, wal_of(file)):
        nothing.touch()
    with pytest.raises(ValueError, match="is empty already"):
        damage(file, 1)


@pytest.mark.parametrize(
    ("damage", "options", "content", "message"),
    [
        (flip_bits, {"start": 5}, b"hello", "has no byte at 5"),
        (truncate, {"at": 5}, b"hello", "has only 5 bytes"),
        (zero_page, {}, bytes(5), "no page for this damage"),
        (swap_pages, {}, b"x" * 4096 * 3, "no page for this damage"),
        (swap_pages, {}, b"hello", "no page for this damage"),
        (wrong_user_version, {}, b"hello", "is no database"),
    ],
)
def test_damage_that_would_be_none_is_a_value_error(tmp_path, damage, options, content, message):
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        damage(file, 1, **options)
    assert file.read_bytes() == content


def test_a_hundred_copies_are_all_damaged_and_all_different(original, tmp_path):
    made = list(copies(original, tmp_path, count=100, seed=1))
    assert {copy.damage for copy in made} == set(DAMAGES)
    assert all(state(copy.file) != state(original) for copy in made)
    assert len({copy.what for copy in made if copy.damage is flip_bits}) == 12
    assert original.exists()


def test_a_database_without_a_wal_is_damaged_in_other_ways(alone, tmp_path):
    made = list(copies(alone, tmp_path / "copies", count=9, seed=1))
    assert {copy.damage for copy in made} == set(DAMAGES) - {cut_wal}
