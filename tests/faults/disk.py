"""A disk that is full, or breaks, or takes the program with it, at a chosen call; without root.

A small library, preloaded into a program that a test starts, stands between it and the C library, so that the
program's own SQLite is what is tested.
"""

import errno
import hashlib
import mmap
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Self

SOURCE = Path(__file__).with_name("disk_shim.c")
BUILT = Path(__file__).with_name("__pycache__")
SETTLE = "(apt-get install gcc libc6-dev)"

#: what can be counted, as bits that the library knows
KINDS = {"write": 1, "truncate": 2, "sync": 4}
# The places of the fields that are shared with the library.
KIND, COUNT, FIRST, LAST, ERROR, HITS = range(6)
SIZE = 6 * 8
FOR_EVER = 1 << 62
KILL = 0


class FailingDisk:
    """`with FailingDisk(pattern="index.db") as disk:`, then start programs with `env=disk.env`.

    The calls of these programs on files whose path contains the pattern are counted together, if they are of
    one of the kinds `write`, `truncate` and `sync`. All succeed until `fail` or `kill` is called.
    """

    def __init__(self, pattern: str, *, kinds: Iterable[str] = tuple(KINDS)) -> None:
        self._pattern = pattern
        self._kinds = sum(KINDS[kind] for kind in set(kinds))

    def __enter__(self) -> Self:
        library = built()
        self._folder = tempfile.TemporaryDirectory(prefix="failing-disk-")
        control = Path(self._folder.name) / "control"
        control.write_bytes(bytes(SIZE))
        with control.open("r+b") as file:
            self._mapped = mmap.mmap(file.fileno(), SIZE)
        self._fields = memoryview(self._mapped).cast("q")
        self._fields[KIND] = self._kinds
        #: the environment for the programs: this one's, and what the library needs
        self.env = {
            **os.environ,
            "LD_PRELOAD": f"{library} {os.environ.get('LD_PRELOAD', '')}".strip(),
            "FAULTS_PATTERN": self._pattern,
            "FAULTS_CONTROL": str(control),
        }
        return self

    def __exit__(self, *_: object) -> None:
        self.heal()
        self._fields.release()
        self._mapped.close()
        self._folder.cleanup()

    @property
    def count(self) -> int:
        """Calls so far, those that failed among them; 0 after a write shows that nothing is tested."""
        return self._fields[COUNT]

    @property
    def failed(self) -> int:
        """Calls that failed so far."""
        return self._fields[HITS]

    def fail(self, *, after: int = 0, error: str = "ENOSPC", times: int = FOR_EVER) -> None:
        """Let `after` more calls succeed, and the next `times` fail with an errno of this name."""
        self._hit(after, getattr(errno, error), times)

    def kill(self, *, after: int = 0) -> None:
        """Let `after` more calls succeed, and kill (SIGKILL) the program that makes the next, before it."""
        self._hit(after, KILL, FOR_EVER)

    def heal(self) -> None:
        """Let all calls succeed again."""
        self._fields[FIRST] = 0

    def _hit(self, after: int, error: int, times: int) -> None:
        self.heal()
        first = self.count + after + 1
        self._fields[ERROR] = error
        self._fields[LAST] = first + times - 1
        self._fields[FIRST] = first


def built(folder: Path = BUILT, compiler: str = "gcc") -> Path:
    """The library, compiled when the folder does not have it yet. Raises RuntimeError if it cannot be."""
    library = folder / f"disk_shim-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if library.exists():
        return library
    program = shutil.which(compiler)
    if not program:
        raise RuntimeError(f"{compiler} is not installed, and failing disks are compiled with it {SETTLE}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as own:
        made = Path(own) / "made.so"
        command = [program, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", made, SOURCE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{SOURCE.name} does not compile {SETTLE}: {done.stderr}")
        made.replace(library)  # at once, whoever else compiles it
    return library
