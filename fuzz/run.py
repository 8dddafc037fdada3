"""Fuzz the targets one after the other: python fuzz/run.py [--seconds 60] [target ...].

Prints a line for each and fails if any promise was broken; `--replay FILE` shows how. See README.md.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
#: what was found: build/fuzz/TARGET/crash-...
FOUND = ROOT / "build" / "fuzz"
#: seconds that one input may take
PATIENCE = 10
#: seconds that a target may take besides the time it was given: for its start, its seeds and a last input
GRACE = 60
MEGABYTES = 1024
#: libFuzzer's names of inputs that broke a promise, took too long, or too much memory
CRASHES = ("crash-*", "timeout-*", "oom-*", "leak-*")
_COUNT = re.compile(r"^stat::number_of_executed_units: +([0-9]+)", re.MULTILINE)
#: begins what libFuzzer has to say about a crash
_LIBFUZZER = re.compile(r"\n *==[0-9]+== ?(?:ERROR|libFuzzer)")
_PROGRESS = re.compile(r"^#([0-9]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one target."""

    name: str
    executions: int
    seconds: float
    crashes: tuple[Path, ...]
    #: the end of what it printed, where it did not end as it should
    trouble: str

    def line(self) -> str:
        """The outcome in one line."""
        rate = self.executions / self.seconds
        end = f"{len(self.crashes)} crashes" if self.crashes or not self.trouble else "DID NOT RUN"
        return f"{self.name:<16} {self.executions:>10} executions {rate:>8.0f}/s  {end}"


def main() -> int:
    """The exit status: 0 when no promise was broken."""
    known = sorted(file.stem for file in (HERE / "targets").glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one input, found or from the corpus")
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(known)} (default: all)")
    options = parser.parse_args()
    names = options.targets or known
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no target is called {', '.join(unknown)}")
    if options.replay is not None:
        return replay(options.replay)
    if find_spec("atheris") is None:
        parser.error("atheris is not installed (pip install 'lookupd[fuzz]')")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    return max([_shown(fuzz(name, options.seconds)) for name in names])


def fuzz(name: str, seconds: int) -> Outcome:
    """Look for so long for an input that breaks a promise of this target."""
    found = FOUND / name
    grown = found / "corpus"
    grown.mkdir(parents=True, exist_ok=True)
    before = _crashes(found)
    command = [sys.executable, "-m", "fuzz.drive", name, str(grown), str(HERE / "corpus" / name)]
    command += [f"-max_total_time={seconds}", f"-timeout={PATIENCE}", f"-rss_limit_mb={MEGABYTES}"]
    command += ["-max_len=4096", "-print_final_stats=1", f"-artifact_prefix={found}/"]
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lookupd-fuzz-", dir=_memory()) as folder:
        status, printed = _run(command, folder, seconds + GRACE)
    (found / "log").write_text(printed, encoding="utf-8")
    counts = _COUNT.findall(printed) or _PROGRESS.findall(printed) or ["0"]
    crashes = tuple(sorted(_crashes(found) - before))
    return Outcome(
        name=name,
        executions=int(counts[-1]),
        seconds=time.monotonic() - start,
        crashes=crashes,
        trouble=_end(printed) if status or crashes else "",
    )


def replay(file: Path) -> int:
    """Run one input without atheris; the folder it lies in names the target. A broken promise is raised."""
    code = "import sys; from fuzz.target import replay; replay(*sys.argv[1:])"
    command = [sys.executable, "-c", code, file.resolve().parent.name, str(file.resolve())]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _run(command: list[str], folder: str, patience: float) -> tuple[int, str]:
    """Exit status and output of a command; it ends in time, or is ended."""
    environment = {**os.environ, "TMPDIR": folder, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile(dir=folder) as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            status = 1
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        return status, output.read().decode("utf-8", "backslashreplace")


def _end(printed: str) -> str:
    """The end of what Python said, without what libFuzzer says after it."""
    told = _LIBFUZZER.split(printed)[0].splitlines()
    return "\n".join(told[-12:]) or printed[-1000:]


def _memory() -> str | None:
    """Where files cost no disk, if there is such a place."""
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None


def _crashes(folder: Path) -> set[Path]:
    return {file for pattern in CRASHES for file in folder.glob(pattern)}


def _shown(outcome: Outcome) -> int:
    """Print an outcome; 1 if it is a bad one."""
    print(outcome.line(), flush=True)
    for crash in outcome.crashes:
        print(f"  python fuzz/run.py --replay {crash.relative_to(ROOT)}", flush=True)
    if outcome.trouble:
        print("\n".join(f"  | {line}" for line in outcome.trouble.splitlines()), flush=True)
    return 1 if outcome.crashes or outcome.trouble else 0


if __name__ == "__main__":
    sys.exit(main())
