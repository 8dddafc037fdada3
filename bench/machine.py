"""On what was measured: enough to compare two machines, nothing that names one."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path


def description() -> list[tuple[str, str]]:
    """What, and what of it."""
    return [
        ("CPUs", f"{os.cpu_count()} x {_field('/proc/cpuinfo', 'model name')}, {platform.machine()}"),
        ("memory", f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB"),
        ("kernel", f"{platform.system()} {platform.release().split('-')[0]}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("SQLite", sqlite3.sqlite_version),
        *(
            (name, version(name))
            for name in ("aiohttp", "uvloop", "aiosqlite", "phonenumbers", "python-ldap")
        ),
        ("wrk", _wrk()),
    ]


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "0 unknown"


def _wrk() -> str:
    said = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False).stdout
    return said.split("[")[0].removeprefix("wrk ").removeprefix("debian/").strip() or "unknown"
