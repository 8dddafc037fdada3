"""Put the promises to the test: python -m chaos.run [--only R5,R8] [--scale 0.05].

Prints a table, writes it as JSON, and, after a whole run, into docs/promises.md. Fails if a promise does not
hold, or its scenario breaks.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from chaos import table
from chaos.scenario import Row
from chaos.scenarios import SCENARIOS
from tests.faults.signals import ended_within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.scenario import Scenario

ROOT = Path(__file__).resolve().parent.parent
#: seconds after which a scenario is broken off
PATIENCE = 150


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when every promise holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = {scenario.id for scenario in SCENARIOS}
    parser.add_argument("--only", metavar="ID,...", help=f"some of {', '.join(sorted(known))}")
    parser.add_argument("--scale", type=float, default=1.0, help="shorter or longer than the whole (1)")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "chaos.json", metavar="FILE")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "promises.md", metavar="FILE")
    options = parser.parse_args(arguments)
    wanted = {*options.only.split(",")} if options.only else known
    if wanted - known:
        parser.error(f"there is no {', '.join(sorted(wanted - known))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    began = time.monotonic()
    rows = []
    for scenario in SCENARIOS:
        if scenario.id in wanted:
            print(f"{scenario.key} ...", end=" ", flush=True)
            start = time.monotonic()
            rows.append(play(scenario, options.scale))
            held = "holds" if rows[-1].holds else "DOES NOT HOLD"
            print(f"{held} ({time.monotonic() - start:.0f} s): {rows[-1].measured}", flush=True)
    print(f"\n{table.printed(rows)}\n\n{table.machine()}; {time.monotonic() - began:.0f} s in all")
    table.write_json(rows, options.json)
    if wanted == known and options.scale == 1:
        table.write_page(rows, options.page)
    return 0 if all(row.holds for row in rows) else 1


def play(scenario: Scenario, scale: float) -> Row:
    """What comes of a scenario; one that breaks does not hold, and says why."""
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, ended_within(PATIENCE):
            figures = scenario.run(scale, Path(folder))
        measured = "; ".join(figure.text for figure in figures)
        holds = all(figure.holds for figure in figures)
    except Exception as error:  # noqa: BLE001 - the others are played, whatever breaks one
        traceback.print_exc()
        measured, holds = f"broke off: {type(error).__name__}: {_first_line(error)}", False
    return Row(key=scenario.key, promised=scenario.promised, measured=measured, how=scenario.how, holds=holds)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


if __name__ == "__main__":
    sys.exit(main())
