"""A failing disk under the standard library's SQLite, in programs of its own."""

import contextlib
import errno
import signal
import sqlite3
import subprocess
import sys

import pytest

from tests.faults.disk import BUILT, FailingDisk, built

# Writes one row for every line it reads, and says what came of it.
WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE IF NOT EXISTS written (value, filler DEFAULT (zeroblob(5000)))")
print("ready", flush=True)
for line in sys.stdin:
    try:
        database.execute("INSERT INTO written (value) VALUES (?)", [line.strip()])
    except sqlite3.OperationalError as error:
        print(error, flush=True)
    else:
        print("wrote", line.strip(), flush=True)
"""

OPENED = "import os, sys\nfile = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "index.db"


@pytest.fixture
def disk():
    with FailingDisk(pattern="index.db") as disk:
        yield disk


class Writer:
    """The program above, which is asked for one row after the other."""

    def __init__(self, process):
        self._process = process
        self.hear()

    def hear(self):
        return self._process.stdout.readline().strip()

    def write(self, value):
        self._process.stdin.write(f"{value}\n")
        self._process.stdin.flush()
        return self.hear()


@contextlib.contextmanager
def writer(disk, file):
    command = [sys.executable, "-S", "-c", WRITER, file]
    with subprocess.Popen(
        command, env=disk.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Writer(process)
        finally:
            process.kill()


def written(file):
    """The values in it, after a check that it is sound."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return [value for (value,) in database.execute("SELECT value FROM written ORDER BY rowid")]


def run(disk, script, *arguments):
    return subprocess.run(
        [sys.executable, "-S", "-c", script, *map(str, arguments)],
        env=disk.env,
        input="one\ntwo\nthree\n",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "message"), [("ENOSPC", "database or disk is full"), ("EIO", "disk I/O error")]
)
def test_a_commit_fails_and_works_again_when_the_disk_is_healed(disk, file, error, message):
    with writer(disk, file) as program:
        assert program.write("one") == "wrote one"
        disk.fail(error=error)
        assert [program.write("two"), program.write("three")] == [message, message]
        disk.heal()
        assert program.write("four") == "wrote four"
    assert written(file) == ["one", "four"]
    assert 2 <= disk.failed < disk.count


def test_one_call_may_fail_and_the_next_work(disk, file):
    with writer(disk, file) as program:
        disk.fail(error="EIO", times=1)
        assert program.write("one") == "disk I/O error"
        assert program.write("two") == "wrote two"
    assert disk.failed == 1


def calls_of_a_run(file):
    with FailingDisk(pattern=file.name) as disk:
        assert run(disk, WRITER, file).stdout.splitlines() == [
            "ready",
            "wrote one",
            "wrote two",
            "wrote three",
        ]
        return disk.count


def test_a_program_is_killed_before_its_nth_call_whichever_that_is(tmp_path, disk):
    total = calls_of_a_run(tmp_path / "index.db")
    for after in range(total):
        file = tmp_path / f"{after}-index.db"
        disk.kill(after=after)
        done = run(disk, WRITER, file)
        disk.heal()
        assert done.returncode == -signal.SIGKILL
        acknowledged = [line.removeprefix("wrote ") for line in done.stdout.splitlines() if "wrote" in line]
        if acknowledged:
            assert written(file)[: len(acknowledged)] == acknowledged


def test_only_paths_with_the_pattern_are_counted(disk, tmp_path):
    disk.fail()
    script = "import sys\nwith open(sys.argv[1], 'w') as file: file.write('hello')"
    assert run(disk, script, tmp_path / "other.db").returncode == 0
    assert (disk.count, (tmp_path / "other.db").read_text()) == (0, "hello")
    assert "No space left" in run(disk, script, tmp_path / "index.db").stderr


@pytest.mark.parametrize("kind", ["write", "truncate", "sync"])
@pytest.mark.parametrize(
    ("call", "of"),
    [
        ("write(file, b'x')", "write"),
        ("pwrite(file, b'x', 0)", "write"),
        ("ftruncate(file, 10)", "truncate"),
        ("fsync(file)", "sync"),
        ("fdatasync(file)", "sync"),
    ],
)
def test_each_call_is_of_one_kind(tmp_path, call, of, kind):
    script = f"{OPENED}\nos.{call}"
    with FailingDisk(pattern="data", kinds=[kind]) as disk:
        disk.fail(error="EIO")
        done = run(disk, script, tmp_path / "data")
        assert disk.count == disk.failed == (kind == of)
        assert done.returncode == (kind == of)


@pytest.mark.parametrize("after", [0, 2])
def test_so_many_calls_succeed_before_one_fails(disk, file, after):
    script = f"{OPENED}\nfor n in range(9): print(n, os.write(file, b'x'))"
    for _ in range(2):  # it counts from when it is told
        disk.fail(after=after, error="EDQUOT")
        done = run(disk, script, file)
        assert len(done.stdout.splitlines()) == after
        assert f"[Errno {errno.EDQUOT}]" in done.stderr


def test_a_library_without_its_control_file_does_not_pretend(disk):
    done = subprocess.run(
        ["true"], env={**disk.env, "FAULTS_CONTROL": "/nowhere"}, capture_output=True, check=False
    )
    assert done.returncode == 127
    assert b"FAULTS_CONTROL is missing or wrong" in done.stderr


def test_a_missing_compiler_is_an_error_that_names_the_package(tmp_path):
    with pytest.raises(RuntimeError, match="apt-get install gcc libc6-dev"):
        built(tmp_path, compiler="no-such-compiler")


def test_a_compiler_that_fails_is_an_error_that_names_the_package(tmp_path):
    with pytest.raises(RuntimeError, match=r"does not compile \(apt-get install gcc libc6-dev\)"):
        built(tmp_path, compiler="false")
    assert list(tmp_path.iterdir()) == []


def test_the_library_is_compiled_once(tmp_path):
    assert built(tmp_path) == built(tmp_path, compiler="no-such-compiler")
    assert built() == BUILT / built(tmp_path).name
