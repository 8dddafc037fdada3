"""A backup is whole, sound and private; a restored one is the state, and the state before is kept."""

import os
import sqlite3
import stat
import sys
from contextlib import closing

import pytest

from lookupd.errors import BackupUnusable, DataDamaged, DataError, DiskFull
from lookupd.state import database
from lookupd.state.backup import back_up, restore
from lookupd.state.tokens import Tokens
from tests.document import ROOT
from tests.faults.damage import DAMAGES, copies
from tests.faults.disk import FailingDisk
from tests.faults.killing import KillLoop, Running, randomly
from tests.state.conftest import add, execute, pragma, spoilt


@pytest.fixture
def file(tmp_path):
    return tmp_path / "backups" / "monday.db"


@pytest.fixture
def backed_up(path, tokens, file):
    """A backup with one token, `old`, beside a state with a second one, `new`."""
    file.parent.mkdir()
    add(tokens, name="old")
    back_up(path, file)
    add(tokens, name="new")
    return file


def names(path):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [name for (name,) in connection.execute("SELECT name FROM token ORDER BY rowid")]


# --- backup


def test_a_backup_holds_what_was_there_and_stands_for_itself(backed_up):
    assert names(backed_up) == ["old"]
    assert [file.name for file in backed_up.parent.iterdir()] == ["monday.db"]
    with closing(sqlite3.connect(backed_up)) as connection:
        assert pragma(connection, "journal_mode") == "delete"


def test_a_backup_is_nobody_else_s(backed_up):
    assert stat.S_IMODE(backed_up.stat().st_mode) == 0o600


def test_what_another_process_is_writing_is_not_in_a_backup_and_does_not_hinder_it(path, backed_up):
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM token")
        back_up(path, backed_up, overwrite=True)
        other.execute("COMMIT")
    assert names(backed_up) == ["old", "new"]


def test_a_file_that_is_there_is_overwritten_only_on_demand(path, backed_up):
    with pytest.raises(DataError, match=r"monday\.db: exists and is kept; .* with --force"):
        back_up(path, backed_up)
    assert names(backed_up) == ["old"]
    back_up(path, backed_up, overwrite=True)
    assert names(backed_up) == ["old", "new"]


@pytest.mark.usefixtures("backed_up")
def test_the_state_is_never_overwritten_by_its_backup(path):
    with pytest.raises(DataError, match="exists and is kept"):
        back_up(path, path, overwrite=True)
    with pytest.raises(BackupUnusable, match="it is the state itself"):
        restore(path, path)
    assert names(path) == ["old", "new"]


def test_where_nothing_is_there_yet_nothing_is_backed_up_or_made(path, file):
    with pytest.raises(DataError, match=r"state\.db: does not exist yet"):
        back_up(path, file)
    assert not path.exists()
    assert not file.parent.exists()


def test_a_folder_that_is_not_there_is_told(path, backed_up):
    with pytest.raises(DataError, match=r"x/monday\.db: cannot be used .*No such file or directory"):
        back_up(path, backed_up.parent / "x" / "monday.db")


@pytest.mark.parametrize("content", [b"no database" * 400, b"SQLite format 3\0" + b"\xff" * 9000])
def test_a_damaged_state_is_no_backup(path, backed_up, content):
    damaged = path.with_name("damaged.db")
    damaged.write_bytes(content)
    with pytest.raises(DataDamaged, match=r"damaged\.db: .*restore a backup \(lookupd state restore FILE\)"):
        back_up(damaged, backed_up, overwrite=True)
    assert names(backed_up) == ["old"]


def test_a_state_with_a_damaged_page_is_no_backup(backed_up, tmp_path):
    state = spoilt(tmp_path / "spoilt" / "state.db")
    with pytest.raises(DataError, match=r"state\.db: .*(damaged|is not backed up)"):
        back_up(state, backed_up, overwrite=True)
    assert names(backed_up) == ["old"]
    assert [file.name for file in backed_up.parent.iterdir()] == ["monday.db"]


# --- restore


def test_a_restored_backup_is_the_state_and_the_state_before_is_kept(path, backed_up):
    kept = restore(path, backed_up)
    assert (names(path), names(kept)) == (["old"], ["old", "new"])
    assert kept.name == "state.db.before-restore"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert names(backed_up) == ["old"]
    left = {"state.db", "state.db-wal", "state.db-shm", "state.db.before-restore"}
    assert {file.name for file in path.parent.iterdir()} <= left


