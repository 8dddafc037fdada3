"""What services may know of the state: whether it can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lookupd.state.known import KnownTokens


class State:
    """The state, as far as it is used: without tokens nothing is read from it."""

    def __init__(self) -> None:
        self.tokens: KnownTokens | None = None

    def problem(self) -> str | None:
        """Why it cannot be read, with the remedy; None when it can."""
        return self.tokens.problem() if self.tokens is not None else None
