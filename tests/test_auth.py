"""From a token to a principal."""

from datetime import UTC, datetime

import pytest

from lookupd.auth import BELIEVED, CAPACITY, Everybody, TokenHolders
from lookupd.config import DEFAULT_TENANT
from lookupd.errors import NotPermitted, TokenUnknown
from lookupd.lane import KNOWN_FOR
from lookupd.principal import Principal
from lookupd.state.tokens import Tokens

TENANT = "11111111-2222-4333-8444-555555555555"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Seconds:
    """A clock in seconds, moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def tokens(tmp_path):
    tokens = Tokens(tmp_path / "state.db")
    yield tokens
    tokens.close()


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def holders(tokens, clock):
    return TokenHolders(tokens, clock)


def added(tokens, **more):
    """The id and the secret of a new token."""
    token, secret = tokens.add(
        "n", **{"tenant": TENANT, "user": None, "scopes": ["dird.#"], "now": NOW, **more}
    )
    return token.id, secret


def test_everybody_is_somebody_in_the_tenant_they_name():
    assert Everybody().principal(None, None) == Principal(tenant=DEFAULT_TENANT)
    assert Everybody().principal("x", TENANT) == Principal(tenant=TENANT, token="x")


def test_a_holder_has_the_tenant_the_user_and_the_scopes_of_the_token(holders, tokens):
    _, secret = added(tokens, user="u", scopes=["a.#", "!a.b"])
    expected = Principal(tenant=TENANT, user="u", scopes=("a.#", "!a.b"), token=secret)
    assert holders.principal(secret, None) == expected
    assert holders.principal(secret, TENANT) == expected
    assert not holders.principal(secret, None).may("a.b")


@pytest.mark.parametrize("token", [None, ""])
def test_no_token_is_told_with_the_header_to_send(holders, token):
    with pytest.raises(TokenUnknown, match="no token was sent \\(header X-Auth-Token\\)"):
        holders.principal(token, None)


@pytest.mark.parametrize("token", ["lkp_x", " ", "\udcff", "' OR 1=1 --", "x" * 100_000, "Ä"])
def test_an_unknown_token_is_refused_and_not_shown(holders, token):
    with pytest.raises(TokenUnknown, match="this token is not known, or was revoked") as caught:
        holders.principal(token, None)
    assert "lkp_x" not in str(caught.value)


@pytest.mark.parametrize("tenant", [DEFAULT_TENANT, "", "x"])
def test_a_token_is_for_its_own_tenant_only(holders, tokens, tenant):
    _, secret = added(tokens)
    with pytest.raises(NotPermitted, match="belongs to another tenant \\(header Wazo-Tenant\\)"):
        holders.principal(secret, tenant)


def test_a_revoked_token_is_believed_for_a_while_at_most(holders, tokens, clock):
    id_, secret = added(tokens)
    assert holders.principal(secret, None)
    tokens.revoke(id_, NOW)
    clock.now += BELIEVED - 0.001
    assert holders.principal(secret, None)
    clock.now += 0.001
    with pytest.raises(TokenUnknown):
        holders.principal(secret, None)
    assert BELIEVED + KNOWN_FOR == 5.0


def test_a_new_token_works_at_once_though_another_was_refused(holders, tokens):
    with pytest.raises(TokenUnknown):
        holders.principal("lkp_later", None)
    _, secret = added(tokens)
    assert holders.principal(secret, None)


class Counted:
    """A store that counts what it is asked."""

    def __init__(self, tokens):
        self._tokens = tokens
        self.asked = 0

    def find(self, secret):
        self.asked += 1
        return self._tokens.find(secret)


def test_a_believed_token_is_not_looked_up_again(tokens, clock):
    store = Counted(tokens)
    holders = TokenHolders(store, clock)
    _, secret = added(tokens)
    for _ in range(3):
        holders.principal(secret, None)
    assert store.asked == 1
    clock.now += BELIEVED
    holders.principal(secret, None)
    assert store.asked == 2


class Anything:
    """A store in which every secret is a token; it counts what it is asked."""

    def __init__(self, token):
        self._token = token
        self.asked = 0

    def find(self, secret):
        self.asked += 1
        return self._token


def test_only_so_many_tokens_are_believed_at_a_time(tokens, clock):
    store = Anything(tokens.add("n", tenant=TENANT, user=None, scopes=(), now=NOW)[0])
    holders = TokenHolders(store, clock)
    for number in range(CAPACITY + 1):
        holders.principal(f"lkp_{number}", None)
    assert len(holders._believed) <= CAPACITY
    holders.principal(f"lkp_{CAPACITY}", None)
    assert store.asked == CAPACITY + 1
    holders.principal("lkp_0", None)
    assert store.asked == CAPACITY + 2


def test_what_is_believed_holds_no_token(holders, tokens):
    _, secret = added(tokens)
    holders.principal(secret, None)
    assert secret not in repr(vars(holders))
    assert secret.encode() not in holders._believed
    assert [known.name for known, _ in holders._believed.values()] == ["n"]