def test_whoever_has_the_state_open_goes_on_with_the_restored_one(path, backed_up):
    with closing(Tokens(path)) as other:
        inode = path.stat().st_ino
        restore(path, backed_up)
        assert [token.name for token in other.all()] == ["old"]
        _, secret = add(other, name="later")
        assert other.find(secret).name == "later"
        assert path.stat().st_ino == inode
    with closing(sqlite3.connect(path)) as connection:
        assert pragma(connection, "journal_mode") == "wal"
    assert names(path) == ["old", "later"]


def test_whoever_reads_meanwhile_sees_the_old_state_to_the_end(path, backed_up):
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM token").fetchone() == (2,)
        restore(path, backed_up)
        assert reader.execute("SELECT count(*) FROM token").fetchone() == (2,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM token").fetchone() == (1,)


def test_a_restore_is_undone_by_restoring_what_was_kept(path, backed_up):
    kept = restore(path, backed_up)
    again = restore(path, kept)
    assert (names(path), names(again)) == (["old", "new"], ["old"])
    assert (names(kept), again.name) == (["old", "new"], "state.db.before-restore-2")


def test_a_backup_is_restored_where_nothing_was(backed_up, tmp_path):
    fresh = tmp_path / "fresh" / "state.db"
    assert restore(fresh, backed_up) is None
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600
    with closing(Tokens(fresh)) as tokens:
        assert [token.name for token in tokens.all()] == ["old"]


@pytest.mark.parametrize(
    "content", [b"", b"no database" * 400, b"SQLite format 3\0" + b"\xff" * 9000, b"SQLite format 3\0"]
)
def test_a_damaged_state_is_replaced_and_kept(backed_up, content, tmp_path):
    damaged = tmp_path / "damaged" / "state.db"
    damaged.parent.mkdir()
    damaged.write_bytes(content)
    kept = restore(damaged, backed_up)
    assert (names(damaged), kept.read_bytes()) == (["old"], content)


def test_what_the_log_of_a_damaged_state_holds_is_kept_and_not_played_into_the_restored_one(
    backed_up, tmp_path
):
    damaged = tmp_path / "damaged" / "state.db"
    with closing(Tokens(damaged)) as tokens:
        add(tokens, name="in the log")
        log = damaged.with_name("state.db-wal").read_bytes()
    damaged.write_bytes(b"no database" * 400)
    damaged.with_name("state.db-wal").write_bytes(log)
    kept = restore(damaged, backed_up)
    assert (names(damaged), names(kept)) == (["old"], ["in the log"])


def test_whoever_has_a_damaged_state_open_finds_the_one_in_its_place(path, backed_up):
    with closing(Tokens(path)) as other:
        os.truncate(path, 0)
        for side in ("-wal", "-shm"):
            path.with_name(f"state.db{side}").unlink()
        restore(path, backed_up)
        assert [token.name for token in other.all()] == ["old"]


def test_a_state_is_restored_whatever_has_happened_to_it(path, backed_up, tmp_path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    for copy in copies(path, tmp_path / "copies", count=2 * len(DAMAGES), seed=1):
        restore(copy.file, backed_up)
        assert names(copy.file) == ["old"], copy.what


# --- what is refused


def refused(path, file, **more):
    """Why a restore is refused; it must change nothing."""
    before = {one.name: one.read_bytes() for one in path.parent.iterdir()}
    with pytest.raises(BackupUnusable) as caught:
        restore(path, file, **more)
    assert {one.name: one.read_bytes() for one in path.parent.iterdir()} == before
    said = str(caught.value)
    assert said.startswith(f"{file}: cannot be restored (")
    assert said.endswith("; nothing was changed, use another backup")
    return said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("PRAGMA application_id = 7", "it is not a state file of lookupd"),
        ("PRAGMA user_version = 99", "it has format 99, this lookupd knows up to 1"),
        ("DROP TABLE token", "it has other tables than a state"),
        ("ALTER TABLE token DROP COLUMN user", "it has other tables than a state"),
    ],
)
def test_what_is_no_backup_of_ours_is_not_restored(path, backed_up, change, reason):
    execute(backed_up, change)
    assert f"({reason})" in refused(path, backed_up)


@pytest.mark.parametrize("content", [b"", b"no database" * 400, b"SQLite format 3\0" + b"\xff" * 9000])
def test_what_is_no_database_is_not_restored(path, backed_up, content):
    backed_up.write_bytes(content)
    assert refused(path, backed_up)


def test_a_file_that_is_not_there_is_not_restored(path, backed_up):
    assert "(there is no such file)" in refused(path, backed_up.with_name("tuesday.db"))


