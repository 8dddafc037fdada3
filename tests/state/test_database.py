"""`state.db`: what users own is durable, private, upgraded in steps and never thrown away."""

import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from lookupd.errors import DataDamaged, DataError, DataNewer
from lookupd.sql import statements
from lookupd.state import database
from lookupd.state.tokens import Tokens
from tests.process import wait_until
from tests.state.conftest import add, execute, pragma, spoilt


def test_a_missing_file_is_made_with_its_folder_and_is_nobody_else_s(path):
    with closing(database.connect(path)) as connection:
        assert pragma(connection, "user_version") == len(database.UPGRADES) >= 1
        assert pragma(connection, "application_id") == database.APPLICATION_ID
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["state.db", "state.db-shm", "state.db-wal"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_what_is_acknowledged_is_durable(path):
    with closing(database.connect(path)) as connection:
        assert pragma(connection, "journal_mode") == "wal"
        assert pragma(connection, "synchronous") == 2


def test_an_empty_file_is_a_new_one(path):
    path.parent.mkdir()
    path.touch()
    with closing(Tokens(path)) as tokens:
        assert tokens.all() == []


def test_what_was_written_is_there_after_opening_again(path):
    with closing(Tokens(path)) as tokens:
        token, secret = add(tokens)
    with closing(Tokens(path)) as tokens:
        assert tokens.find(secret) == token


def refused(path, error):
    """How opening a file fails; the file must stay as it is."""
    before = path.read_bytes()
    with pytest.raises(error) as caught:
        database.connect(path)
    assert path.read_bytes() == before
    return str(caught.value)


def test_a_file_of_a_newer_lookupd_is_refused_and_left_alone(path):
    database.connect(path).close()
    newer = len(database.UPGRADES) + 1
    execute(path, f"PRAGMA user_version = {newer}", "PRAGMA journal_mode = DELETE")
    said = refused(path, DataNewer)
    assert said == (
        f"{path}: has format {newer}, this lookupd knows up to {newer - 1}; "
        "run the newer lookupd, or move the file away"
    )


@pytest.mark.parametrize(
    "content", [b"this is no database\n" * 100, b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    assert "damaged" in refused(path, DataDamaged)


def test_a_file_with_a_damaged_page_is_refused_and_left_alone(path):
    assert "damaged" in refused(spoilt(path), DataDamaged)


def test_a_file_whose_schema_is_no_text_is_refused_and_left_alone(path):
    """SQLite quotes it in its error, which Python cannot decode."""
    database.connect(path).close()
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE", b"CREATE T\xc1BLE"))
    assert path.read_bytes() != content
    refused(path, DataDamaged)


def test_a_truncated_file_is_refused_and_left_alone(path):
    with closing(Tokens(path)) as tokens:
        for number in range(200):
            add(tokens, name=f"token {number} " + "x" * 100)
    path.write_bytes(path.read_bytes()[:8192])
    assert "damaged" in refused(path, DataDamaged)


@pytest.mark.parametrize(
    "marks", [(), ("PRAGMA application_id = 1",), ("PRAGMA user_version = 1",), ("PRAGMA user_version = 99",)]
)
def test_a_database_of_somebody_else_is_refused_and_left_alone(path, marks):
    path.parent.mkdir()
    execute(path, "CREATE TABLE invoice (id INTEGER)", *marks)
    assert "it is not a file of lookupd" in refused(path, DataDamaged)


def test_an_index_is_no_state(path):
    path.parent.mkdir()
    execute(path, "PRAGMA application_id = 1819002980")
    assert "it is not a file of lookupd" in refused(path, DataDamaged)


def test_a_folder_in_place_of_the_file_is_told(path):
    path.mkdir(parents=True)
    with pytest.raises(
        DataError, match=r"state\.db: cannot be used .*; check its folder, its owner and the disk"
    ):
        database.connect(path)


def test_a_file_in_place_of_the_folder_is_told(path):
    path.parent.write_text("")
    with pytest.raises(DataError, match="cannot be used"):
        database.connect(path)


def test_an_upgrade_that_fails_changes_nothing(path):
    path.parent.mkdir()
    ours = f"PRAGMA application_id = {database.APPLICATION_ID}"
    execute(path, "PRAGMA journal_mode = WAL", "CREATE TABLE token (id)", ours)
    said = refused(path, DataError)
    assert "table token already exists" in said


def is_locked(folder):
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def test_a_file_that_somebody_else_writes_is_waited_for(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor() as openers:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        opened = openers.submit(lambda: database.connect(path).close())
        wait_until(lambda: is_locked(path.parent), "opening")
        assert not opened.done()
        other.execute("COMMIT")
        opened.result(timeout=10)


def test_many_may_open_a_new_file_at_once(path):
    together = threading.Barrier(8)

    def open_together(_):
        together.wait()
        database.connect(path).close()

    with ThreadPoolExecutor(8) as openers:
        assert len([*openers.map(open_together, range(8))]) == 8


def test_two_processes_may_open_a_new_file_at_once(path):
    code = (
        "import sys, pathlib; from lookupd.state import database\n"
        "print(flush=True); sys.stdin.readline()\n"
        "database.connect(pathlib.Path(sys.argv[1])).close()\n"
    )
    openers = [
        subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for opener in openers:
        opener.stdout.readline()
    for opener in openers:
        opener.stdin.write(b"\n")
        opener.stdin.flush()
    for opener in openers:
        opener.communicate(timeout=20)
    assert [opener.returncode for opener in openers] == [0, 0]


def test_statements_are_found_by_their_names():
    found = statements("lookupd.state", "tokens.sql")
    assert sorted(found) == ["add", "all", "by_hash", "revoke"]
    assert found["revoke"] == "UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"


def test_what_stands_before_the_first_name_is_no_statement():
    [upgrade] = [*statements("lookupd.state", "upgrades.sql").values()][:1]
    assert upgrade.startswith("-- Who may ask")
    assert upgrade.endswith("STRICT")
