"""`lookupd state`: a backup and its way back, beside a running daemon."""

import sqlite3
from contextlib import closing

from lookupd.auth import BELIEVED
from lookupd.state.tokens import Tokens
from tests.cli.conftest import ADA
from tests.faults.signals import eventually
from tests.process import RunningDaemon, write_config, write_csv


def add(site, name):
    return site.json("token", "add", name)["token"]


def names(site):
    with closing(Tokens(site.state)) as tokens:
        return [token.name for token in tokens.all()]


def test_a_backup_is_made_and_restored(site, tmp_path):
    add(site, "old")
    file = tmp_path / "backup.db"
    made = site.run("state", "backup", str(file))
    assert (made.exit_code, made.stderr) == (0, "")
    assert made.stdout == f"backed up {site.state} in {file}\n"
    add(site, "new")
    restored = site.run("state", "restore", str(file))
    kept = site.state.with_name("state.db.before-restore")
    assert (restored.exit_code, restored.stderr) == (0, "")
    assert restored.stdout == f"restored {site.state} from {file}\nthe state before is kept in {kept}\n"
    assert names(site) == ["old"]
    site.run("state", "restore", str(kept))
    assert names(site) == ["old", "new"]


def test_a_backup_overwrites_a_file_only_when_forced(site, tmp_path):
    add(site, "old")
    file = tmp_path / "backup.db"
    file.write_text("something else")
    refused = site.run("state", "backup", str(file))
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert (
        refused.stderr
        == f"{file}: exists and is kept; name another file, or overwrite a backup with --force\n"
    )
    assert file.read_text() == "something else"
    assert site.run("state", "backup", str(file), "--force").exit_code == 0


def test_where_there_is_no_state_yet_a_backup_is_restored(site, tmp_path):
    add(site, "old")
    file = tmp_path / "backup.db"
    site.run("state", "backup", str(file))
    site.state.unlink()
    assert site.run("state", "restore", str(file)).stdout == f"restored {site.state} from {file}\n"
    assert names(site) == ["old"]


def test_what_is_no_backup_is_refused(site, tmp_path):
    add(site, "old")
    file = tmp_path / "backup.db"
    file.write_text("no database" * 100)
    refused = site.run("state", "restore", str(file))
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert refused.stderr == (
        f"{file}: cannot be restored (file is not a database); nothing was changed, use another backup\n"
    )
    assert names(site) == ["old"]


def test_a_damaged_state_names_the_remedy_and_it_helps(site, tmp_path):
    add(site, "old")
    file = tmp_path / "backup.db"
    site.run("state", "backup", str(file))
    site.state.write_text("no database" * 100)
    refused = site.run("token", "list")
    assert refused.exit_code == 4
    assert "damaged (file is not a database); restore a backup (lookupd state restore FILE)" in refused.stderr
    assert site.run("state", "restore", str(file)).exit_code == 0
    assert names(site) == ["old"]


def test_a_running_daemon_goes_on_with_the_restored_state(site, tmp_path):
    write_csv(site.folder / "staff.csv", [ADA])
    write_config(site.folder, {"name": "staff"}, auth={"mode": "token"})
    file = tmp_path / "backup.db"
    old = add(site, "old")
    site.run("state", "backup", str(file))
    new = add(site, "new")
    with RunningDaemon(site.file) as daemon:

        def status(token):
            return daemon.get("/0.1/status", **{"X-Auth-Token": token})[0]

        assert (status(old), status(new)) == (200, 200)
        site.run("state", "restore", str(file))
        eventually(lambda: status(new) == 401, within=BELIEVED + 10)
        assert status(old) == 200
        later = add(site, "later")
        assert (status(later), status(old), status(new)) == (200, 200, 401)
        with closing(sqlite3.connect(site.state)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
