"""R12: what was acknowledged is there, whatever ends the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.scenario import Scenario, Track, exactly, none, some
from tests.scenarios.state_kills import state_kills

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.scenario import Figure

TIMES, SEED = 500, 12


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """Killed at random moments; what it acknowledged is looked for each time."""
    kills = state_kills(folder, max(6, round(TIMES * scale)), SEED)
    return [
        none(kills.lost, "acknowledged writes lost"),
        some(kills.acknowledged, "were acknowledged"),
        none(len(kills.bad), f"bad states{_first(kills.bad)}"),
        exactly(kills.killed, kills.times, "kills"),
    ]


def _first(bad: Sequence[str]) -> str:
    return f" ({bad[0]})" if bad else ""


SCENARIO = Scenario(
    id="R12",
    name="kills during writes",
    promised="acknowledged writes to state.db survive SIGKILL",
    how=f"a process adds tokens and tells each id once it is written; {TIMES} times SIGKILL at a random "
    "moment, the making of the file included; afterwards every id is looked for",
    run=run,
    track=Track.BUSY,
)
