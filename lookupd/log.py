"""How the daemon logs: lines to standard error, with level and origin; systemd adds the time."""

from __future__ import annotations

import logging
import sys

#: what has no value in a line: apscheduler says each run twice
_QUIET = {"apscheduler": logging.WARNING, "aiosqlite": logging.INFO, "asyncio": logging.INFO}


def configure(level: str) -> None:
    """Log from this level on; one line an event, control characters made visible."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)


class _OneLine(logging.Formatter):
    """A message from outside cannot begin a new line, and so cannot forge one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        text = super().formatMessage(record)
        return "".join(
            char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
        )
