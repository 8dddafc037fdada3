"""R9: whenever a sync run is killed, the index is as it was before, or as it is after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.scenario import Scenario, Track, busy, exactly, none, noted, some
from tests.scenarios.sync_kills import sync_kills

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

TIMES, SEED = 200, 9


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Killed at random moments, and looked at each time."""
    kills = sync_kills(folder, max(4, round(TIMES * scale)), SEED)
    return [
        none(len(kills.bad), f"bad states{_first(kills.bad)}"),
        exactly(kills.killed, kills.times, "kills"),
        busy(some(min(kills.found.values()), "times at least each of both states was found")),
        noted(f"{kills.synced} runs ended before"),
    ]


def _first(bad: Sequence[str]) -> str:
    return f" ({bad[0]})" if bad else ""


SCENARIO = Scenario(
    id="R9",
    name="kills during sync",
    promised="the index holds the old generation or the new one, never a mix",
    how=f"`lookupd sync` to and fro between two versions of a directory, {TIMES} times SIGKILL at a random "
    "moment; contacts, numbers and words of the index are compared, then it is synced again",
    run=run,
    track=Track.BUSY,
)
