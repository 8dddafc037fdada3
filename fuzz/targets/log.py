"""Any message: one line that can be printed; what follows it, such as a traceback, is set in.

Input: the message.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from fuzz import given
from lookupd import log

if TYPE_CHECKING:
    from collections.abc import Iterator


def run(data: bytes) -> None:
    """Check one input."""
    text = given.text(data)
    formatter = _formatter()
    for record in (_record(text), _record("%s of %r", text, text)):
        [line] = formatter.format(record).split("\n")
        assert line.isprintable(), line
    record = _record("failed: %s", text)
    record.stack_info = text
    try:
        _fail(text)
    except ValueError:
        record.exc_info = sys.exc_info()
    told = formatter.format(record)
    first, *others = told.split("\n")
    assert first.isprintable()
    assert all(line.startswith("  ") and line.isprintable() for line in others), told
    assert told.encode()


def _fail(text: str) -> None:
    raise ValueError(text)


def _record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("lookupd.fuzz", logging.INFO, __file__, 1, message, arguments, None)


@cache
def _formatter() -> logging.Formatter:
    """The formatter of the daemon's log."""
    with _unchanged():
        log.configure("info")
        [handler] = logging.getLogger().handlers
        assert handler.formatter is not None
        return handler.formatter


@contextmanager
def _unchanged() -> Iterator[None]:
    """Nobody else's logging changes: the handlers are put back."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("root", "apscheduler", "aiosqlite", "asyncio")}
    handlers, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = handlers
        for name, level in levels.items():
            logging.getLogger(name if name != "root" else None).setLevel(level)


TARGET = run
