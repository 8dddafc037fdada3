"""Tokens that were checked lately, while `state.db` cannot be read."""

import pytest

from lookupd.auth import BELIEVED
from lookupd.errors import StateUnusable
from lookupd.lane import KNOWN_FOR
from lookupd.state.known import CAPACITY, PAUSE, TRUSTED, KnownTokens
from tests.state.conftest import NOW, add


class Seconds:
    """A clock in seconds, moved by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def known(tokens, clock):
    return KnownTokens(tokens, clock)


def damage(path):
    """Make the file no database; gives what it was."""
    whole = path.read_bytes()
    path.write_bytes(b"no database" * 1000)
    return whole


def settle(path, tokens):
    """Have everything in the file itself."""
    tokens._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    tokens._connection.execute("PRAGMA journal_mode = DELETE")
    assert path.stat().st_size > 0


@pytest.fixture
def secret(path, tokens, known):
    _, secret = add(tokens)
    settle(path, tokens)
    assert known.find(secret).name == "reception"
    return secret


def errors(caplog):
    return [record.message for record in caplog.records if record.levelname == "ERROR"]


def test_a_token_checked_lately_is_accepted_for_five_minutes(path, known, secret, clock):
    damage(path)
    clock.now += TRUSTED - 0.01
    assert known.find(secret).name == "reception"
    clock.now += 0.02
    with pytest.raises(StateUnusable, match=r"state\.db cannot be read") as caught:
        known.find(secret)
    assert str(path) not in str(caught.value)
    assert TRUSTED + BELIEVED + KNOWN_FOR == 300.0


def test_other_tokens_are_neither_accepted_nor_called_unknown(path, known, secret):
    damage(path)
    for other in ("lkp_x", "", secret[:-1]):
        with pytest.raises(StateUnusable):
            known.find(other)


def test_a_revoked_token_is_not_accepted(path, tokens, known, secret):
    [token] = tokens.all()
    tokens.revoke(token.id, NOW)
    assert known.find(secret) is None
    damage(path)
    with pytest.raises(StateUnusable):
        known.find(secret)


def test_it_is_logged_once_with_the_remedy_and_once_when_it_is_over(path, known, secret, clock, caplog):
    whole = damage(path)
    for _ in range(10):
        known.find(secret)
        clock.now += 1
    assert known.problem() is not None
    [told] = errors(caplog)
    assert "state.db: damaged" in told
    assert "lookupd state restore FILE" in told
    path.write_bytes(whole)
    for _ in range(10):
        known.find(secret)
        clock.now += 1
    assert known.problem() is None
    assert [record.message for record in caplog.records[1:]] == [
        "state.db can be read again, and tokens are checked"
    ]


def test_whoever_asks_how_it_is_need_not_wait_for_a_request(path, tokens, known, clock):
    settle(path, tokens)
    assert known.problem() is None
    whole = damage(path)
    assert "lookupd state restore FILE" in known.problem()
    path.write_bytes(whole)
    clock.now += PAUSE
    assert known.problem() is None


def test_a_file_of_which_a_part_can_be_read_is_not_called_sound(path, tokens, known, clock, caplog):
    for number in range(200):
        add(tokens, name=f"token {number} " + "x" * 100)
    _, secret = add(tokens)
    settle(path, tokens)
    content = bytearray(path.read_bytes())
    content[4096:] = bytes(len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StateUnusable):
        known.find(secret)
    for _ in range(5):
        clock.now += PAUSE
        assert known.problem() is not None
    assert len(errors(caplog)) == 1


def test_the_file_is_left_as_it_is(path, known, secret):
    damage(path)
    content = path.read_bytes()
    known.find(secret)
    known.problem()
    assert path.read_bytes() == content


@pytest.mark.parametrize("change", ["scopes = '['", "created_at = 1e300", "scopes = '7'"])
def test_a_token_that_makes_no_sense_is_damage(tokens, known, secret, clock, change):
    tokens._connection.execute(f"UPDATE token SET {change}")
    assert known.find(secret).name == "reception"
    for _ in range(3):
        clock.now += PAUSE
        assert "a token cannot be read" in known.problem()


class Anything:
    """A store in which every secret is a token."""

    def __init__(self, token):
        self.token = token

    def find(self, secret):
        return self.token


def test_only_so_many_tokens_are_known_and_no_secret_is(tokens, clock):
    known = KnownTokens(Anything(add(tokens)[0]), clock)
    for number in range(CAPACITY + 10):
        known.find(f"lkp_{number}")
    assert len(known._found) == CAPACITY
    assert "lkp_5000" not in repr(vars(known))
