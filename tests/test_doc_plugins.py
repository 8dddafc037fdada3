"""The plugins of docs/plugins.md, installed as they stand there: checked, synced, asked, served."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing, contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml

from tests.document import blocks, read

PAGE = read("docs/plugins.md")
TABLES = """
CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT, phone TEXT);
CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT);
CREATE TRIGGER added AFTER INSERT ON person BEGIN INSERT INTO log (id) VALUES (new.id); END;
CREATE TRIGGER changed AFTER UPDATE ON person BEGIN INSERT INTO log (id) VALUES (new.id); END;
CREATE TRIGGER removed AFTER DELETE ON person BEGIN INSERT INTO log (id) VALUES (old.id); END;
INSERT INTO person VALUES ('1', 'Ada Bélanger', '01 99 00 12 34'), ('2', 'Bob Müller', '+33199005678');
"""


class Installed:
    """The distribution of the page in a folder of its own, and a source of it."""

    def __init__(self, folder):
        self._folder = folder
        site = folder / "site"
        [project] = [block.text for block in blocks(PAGE, "toml", "pyproject.toml")]
        points = tomllib.loads(project)["project"]["entry-points"]
        lines = [
            f"[{group}]\n" + "\n".join(f"{n} = {v}" for n, v in p.items()) for group, p in points.items()
        ]
        files = {block.info: block.text for block in blocks(PAGE, "python") if block.info}
        files["phonelist/__init__.py"] = ""
        files["phonelist-1.0.dist-info/METADATA"] = "Metadata-Version: 2.1\nName: phonelist\nVersion: 1.0\n"
        files["phonelist-1.0.dist-info/entry_points.txt"] = "\n".join(lines)
        for name, text in files.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text, encoding="utf-8")
        self.configure()
        self.change(TABLES)

    def configure(self, *more, **settings):
        """The source of the page, with other settings, and more sources."""
        [shown] = [block.text for block in blocks(PAGE, "yaml")]
        tree = yaml.safe_load(shown)
        tree["sources"] = [{**tree["sources"][0], **settings}, *more]
        own = {"region": "FR", "data": "data", "http": {"port": 0}, "auth": {"mode": "none"}}
        (self._folder / "config.yml").write_text(yaml.safe_dump({**own, **tree}))

    def change(self, statements):
        with closing(sqlite3.connect(self._folder / "people.db")) as connection:
            connection.executescript(statements)

    def start(self, *arguments, **streams):
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._folder / "site"),
            "XDG_CACHE_HOME": str(self._folder / "cache"),  # entry points are remembered there
            "LOOKUPD_CONFIG": str(self._folder / "config.yml"),
        }
        command = [sys.executable, "-m", "lookupd", *arguments]
        return subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE, **streams)

    def run(self, *arguments):
        with self.start(*arguments, stdout=subprocess.PIPE) as process:
            output, errors = process.communicate(timeout=30)
        return process.returncode, output, errors

    @contextmanager
    def served(self):
        """The address of a running daemon."""
        with self.start("serve") as process:
            try:
                yield next(url[1] for line in process.stderr if (url := re.search(r"ready: (\S+)", line)))
            finally:
                process.terminate()
                process.communicate(timeout=30)


@pytest.fixture
def installed(tmp_path):
    return Installed(tmp_path)


def test_the_back_end_of_the_page_names_a_caller(installed):
    assert installed.run("sync") == (0, "list\t2\t2\t0\t0\t0\t-\n", "")
    code, output, _ = installed.run("reverse", "+33 1 99 00 12 34")
    assert (code, output.splitlines()[0]) == (0, "name: Ada Bélanger")


def test_the_back_end_of_the_page_is_asked_live_in_all_spellings(installed):
    installed.configure(sync=False)
    for number, name in (("0033199001234", "Ada Bélanger"), ("01 99 00 56 78", "Bob Müller")):
        code, output, _ = installed.run("reverse", number)
        assert (code, output.splitlines()[0]) == (0, f"name: {name}")
    code, output, _ = installed.run("lookup", "müller")
    assert (code, "Bob Müller" in output) == (0, True)


def test_the_settings_of_the_page_are_checked(installed):
    installed.configure(config={"file": "people.db", "fiel": "x"})
    code, _, errors = installed.run("check")
    assert (code, errors) == (2, "config.yml: sources.list.config.fiel: unknown key (did you mean 'file'?)\n")


def test_an_error_of_the_page_has_subject_fact_and_remedy(installed):
    installed.configure(config={"file": "gone.db"})
    code, output, _ = installed.run("sync")
    assert code == 3
    assert output.rstrip().endswith(
        "gone.db: unable to open database file; check file, and that lookupd may read it"
    )


def test_the_log_of_the_page_makes_a_sync_cost_as_much_as_the_changes(installed):
    installed.configure(backend="phonelist_log")
    installed.run("sync")
    installed.change(
        "UPDATE person SET name = 'Ada' WHERE id = '1'; DELETE FROM person WHERE id = '2';"
        "INSERT INTO person VALUES ('3', 'Eve', '7042');"
    )
    assert installed.run("sync")[1] == "list\t2\t1\t1\t1\t0\t-\n"


def test_the_log_of_the_page_begins_anew_when_its_cursor_has_expired(installed):
    installed.configure(backend="phonelist_log")
    installed.run("sync")
    installed.change(
        "UPDATE person SET name = 'Ada' WHERE id = '1'; UPDATE person SET name = 'Bob' WHERE id = '2';"
        "DELETE FROM log WHERE number < 4;"
    )
    assert installed.run("sync")[1] == "list\t2\t0\t2\t0\t0\t-\n"


def test_the_service_and_the_view_of_the_page_show_which_source_is_in_trouble(installed):
    installed.configure({"name": "other", "backend": "nowhere"})
    with installed.served() as url:
        items = json.load(urlopen(f"{url}/0.1/trouble"))["items"]
        assert list(items) == ["other"]
        assert json.load(urlopen(f"{url}/0.1/trouble/other")) == {"reason": items["other"]}
        assert urlopen(f"{url}/wall").read() == b"other"
        with pytest.raises(HTTPError, match="404") as absent:
            urlopen(f"{url}/0.1/trouble/list")
        absent.value.close()
