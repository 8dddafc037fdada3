"""Plain questions answered at once: as on the long way, and only to those who may ask."""

import re

import pytest

from lookupd.auth import Everybody, TokenHolders
from lookupd.config import DEFAULT_TENANT
from lookupd.lane import CAPACITY, KNOWN_FOR, Lane, Stop
from lookupd.state.tokens import Token
from tests.fakes import Clock

PATH = re.compile("/0.1/who/(?P<profile>[^/]+)")
NOW = 1_767_225_600


def request(path="/0.1/who/default", query="exten=7", *headers):
    lines = [f"GET {path}{query and '?'}{query} HTTP/1.1", "Host: here", *headers, "", ""]
    return "\r\n".join(lines).encode()


def echo(principal, name, *, profile):
    return lambda value: (f'"{name} {value} {profile} {principal.tenant == DEFAULT_TENANT}"', None)


def says(body, headers=None):
    """A resource that has one reply for everybody."""
    return lambda *_, **__: lambda _: (body, headers)


@pytest.fixture
def time():
    return [100.0]


def lane(time, at_once=echo, authenticator=None, headers=None):
    made = Lane(authenticator or Everybody(), lambda: time[0], lambda: NOW + time[0], headers or {})
    made.add([Stop(PATH, lambda variables: f"who.{variables['profile']}.read", at_once)])
    return made


def test_a_reply_is_whole(time):
    assert lane(time, headers={"A": "b"}).reply(request()) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:01:40 GMT\r\n"
        b'A: b\r\nContent-Length: 23\r\n\r\n"exten 7 default True"\n'
    )


def test_a_reply_has_its_own_headers_and_the_time_of_its_second(time):
    made = lane(time, says("{}", {"Age": "7"}))
    assert b"Date: Thu, 01 Jan 2026 00:01:40 GMT\r\n" in made.reply(request())
    time[0] += 1
    reply = made.reply(request())
    assert b"Date: Thu, 01 Jan 2026 00:01:41 GMT\r\n" in reply
    assert reply.endswith(b"Content-Length: 3\r\nAge: 7\r\n\r\n{}\n")


@pytest.mark.parametrize(
    ("query", "value"),
    [("exten=%2B331", "+331"), ("exten=%2b331", "+331"), ("exten=01+23", "01 23"), ("exten=", ""),
     ("exten=%C3%A9", "\u00e9")],
)  # fmt: skip
def test_a_parameter_is_decoded(time, query, value):
    heard = []
    lane(time, lambda _, name, **__: lambda value: heard.append((name, value))).reply(request(query=query))
    assert heard == [("exten", value)]


@pytest.mark.parametrize(
    "odd",
    [
        request(query=""),
        request(query="exten=1&exten=2"),
        request(query="exten=1;a=b"),
        request(query="exten=%zz"),
        request(query="exten=%"),
        request(query="exten=%FF"),
        request(query="EXTEN=1"),
        request("/0.1/who/a/b"),
        request("/0.1/whom"),
        request().replace(b"GET", b"PUT"),
        request("/0.1/who/default", "exten=1", "Content-Length: 0"),
        request()[:-1],
    ],
)
def test_whatever_is_odd_takes_the_long_way(time, odd):
    assert lane(time).reply(odd) is None


def test_what_cannot_be_answered_takes_the_long_way(time):
    def fails(*_, **__):
        raise KeyError("nobody knows")

    assert lane(time, fails).reply(request()) is None
    assert lane(time, lambda *_, **__: fails).reply(request()) is None
    assert lane(time, lambda *_, **__: None).reply(request()) is None
    assert lane(time, lambda *_, **__: lambda _: None).reply(request()) is None
    assert lane(time, says("\u00e9")).reply(request()) is None


def test_a_value_is_looked_at_though_all_around_it_is_known(time):
    made = lane(time)
    assert made.reply(request(query="exten=1")) is not None
    for odd in ("exten=%zz", "exten=1&a=b", "exten=1#", "exten=1;a=b", "exten=1 2"):
        assert made.reply(request(query=odd)) is None


class Tokens:
    """A store in which some tokens may do what their secret says."""

    def __init__(self, *secrets):
        self.secrets = [*secrets]

    def find(self, secret):
        if secret not in self.secrets:
            return None
        return Token(
            id="1", name="one", tenant=DEFAULT_TENANT, user=None, scopes=(secret,), created_at=Clock()(),
            revoked_at=None,
        )  # fmt: skip


def asked(made, *headers, path="/0.1/who/default"):
    return made.reply(request(path, "exten=7", *headers)) is not None


def test_only_those_are_answered_who_may_ask(time):
    made = lane(time, authenticator=TokenHolders(Tokens("who.default.read", "other"), lambda: time[0]))
    assert asked(made, "X-Auth-Token: who.default.read")
    assert not asked(made)
    assert not asked(made, "X-Auth-Token: other")
    assert not asked(made, "X-Auth-Token: unknown")
    assert not asked(made, "X-Auth-Token: who.default.read", path="/0.1/who/private")
    assert not asked(made, "X-Auth-Token: who.default.read", "Wazo-Tenant: another")
    assert not asked(made, "X-Auth-Token: who.default.read", "X-Auth-Token: who.default.read")


def test_a_revoked_token_works_for_five_seconds_at_most(time):
    tokens = Tokens("who.#")
    made = lane(time, authenticator=TokenHolders(tokens, lambda: time[0]))
    assert asked(made, "X-Auth-Token: who.#")
    tokens.secrets.clear()
    time[0] += 3.99
    assert asked(made, "X-Auth-Token: who.#")
    time[0] += 1.01
    assert not asked(made, "X-Auth-Token: who.#")


def test_who_asks_is_found_out_again_after_a_while(time):
    class Counting(Everybody):
        count = 0

        def principal(self, token, tenant):
            self.count += 1
            return super().principal(token, tenant)

    authenticator = Counting()
    made = lane(time, authenticator=authenticator)
    for _ in range(3):
        assert asked(made)
    assert authenticator.count == 1
    time[0] += KNOWN_FOR + 0.01
    assert asked(made)
    assert authenticator.count == 2


def test_only_so_much_is_known(time):
    made = lane(time)
    for number in range(CAPACITY + 10):
        assert asked(made, f"X-Number: {number}")
    assert len(made._known) == 10
