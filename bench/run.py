"""Measure lookupd, every figure beside a floor of the same run: python -m bench.run [options].

Prints a table and writes JSON. What takes long to make, the indexes, is kept in the build folder.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import caller, during, inside, life, lookups, parsing, pulling, report, reverse, syncing, workers
from bench.group import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.group import Group
    from bench.row import Row

ROOT = Path(__file__).resolve().parent.parent
#: in this order: syncing makes the index that the others serve
GROUPS: Mapping[str, Group] = {
    "sync": syncing.rows,
    "reverse": reverse.rows,
    "caller": caller.rows,
    "inside": inside.rows,
    "during": during.rows,
    "workers": workers.rows,
    "lookup": lookups.rows,
    "start": life.rows,
    "ldap": pulling.rows,
    "numbers": parsing.rows,
}
#: sizes that throughput is compared between, as far as they are not larger than the one that is measured
SIZES = (10_000, 100_000, 1_000_000)
LARGEST = 10_000_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for."""
    given = _parser().parse_args(arguments)
    smaller = [size for size in SIZES if size < given.size] or [max(5, given.size // 4)]
    sizes = (*smaller, given.size, *([LARGEST] if given.full else []))
    given.build.mkdir(parents=True, exist_ok=True)
    setting = Setting(
        build=given.build.resolve(),
        size=given.size,
        sizes=sizes,
        seconds=given.seconds,
        rounds=given.rounds,
    )
    rows: list[Row] = []
    for name in given.only or GROUPS:
        print(f"{name}:", flush=True)
        begun = time.perf_counter()
        rows += GROUPS[name](setting)
        print(f"  ({time.perf_counter() - begun:.0f} s)", flush=True)
    given.json.write_text(report.as_json(rows), encoding="utf-8")
    print(f"\n{report.as_table(rows)}\n\nas JSON: {given.json}")
    if given.publish:
        how = f"{given.size:,} contacts, {given.rounds} rounds of {given.seconds:g} s."
        report.publish(given.publish, rows, sizes, how)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="measure these groups alone")
    parser.add_argument("--size", type=int, default=SIZES[-1], help="contacts (%(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a round (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement (%(default)s)")
    parser.add_argument("--full", action="store_true", help=f"also serve {LARGEST:,} contacts")
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "bench", help="keeps the indexes")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json", help="where to write")
    parser.add_argument("--publish", type=Path, metavar="DOCS", help="write performance.md there as well")
    return parser


if __name__ == "__main__":
    main()
