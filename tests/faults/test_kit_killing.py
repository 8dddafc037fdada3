"""A loop that kills, on writers that are honest and on ones that are not."""

import contextlib
import sqlite3
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.faults.killing import KillLoop, at_line, lost, randomly
from tests.faults.signals import eventually, state_of

HONEST = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("CREATE TABLE IF NOT EXISTS written (value INTEGER PRIMARY KEY)")
print("ready", flush=True)
while True:
    [value] = database.execute("INSERT INTO written VALUES (NULL) RETURNING value").fetchone()
    print("wrote", value, flush=True)
"""

# It says so first, and never commits.
HASTY = HONEST.replace("while True:", 'database.execute("BEGIN")\nwhile True:')


FOR_EVER = "import time; print('up', flush=True); time.sleep(60)"


def loop(script, *arguments, **options):
    return KillLoop([sys.executable, "-S", "-c", script, *map(str, arguments)], **{"seed": 1, **options})


def well(_):
    return None


def check_writes(file, remains):
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        kept = [str(value) for (value,) in database.execute("SELECT value FROM written")]
    return lost([line.split()[1] for line in remains.lines if line.startswith("wrote")], kept)


def test_an_honest_writer_loses_nothing_however_it_is_killed(tmp_path):
    file = tmp_path / "state.db"
    writer = loop(HONEST, file, moment=randomly(0.02, line="ready"))
    report = writer.run(times=20, check=partial(check_writes, file))
    assert (report.times, report.killed, report.bad) == (20, 20, [])


def test_a_hasty_writer_is_caught(tmp_path):
    file = tmp_path / "state.db"
    writer = loop(HASTY, file, moment=at_line("wrote", count=3))
    report = writer.run(times=2, check=partial(check_writes, file))
    assert [bad.seed for bad in report.bad] == [1, 2]
    assert "acknowledged and lost: 1, 2, 3" in report.bad[0].what


def test_a_seed_makes_its_moment_again():
    def moments(seed, times):
        seen = []
        ever = loop(FOR_EVER, seed=seed, moment=lambda running: seen.append(running.random.random()))
        ever.run(times=times, check=well)
        return seen

    three = moments(5, 3)
    assert len(set(three)) == 3
    assert moments(7, 1) == three[2:]


def test_a_program_is_killed_at_a_line():
    script = "import itertools\nfor n in itertools.count(): print('line', n, flush=True)"
    counting = loop(script, moment=at_line("line 7$"))
    seen = []
    report = counting.run(times=1, check=lambda remains: seen.append(list(remains.lines)))
    assert report.killed == 1
    assert seen[0][:8] == [f"line {number}" for number in range(8)]


def test_a_program_is_killed_when_enough_lines_came():
    script = "import time\nwhile True: print('tick', flush=True); time.sleep(0.02)"
    seen = []
    loop(script, moment=at_line("tick", count=3)).run(
        times=1, check=lambda remains: seen.extend(remains.lines)
    )
    assert len(seen) >= 3


def test_what_nobody_heard_before_the_kill_is_heard_after_it(tmp_path):
    said = tmp_path / "said"
    script = (
        "import sys, time; print('one\\ntwo', flush=True); open(sys.argv[1], 'w').close(); time.sleep(60)"
    )
    seen = []
    deaf = loop(script, said, moment=lambda _: eventually(said.exists))
    deaf.run(times=1, check=lambda remains: seen.extend(remains.lines))
    assert seen == ["one", "two"]


def test_an_incomplete_line_is_no_line():
    script = "import time\nprint('whole\\nhal', end='', flush=True)\ntime.sleep(60)"
    seen = []
    loop(script, moment=at_line("whole")).run(times=1, check=lambda remains: seen.extend(remains.lines))
    assert seen == ["whole"]


def test_children_end_with_their_parent():
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {FOR_EVER!r}])"
    children = []

    def moment(running):
        running.wait_for_line("up")
        children.extend(Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split())

    assert loop(script, moment=moment).run(times=1, check=well).killed == 1
    eventually(lambda: state_of(children[0]) in ("", "Z"))


def test_a_program_whose_moment_fails_is_ended_too():
    pids = []
    with pytest.raises(ZeroDivisionError):
        loop(FOR_EVER, moment=lambda running: pids.append(running.pid) or 1 / 0).run(times=1, check=well)
    assert state_of(pids[0]) == ""


def test_a_program_that_ends_in_time_is_checked_but_not_killed():
    seen = []
    report = loop("print('done')").run(times=2, check=lambda remains: seen.append(remains.lines))
    assert (report.times, report.killed, report.bad, seen) == (2, 0, [], [["done"], ["done"]])


def test_a_program_that_fails_by_itself_is_bad():
    report = loop("raise SystemExit('cannot start')").run(times=1, check=well)
    assert report.bad[0].what == "ended with status 1: cannot start\n"


def fails(error, _):
    raise error


@pytest.mark.parametrize(
    ("check", "what"),
    [
        (lambda _: "torn", "torn"),
        (partial(fails, AssertionError("3 rows")), "AssertionError: 3 rows"),
        (partial(fails, sqlite3.DatabaseError("malformed")), "DatabaseError: malformed"),
    ],
)
def test_a_bad_state_is_what_the_check_says_or_raises(check, what):
    report = loop("pass").run(times=1, check=check)
    assert [bad.what for bad in report.bad] == [what]


def test_a_broken_check_is_raised_with_the_seed():
    with pytest.raises(KeyError) as caught:
        loop("pass", seed=42).run(times=1, check=partial(fails, KeyError("typo")))
    assert caught.value.__notes__ == ["in run 0, of seed 42"]


def test_a_program_that_is_not_there_is_raised():
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        KillLoop(["no-such-program"], seed=1).run(times=1, check=well)


def test_the_loop_ends_when_enough_is_bad_or_time_is_up():
    bad = loop("pass").run(times=9, check=lambda _: "bad", most_bad=2)
    assert (bad.times, len(bad.bad)) == (2, 2)
    assert loop("pass").run(times=9, check=well, within=-1).times == 0


def test_a_command_may_be_made_for_each_run(tmp_path):
    def command(number):
        (tmp_path / str(number)).touch()
        return [sys.executable, "-S", "-c", f"print({number})"]

    seen = []
    KillLoop(command, seed=1).run(times=2, check=lambda remains: seen.extend(remains.lines))
    assert seen == ["0", "1"]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ("12345678", ""),
        ("1245678x", "1 acknowledged and lost: 3"),
        ("7", "7 acknowledged and lost: 1, 2, 3, 4, 5"),
    ],
)
def test_lost_names_what_is_not_there(kept, said):
    assert lost("12345678", kept) == said
