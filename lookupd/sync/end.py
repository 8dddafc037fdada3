"""How a run ended, and what is noted of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from lookupd.sync.plan import Plan


class Outcome(StrEnum):
    """What became of a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a run ended."""

    started_at: datetime
    #: how many seconds it has taken so far
    lasted: Callable[[], float]
    outcome: Outcome
    #: whether everything was pulled, not only what changed
    is_full: bool
    #: where the back-end goes on telling changes
    cursor: str | None = None
    #: rows left out, as no contact can hold them
    refused: int = 0
    #: what was odd about the rows, a text each
    oddities: tuple[str, ...] = ()
    error: str | None = None

    def note(self, source_id: int, plan: Plan | None) -> dict[str, object]:
        """What the index notes of the run, for the statement `finish_run`."""
        return {
            "source_id": source_id,
            "started_at": self.started_at.timestamp(),
            "seconds": self.lasted(),
            "outcome": self.outcome,
            "is_full": self.is_full,
            "added": plan.added if plan else 0,
            "changed": plan.changed if plan else 0,
            "removed": plan.removed if plan else 0,
            "unchanged": plan.unchanged if plan else 0,
            "refused": self.refused,
            "oddities": json.dumps(self.oddities),
            "error": self.error,
        }
