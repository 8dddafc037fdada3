"""Tokens: found by their secret alone, which is written nowhere; revoked ones are useless."""

from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone

from lookupd.state.tokens import PREFIX, Tokens
from tests.state.conftest import NOW, TENANT, add


def test_a_token_is_found_by_its_secret_alone(tokens):
    token, secret = add(tokens, user="u", scopes=["a.#", "!a.b"])
    assert tokens.find(secret) == token
    assert (token.name, token.tenant, token.user, token.scopes) == ("reception", TENANT, "u", ("a.#", "!a.b"))
    assert (token.created_at, token.revoked_at) == (NOW, None)
    for wrong in (token.id, secret[:-1], secret + "x", secret.upper(), "", "reception", "\udcff"):
        assert tokens.find(wrong) is None


def test_a_secret_is_long_random_and_recognised(tokens):
    secrets = {add(tokens)[1] for _ in range(20)}
    assert len(secrets) == 20
    assert all(secret.startswith(PREFIX) and len(secret) == len(PREFIX) + 32 for secret in secrets)


def test_no_byte_of_a_secret_is_written(path, tokens):
    _, secret = add(tokens)
    for file in path.parent.iterdir():
        content = file.read_bytes()
        assert secret.encode() not in content
        assert secret.removeprefix(PREFIX).encode() not in content
    assert path.with_name("state.db-wal").stat().st_size > 0


def test_a_revoked_token_is_no_longer_found_but_still_listed(tokens):
    token, secret = add(tokens)
    _, other = add(tokens)
    later = NOW + timedelta(days=1)
    assert tokens.revoke(token.id, later)
    assert tokens.find(secret) is None
    assert tokens.find(other)
    assert [one.revoked_at for one in tokens.all() if one.id == token.id] == [later]


def test_a_token_is_revoked_once_and_only_if_there_is_one(tokens):
    token, _ = add(tokens)
    assert not tokens.revoke("none", NOW)
    assert tokens.revoke(token.id, NOW)
    assert not tokens.revoke(token.id, NOW + timedelta(days=1))
    assert tokens.all()[0].revoked_at == NOW


def test_a_token_revoked_elsewhere_is_gone_here(path, tokens):
    token, secret = add(tokens)
    with closing(Tokens(path)) as elsewhere:
        elsewhere.revoke(token.id, NOW)
    assert tokens.find(secret) is None


def test_tokens_are_listed_the_oldest_first(tokens):
    for days in (2, 0, 1):
        add(tokens, name=str(days), now=NOW + timedelta(days=days))
    assert [token.name for token in tokens.all()] == ["0", "1", "2"]


def test_instants_are_kept_whatever_their_time_zone(tokens):
    here = NOW.astimezone(timezone(timedelta(hours=5)))
    add(tokens, now=here)
    assert tokens.all()[0].created_at == NOW
    assert tokens.all()[0].created_at.tzinfo is UTC


def test_a_name_is_only_a_text(tokens):
    add(tokens, name="'); DROP TABLE token; --")
    assert tokens.all()[0].name == "'); DROP TABLE token; --"


def test_a_name_of_any_bytes_is_kept_as_far_as_it_can_be_written(tmp_path):
    with closing(Tokens(tmp_path / "state.db")) as tokens:
        tokens.add("caf\udce9", tenant="t", user=None, scopes=("#",), now=datetime.now(UTC))
        assert [token.name for token in tokens.all()] == ["caf?"]
