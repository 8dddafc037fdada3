"""Root may run commands: what they leave belongs to whoever the data belong to."""

import json
import os
import subprocess
import sys

import pytest

from lookupd.cli import owner
from lookupd.errors import LookupdError
from tests.cli.test_main import real
from tests.faults.killing import untraced

#: nobody's, on any machine
USER, GROUP = 54_321, 54_322
#: becomes the owner of a folder, and makes a file there; Python may lie where nobody else may read
CODE = """
import json, os, sys
from pathlib import Path
from lookupd.cli import owner
data, is_able = Path(sys.argv[1]), sys.argv[2] == "True"
owner._is_able = lambda owner: is_able
owner.become(data)
(data / "made").touch()
print(json.dumps([os.getresuid(), os.getresgid(), os.getgroups()]))
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def data(tmp_path):
    """A folder whose parents everybody may pass."""
    folder = tmp_path / "data"
    folder.mkdir()
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    return folder


def become(data, *, is_able=True):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(data), str(is_able)],
        capture_output=True,
        text=True,
        check=True,
        env=untraced(os.environ),
    )
    users, groups, more = json.loads(done.stdout)
    return set(users), set(groups), more, done.stderr


def owner_of(path):
    there = path.stat()
    return there.st_uid, there.st_gid


@as_root
def test_root_goes_on_as_the_owner_of_the_folder(data):
    os.chown(data, USER, GROUP)
    assert become(data) == ({USER}, {GROUP}, [], "")
    assert owner_of(data / "made") == (USER, GROUP)


@as_root
@pytest.mark.parametrize("file", ["index.db", "state.db"])
def test_what_the_daemon_has_made_tells_who_it_is(data, file):
    os.chown(data, USER + 1, GROUP + 1)
    data.chmod(0o777)
    (data / file).touch()
    os.chown(data / file, USER, GROUP)
    assert become(data)[:2] == ({USER}, {GROUP})


@as_root
def test_root_stays_root_where_root_runs_the_daemon(data):
    os.chown(data, USER, GROUP)
    (data / "index.db").touch()
    users, _, _, said = become(data)
    assert (users, said) == ({0}, "")


@as_root
def test_a_user_with_a_name_has_its_groups(data):
    os.chown(data, 1, 1)  # daemon, on Debian and others
    users, groups, more, _ = become(data)
    assert (users, groups) == ({1}, {1})
    assert 0 not in more


@as_root
def test_root_stays_root_and_says_so_where_it_cannot_become_the_owner(data):
    os.chown(data, USER, GROUP)
    users, _, _, said = become(data, is_able=False)
    assert users == {0}
    assert said == (
        f"{data} belongs to user {USER}, whom root may not become here, or who may not read Python or "
        f"lookupd: this goes on as root, and what it makes there may be of no use to the daemon\n"
    )


@as_root
def test_whether_a_user_may_read_python_is_found_out(data, monkeypatch):
    module = data / "module.py"
    module.touch()
    monkeypatch.setattr(owner, "__file__", str(module))
    monkeypatch.setattr(os, "__file__", str(module))
    assert owner._is_able((USER, GROUP))
    for mode in (0o750, 0o700):  # root's group is not the owner's
        data.chmod(mode)
        assert not owner._is_able((USER, GROUP))
    assert os.geteuid() == 0


@as_root
def test_where_root_may_become_nobody_it_stays_root(monkeypatch):
    def refuse(_user):
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "setuid", refuse)
    assert not owner._is_able((USER, GROUP))


@as_root
def test_a_folder_that_is_still_to_be_made_belongs_to_whose_it_is_made_in(data):
    absent = data / "not" / "there"
    assert owner.of(absent) is None
    os.chown(data, USER, GROUP)
    assert owner.of(absent) == (USER, GROUP)


def test_somebody_else_than_root_stays_who_they_are(data, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert owner.of(data) is None


@as_root
def test_a_restored_state_belongs_to_the_owner_of_the_data(site, tmp_path):
    file = tmp_path / "backup.db"
    site.run("token", "add", "one")
    site.run("state", "backup", str(file))
    site.state.unlink()
    os.chown(site.state.parent, USER, GROUP)
    done = real("-c", str(site.file), "state", "restore", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert owner_of(site.state) == (USER, GROUP)


@as_root
def test_a_link_is_given_and_not_what_it_leads_to(data, tmp_path):
    os.chown(data, USER, GROUP)
    (tmp_path / "precious").touch()
    (data / "state.db.kept").symlink_to(tmp_path / "precious")
    owner.give(owner.of(data), data / "state.db.kept", data / "absent")
    assert owner_of(tmp_path / "precious") == (0, 0)
    assert (data / "state.db.kept").lstat().st_uid == USER


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["explain", "1"],
        ["lookup", "ann"],
        ["reverse", "1"],
        ["sources"],
        ["sync"],
        ["token", "add", "one"],
        ["token", "list"],
        ["token", "revoke", "one"],
    ],
)
def test_commands_work_as_the_owner(site, monkeypatch, command):
    def become(data):
        raise LookupdError(f"becomes the owner of {data}")

    monkeypatch.setattr(owner, "become", become)
    assert site.run(*command).stderr == f"becomes the owner of {site.state.parent}\n"