@pytest.mark.usefixtures("backed_up")
def test_a_backup_with_a_damaged_page_is_not_restored(path, tmp_path):
    assert refused(path, spoilt(tmp_path / "spoilt.db"))
    assert names(path) == ["old", "new"]


MORE = (*database.UPGRADES, "ALTER TABLE token ADD COLUMN note TEXT")


def test_a_backup_of_an_older_lookupd_is_brought_up_to_date(path, backed_up):
    database.connect(path, MORE).close()
    restore(path, backed_up, MORE)
    with closing(database.connect(path, MORE)) as connection:
        assert connection.execute("SELECT name, note FROM token").fetchall() == [("old", None)]
        assert pragma(connection, "user_version") == len(MORE)
    with closing(sqlite3.connect(backed_up)) as connection:
        assert pragma(connection, "user_version") == len(database.UPGRADES)


def test_a_backup_of_a_newer_lookupd_is_not_restored(path, backed_up):
    newer = backed_up.with_name("newer.db")
    restore(newer, backed_up, MORE)
    assert "it has format 2, this lookupd knows up to 1" in refused(path, newer)


def test_a_backup_with_pages_of_another_size_is_restored(path, backed_up):
    execute(backed_up, "PRAGMA page_size = 8192", "VACUUM")
    restore(path, backed_up)
    assert names(path) == ["old"]


# --- kills and full disks

RESTORER = """
import sys
from pathlib import Path
from lookupd.state.backup import restore
path, *backups = map(Path, sys.argv[1:])
print("ready", flush=True)
while True:
    for backup in backups:
        kept = restore(path, backup)
        if kept is not None:
            kept.unlink()
"""


def test_a_restore_that_is_killed_leaves_the_old_state_or_the_new_one(path, backed_up):
    other = backed_up.with_name("tuesday.db")
    back_up(path, other)
    seen = []

    def check(_):
        seen.append(names(path))
        return None if seen[-1] in (["old"], ["old", "new"]) else f"there is {seen[-1]}"

    def command(number):
        backups = [backed_up, other] if number % 2 else [other, backed_up]
        return [sys.executable, "-c", RESTORER, *map(str, [path, *backups])]

    report = KillLoop(command, seed=1, moment=randomly(0.1, line="ready"), cwd=ROOT).run(
        times=20, check=check
    )
    assert (report.killed, report.bad) == (20, [])
    assert ["old"] in seen
    assert ["old", "new"] in seen
    restore(path, other)
    assert not [*path.parent.glob("state.db.restoring*"), *path.parent.glob("state.db.keeping*")]


ONE_RESTORE = (
    "import sys, pathlib; from lookupd.state.backup import restore; restore(*map(pathlib.Path, sys.argv[1:]))"
)


@pytest.mark.parametrize("start", ["sound", "missing", "damaged"])
def test_a_restore_that_is_killed_at_any_call_leaves_the_old_state_or_the_new_one(
    path, backed_up, tmp_path, start
):
    for after in range(200):
        state = tmp_path / str(after) / "state.db"
        state.parent.mkdir()
        if start == "sound":
            back_up(path, state)
        elif start == "damaged":
            state.write_bytes(b"no database" * 400)
        command = [sys.executable, "-c", ONE_RESTORE, str(state), str(backed_up)]
        with FailingDisk(pattern=str(state)) as disk:
            disk.kill(after=after)
            with Running(command, 1, ROOT, disk.env) as running:
                running.wait(20)
                status = running.kill()
        if start == "sound":
            assert names(state) in (["old"], ["old", "new"])
        elif state.exists() and not state.read_bytes().startswith(b"no database"):
            assert names(state) == ["old"]
        restore(state, backed_up)
        assert names(state) == ["old"]
        if status == 0:
            assert after >= 10
            return
    raise AssertionError("a restore has more calls than that")


@pytest.mark.parametrize("after", [0, 3, 8, 12])
def test_a_restore_on_a_full_disk_changes_nothing_and_says_so(path, backed_up, after):
    command = [sys.executable, "-c", ONE_RESTORE, str(path), str(backed_up)]
    with FailingDisk(pattern=str(path.parent), kinds=["write"]) as disk:
        disk.fail(after=after)
        with Running(command, 1, ROOT, disk.env) as running:
            running.wait(20)
            assert running.kill() == 1
            assert DiskFull.__name__ in running.errors
            assert "the disk is full, nothing was written" in running.errors
        assert disk.failed > 0
    assert names(path) == ["old", "new"]
