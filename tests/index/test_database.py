"""A usable index lies there, whatever lay there before."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from lookupd.errors import DataError
from lookupd.index import database, writer


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "index.db"


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return [connection.execute(statement).fetchall() for statement in statements][-1]


def add_source(path):
    execute(path, "INSERT INTO source (uuid, name) VALUES ('u', 'staff')")


def sources(path):
    return execute(path, "SELECT name FROM source")


def test_a_missing_index_is_made_with_its_folder(path):
    database.prepare(path)
    assert sources(path) == []
    assert execute(path, "PRAGMA journal_mode") == [("wal",)]
    assert [file.name for file in path.parent.iterdir()] == ["index.db"]


def test_a_good_index_stays_as_it_is(path):
    database.prepare(path)
    add_source(path)
    database.prepare(path)
    assert sources(path) == [("staff",)]


def truncate(path):
    path.write_bytes(path.read_bytes()[:5000])


def break_schema(path):
    content = bytearray(path.read_bytes())
    content[100:400] = bytes(300)
    path.write_bytes(content)


def forge(path):
    path.unlink()
    execute(
        path,
        f"PRAGMA application_id = {database.INDEX.application_id}",
        f"PRAGMA user_version = {database.INDEX.version}",
    )


def replace_by_foreign(path):
    path.unlink()
    execute(path, "CREATE TABLE source (id)")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_bytes(b""), "none of lookupd's"),
        (lambda path: path.write_bytes(b"Dear Ada, " * 1000), "not a database"),
        (truncate, "malformed"),
        (break_schema, "malformed"),
        (replace_by_foreign, "none of lookupd's"),
        (forge, "no such table"),
        (lambda path: execute(path, f"PRAGMA user_version = {database.INDEX.version - 1}"), "has format"),
        (lambda path: execute(path, f"PRAGMA user_version = {database.INDEX.version + 1}"), "has format"),
    ],
    ids=["empty", "text", "truncated", "torn", "foreign", "without tables", "older", "newer"],
)
def test_a_file_that_is_no_usable_index_is_set_aside_and_made_anew(path, caplog, damage, reason):
    database.prepare(path)
    add_source(path)
    damage(path)
    damaged = path.read_bytes()
    database.prepare(path)
    assert sources(path) == []
    assert path.with_name("index.db.damaged").read_bytes() == damaged
    assert reason in caplog.text


def test_the_next_damaged_file_takes_the_place_of_the_last_one(path):
    for content in (b"first", b"second"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        database.prepare(path)
    assert path.with_name("index.db.damaged").read_bytes() == b"second"


def test_a_locked_index_is_told_and_never_set_aside(path):
    database.prepare(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("INSERT INTO source (uuid, name) VALUES ('u', 'staff')")
        with pytest.raises(DataError, match=r"index\.db: cannot be used now: database is locked"):
            database.prepare(path, patience=0.01)
    database.prepare(path)
    assert sources(path) == [("staff",)]


@pytest.mark.parametrize("name", ["index.db", "index.db.new"])
def test_the_log_of_a_lost_file_is_not_played_into_a_new_index(path, name):
    database.prepare(path)
    lost = path.with_name(name)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO source (uuid, name) VALUES ('u', 'ghost')")
        log = path.with_name("index.db-wal").read_bytes()
    path.unlink()
    lost.with_name(f"{name}-wal").write_bytes(log)
    database.prepare(path)
    assert sources(path) == []
    assert execute(path, "PRAGMA integrity_check") == [("ok",)]


def test_many_may_prepare_an_index_at_once(path):
    for damage in (None, b"damaged"):
        if damage:
            path.write_bytes(damage)
        prepare_at_once(path, count=8)
        add_source(path)
        assert sources(path) == [("staff",)]


def prepare_at_once(path, count):
    barrier = threading.Barrier(count)

    def prepare(_):
        barrier.wait()
        database.prepare(path)

    with ThreadPoolExecutor(count) as threads:
        assert [*threads.map(prepare, range(count))] == [None] * count


def test_a_folder_that_cannot_be_made_is_told_with_its_reason(path):
    path.parent.write_text("a file")
    with pytest.raises(DataError, match=r"index\.db: cannot be used now: File exists \(.*folder 'data'\)"):
        database.prepare(path)


def test_a_folder_in_its_place_is_told_and_left(path):
    path.mkdir(parents=True)
    with pytest.raises(DataError, match="unable to open database file"):
        database.prepare(path)
    assert path.is_dir()


def test_a_reading_connection_cannot_write(path):
    database.prepare(path)
    with (
        closing(database.connect_reader(path)) as reader,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        reader.execute("DELETE FROM source")


def test_a_transaction_is_all_or_nothing(path):
    database.prepare(path)
    with closing(writer.connect(path)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"), writer.transaction(connection):
            connection.executemany("INSERT INTO source (uuid, name) VALUES (?, 'half')", ["u", "u"])
        with writer.transaction(connection, "IMMEDIATE"):
            connection.execute("INSERT INTO source (uuid, name) VALUES ('v', 'whole')")
    assert sources(path) == [("whole",)]


def test_a_transaction_that_cannot_be_committed_is_over(path):
    database.prepare(path)
    with closing(writer.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("CREATE TABLE child (of INTEGER REFERENCES source DEFERRABLE INITIALLY DEFERRED)")
        with pytest.raises(sqlite3.IntegrityError), writer.transaction(connection):
            connection.execute("INSERT INTO child VALUES (7)")
        with writer.transaction(connection):
            assert connection.execute("SELECT count(*) FROM child").fetchone() == (0,)


def test_a_transaction_that_the_database_itself_took_back_is_over(path):
    database.prepare(path)
    execute(path, "CREATE TRIGGER refuse BEFORE INSERT ON source BEGIN SELECT RAISE(ROLLBACK, 'no'); END")
    with closing(writer.connect(path)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="no"), writer.transaction(connection):
            connection.execute("INSERT INTO source (uuid, name) VALUES ('u', 'staff')")
        assert not connection.in_transaction
