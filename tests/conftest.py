"""What all tests share: files are temporary, ports are free ones, and hypothesis gives the same examples."""

from __future__ import annotations

import logging

import hypothesis
import pytest

hypothesis.settings.register_profile("lookupd", deadline=None, derandomize=True, max_examples=100)
hypothesis.settings.load_profile("lookupd")


@pytest.fixture(autouse=True)
def _no_configuration_from_outside(monkeypatch):
    """The environment of whoever runs the tests does not reach them."""
    monkeypatch.delenv("LOOKUPD_CONFIG", raising=False)


@pytest.fixture(autouse=True)
def _the_log_stays_as_it_was():
    """Commands configure the log of their process, and here that is the one of the tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _commands_do_not_make_the_tests_step_back(monkeypatch):
    """Nobody but root can take that back."""
    monkeypatch.setattr("lookupd.cli.sync.step_back", lambda: None)
