"""Where the data of a configuration lie; apart from what pulls, as who answers needs nothing of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lookupd.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where a run works."""

    index: Path
    #: folder of stages and locks
    staging: Path


def paths(config: Config) -> Paths:
    """Where the data of a configuration lie."""
    return Paths(index=config.data / "index.db", staging=config.data / "staging")
