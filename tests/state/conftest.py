"""A `state.db` that each test of this folder works on, and a look into it."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from lookupd.state.tokens import Tokens

NOW = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
TENANT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "state.db"


@pytest.fixture
def tokens(path):
    with closing(Tokens(path)) as tokens:
        yield tokens


def add(tokens, name="reception", **more):
    return tokens.add(name, **{"tenant": TENANT, "user": None, "scopes": ("dird.#",), "now": NOW, **more})


def execute(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def pragma(connection, name):
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def spoilt(path):
    """A file with many tokens and a page that makes no sense."""
    with closing(Tokens(path)) as tokens:
        for number in range(200):
            add(tokens, name=f"token {number} " + "x" * 100)
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xa5" * 4096
    path.write_bytes(content)
    return path
