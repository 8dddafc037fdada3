"""What commands print: tables for people, plain lines and JSON for programs."""

import json
import os
import pty
import re
import subprocess
from datetime import UTC, datetime

import pytest

from lookupd.cli import output
from tests.cli.conftest import CROWD
from tests.fakes import ADA
from tests.process import lookupd

LINES = [
    {"name": "Ada", "share": 0.123456, "count": 1_000_000, "note": None},
    {"name": "B\tc\nd", "share": 2.0},
]


def on_terminal(site, *arguments):
    """A command on a terminal, and what it shows there without the colours."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        lookupd(site.file, *arguments), stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # so Linux says that the other side is closed
        pass
    os.close(ours)
    return process.wait(20), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_programs_get_lines_with_tabs_and_no_headings(capsys):
    output.table(LINES, is_json=False)
    assert capsys.readouterr().out == "Ada\t0.123\t1000000\t-\nB c d\t2\n"


def test_programs_may_get_json(capsys):
    output.table(LINES, is_json=True)
    assert json.loads(capsys.readouterr().out) == LINES
    output.record({"at": datetime(2026, 1, 1, tzinfo=UTC)}, is_json=True)
    assert json.loads(capsys.readouterr().out) == {"at": "2026-01-01 00:00:00+00:00"}


def test_a_record_is_shown_key_by_key(capsys):
    output.record({"name": "Ada\r\x1b[2J", "age": None}, is_json=False)
    assert capsys.readouterr().out == "name: Ada  [2J\nage: -\n"


def test_no_lines_are_nothing_to_show(capsys):
    output.table([], is_json=False)
    assert capsys.readouterr().out == ""


def test_a_text_is_told_line_by_line_where_it_belongs(capsys):
    output.say("one\ntwo\x07", err=True)
    output.say("three")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("three\n", "one\ntwo \n")


@pytest.mark.parametrize(
    ("instant", "shown"),
    [(None, None), (datetime(2026, 1, 1, 12, 0, 0, 999, tzinfo=UTC), "2026-01-01 12:00:00")],
)
def test_an_instant_is_shown_to_the_second_in_local_time(instant, shown):
    found = output.moment(instant)
    assert (
        found == shown if shown is None else datetime.fromisoformat(found) == instant.replace(microsecond=0)
    )


def test_people_get_a_table_with_headings(site):
    site.write("staff", [{**ADA, "name": "Ada [/b] [red]Byron[/red] :smile:"}])
    site.run("sync")
    code, shown = on_terminal(site, "lookup", "ada")
    heading, line = shown.splitlines()
    assert code == 0
    assert heading.split() == ["name", "number", "mobile", "source"]
    assert line.startswith("Ada [/b] [red]Byron[/red] :smile:  +33 1 99 00 12 34")


def test_an_empty_table_is_no_mistake_on_a_terminal(site):
    code, shown = on_terminal(site, "sources", "--runs", "staff")
    assert (code, shown.strip()) == (0, "")


def test_a_sync_counts_along_on_a_terminal(site):
    site.configure({"name": "[/x]", "config": {"file": "staff.csv"}})
    site.write("staff", CROWD)
    code, shown = on_terminal(site, "sync")
    assert code == 0
    assert re.search(r"\[/x\] +100 +100 +0", shown)
