"""Log lines: one an event, and nobody outside can write one of their own."""

import logging
import re

import pytest

from lookupd import log

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (DEBUG|INFO|WARNING|ERROR|CRITICAL) +[\w.]+: ")
FORGED = "2026-01-01 00:00:00,000 ERROR   lookupd: all is lost"


@pytest.fixture
def lines(capsys):
    """Configure the log and run something; gives the lines it wrote to standard error."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in log._QUIET}

    def lines(level, run):
        root.handlers[:] = []  # those of pytest are not ours to close
        log.configure(level)
        run(logging.getLogger("lookupd.test"))
        return capsys.readouterr().err.splitlines()

    yield lines
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, own in levels.items():
        logging.getLogger(name).setLevel(own)


def test_an_event_is_a_line_with_time_level_and_origin(lines):
    [line] = lines("info", lambda logger: logger.warning("source %r fails", "staff"))
    assert LINE.match(line)[1] == "WARNING"
    assert line.endswith(" lookupd.test: source 'staff' fails")


@pytest.mark.parametrize(
    ("level", "logged"),
    [("debug", 4), ("info", 3), ("warning", 2), ("error", 1), ("critical", 0)],
)
def test_events_below_the_level_are_not_logged(lines, level, logged):
    def run(logger):
        for event in (logger.debug, logger.info, logger.warning, logger.error):
            event("x")

    assert len(lines(level, run)) == logged


@pytest.mark.parametrize(("name", "logged"), [("apscheduler", 0), ("aiosqlite", 1), ("asyncio", 1)])
def test_chatty_libraries_are_quiet(lines, name, logged):
    def run(_logger):
        logging.getLogger(f"{name}.x").debug("x")
        logging.getLogger(f"{name}.x").info("x")

    assert len(lines("debug", run)) == logged


@pytest.mark.parametrize(
    "between",
    ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1e", "\x85", "\u2028", "\u2029", "\x1b[2K\x1b[1G", "\x08"],
)
def test_a_message_cannot_forge_a_line(lines, between):
    [line] = lines("info", lambda logger: logger.error("no such name: %s", f"x{between}{FORGED}"))
    assert line.isprintable()
    assert line.endswith(FORGED)


def test_a_broken_character_is_written_so_that_it_can_be(lines):
    [line] = lines("info", lambda logger: logger.error("%s", "Bélanger \udcff \0 \u202e"))
    assert line.endswith(r"Bélanger \udcff \x00 \u202e")


def fail(text):
    raise ValueError(text)


def failing(text):
    def run(logger):
        try:
            fail(text)
        except ValueError:
            logger.exception("it failed")

    return run


@pytest.mark.parametrize("between", ["\n", "\r", "\x85", "\u2028"])
def test_an_exception_cannot_forge_a_line(lines, between):
    first, *others = lines("info", failing(f"x{between}{FORGED}"))
    assert first.endswith("it failed")
    assert "  Traceback (most recent call last):" in others
    assert not [line for line in others if LINE.match(line)]
    assert all(line.startswith("  ") and line.isprintable() for line in others)


def test_a_stack_is_set_in_too(lines):
    first, *others = lines("info", lambda logger: logger.error("x", stack_info=True))
    assert LINE.match(first)
    assert all(line.startswith("  ") for line in others)
    assert len(others) > 2


def test_the_log_is_configured_anew_each_time(lines):
    def run(logger):
        log.configure("error")
        logger.warning("x")
        logger.error("y")

    assert len(lines("debug", run)) == 1
