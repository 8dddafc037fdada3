"""R14: a full disk stops no look-up, is told, and forgotten when there is room again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.scenario import Scenario, Track, claim, none, noted, some, span
from tests.scenarios.disk_full import disk_full

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

SECONDS = 10.0


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Full for a while, and then not."""
    seen = disk_full(folder, max(1.0, SECONDS * scale))
    return [
        none(seen.errors, f"wrong or failed of {seen.asked:,} look-ups"),
        some(seen.refused, "writes refused by the disk"),
        claim("the log and /ready say so", holds=bool(seen.told) and seen.is_degraded),
        claim("a write is refused, not lost", holds=seen.token_code != 0 and bool(seen.token_said)),
        none(len(seen.staged), "files left of failed runs"),
        claim("all is written again", holds=seen.recovered),
        noted(f"{span(seen.seconds)} after there was room"),
    ]


SCENARIO = Scenario(
    id="R14",
    name="disk full",
    promised="look-ups go on, writes say so, recovery needs nobody",
    how=f"every write below `data` fails with ENOSPC for {SECONDS:.0f} s (injected into the daemon, its sync "
    "process and commands) while both kinds of questions are asked; then there is room",
    run=run,
    track=Track.CALM,
)
