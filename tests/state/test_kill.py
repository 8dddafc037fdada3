"""Whatever ends the program at whatever moment, what was acknowledged is there, and the file is sound."""

import sqlite3
import sys
from contextlib import closing

import pytest

from lookupd.state import database
from lookupd.state.tokens import Tokens
from tests.document import ROOT
from tests.faults.disk import FailingDisk
from tests.faults.killing import Running
from tests.scenarios.state_kills import WRITER, kept, state_kills
from tests.state.conftest import pragma


def test_acknowledged_tokens_survive_kills(tmp_path):
    report = state_kills(tmp_path, times=10, seed=1)
    assert (report.times, report.killed, report.lost, report.bad) == (10, 10, 0, ())
    assert report.acknowledged > 0


def run(disk, program, *arguments):
    """The lines a program printed until it ended, and its status."""
    with Running([sys.executable, "-c", program, *map(str, arguments)], 1, ROOT, disk.env) as running:
        running.wait(20)
        return running.lines, running.kill()


def test_acknowledged_tokens_survive_a_kill_at_any_call_to_the_disk(tmp_path):
    """Somebody else has the file open, as the daemon has, so that every call belongs to a write."""
    counts = set()
    for after in range(25):
        file = tmp_path / str(after) / "state.db"
        with closing(Tokens(file)) as daemon, FailingDisk(pattern="state.db") as disk:
            disk.kill(after=after)
            lines, status = run(disk, WRITER, file)
            there = {token.id for token in daemon.all()}
        tokens = {line for line in lines if line != "begins"}
        assert (status, tokens <= there) == (-9, True)
        assert len(there - tokens) <= 1  # written, and killed before it could say so
        assert kept(file) == there
        counts.add(len(tokens))
    assert {0, 1, 2} <= counts


OLD = (
    "CREATE TABLE token (id TEXT PRIMARY KEY) STRICT",
    "CREATE TABLE phonebook (id INTEGER PRIMARY KEY, name TEXT) STRICT",
)
NEW = (
    *OLD,
    "ALTER TABLE token ADD COLUMN note TEXT",
    "CREATE TABLE favorite AS SELECT id FROM token",
    "UPDATE phonebook SET name = upper(name)",
)
ROWS = [(f"token-{number:03}",) for number in range(300)]
#: what the last upgrade makes of the first version's rows
UPGRADED = ([(id_, None) for (id_,) in ROWS], ROWS, [("ANN",)])
UPGRADER = """
import pathlib, sys
from lookupd.state import database
database.connect(pathlib.Path(sys.argv[1]), sys.argv[2:]).close()
"""


def old(file):
    with closing(database.connect(file, OLD)) as connection:
        connection.executemany("INSERT INTO token (id) VALUES (?)", ROWS)
        connection.execute("INSERT INTO phonebook (name) VALUES ('ann')")


def content(connection):
    return (
        connection.execute("SELECT id, note FROM token ORDER BY rowid").fetchall(),
        connection.execute("SELECT id FROM favorite ORDER BY rowid").fetchall(),
        connection.execute("SELECT name FROM phonebook").fetchall(),
    )


def test_an_upgrade_that_is_killed_at_any_call_to_the_disk_is_finished_by_the_next_opening(tmp_path):
    seen, status, after = set(), None, 0
    while status != 0:
        file = tmp_path / str(after) / "state.db"
        old(file)
        with FailingDisk(pattern="state.db") as disk:
            disk.kill(after=after)
            _, status = run(disk, UPGRADER, file, *NEW)
        assert status in (0, -9)
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            seen.add(pragma(connection, "user_version"))
            assert connection.execute("SELECT id FROM token ORDER BY rowid").fetchall() == ROWS
            [(name,)] = connection.execute("SELECT name FROM phonebook").fetchall()
            assert (name == "ANN") == (pragma(connection, "user_version") == len(NEW))
        with closing(database.connect(file, NEW)) as connection:
            assert (pragma(connection, "user_version"), content(connection)) == (len(NEW), UPGRADED)
        after += 1
    assert seen == set(range(len(OLD), len(NEW) + 1))


def test_making_a_file_that_is_killed_at_any_call_to_the_disk_is_finished_by_the_next_opening(tmp_path):
    make = (
        "import pathlib, sys; from lookupd.state import database; database.connect(pathlib.Path(sys.argv[1]))"
    )
    status, after = None, 0
    while status != 0:
        file = tmp_path / str(after) / "state.db"
        with FailingDisk(pattern="state.db") as disk:
            disk.kill(after=after)
            _, status = run(disk, make, file)
        assert status in (0, -9)
        assert kept(file) == set()
        after += 1
    assert after > 3


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_an_upgrade_that_the_disk_refuses_is_finished_by_the_next_opening(tmp_path, error):
    status, after = None, 0
    while status != 0:
        file = tmp_path / str(after) / "state.db"
        old(file)
        with FailingDisk(pattern="state.db", kinds=["write", "sync"]) as disk:
            disk.fail(after=after, error=error)
            _, status = run(disk, UPGRADER, file, *NEW)
        with closing(database.connect(file, NEW)) as connection:
            assert content(connection) == UPGRADED
        after += 4
    assert after > 8
