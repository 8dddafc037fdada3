"""What clients do wrong is told to whoever runs the daemon: once, not with each request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

#: different complaints that are logged; more of them are of one kind
COMPLAINTS = 100


class Complaints:
    """Logs each complaint once."""

    def __init__(self, logger: logging.Logger, about: str) -> None:
        self._logger = logger
        self._about = about
        self._told: set[str] = set()

    def tell(self, text: str) -> None:
        """Log it, unless that was done."""
        if text not in self._told and len(self._told) < COMPLAINTS:
            self._told.add(text)
            self._logger.warning("%s: %s", self._about, text)
