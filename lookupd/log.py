"""How the daemon logs: lines to standard error, with level and origin; systemd adds the time."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from types import TracebackType

    _ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

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
    """A message from outside cannot begin a new line, and so cannot forge one; tracebacks are set in."""

    @override
    def formatMessage(self, record: logging.LogRecord) -> str:
        return _visible(super().formatMessage(record))

    @override
    def formatException(self, ei: _ExcInfo) -> str:
        return _set_in(super().formatException(ei))

    @override
    def formatStack(self, stack_info: str) -> str:
        return _set_in(super().formatStack(stack_info))


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _set_in(lines: str) -> str:
    return "\n".join(f"  {_visible(line)}" for line in lines.split("\n"))
