"""Who may ask without a token."""

import base64
import logging
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lookupd.auth import Everybody, TokenHolders
from lookupd.config import DEFAULT_TENANT
from lookupd.errors import GuestUnknown, NotPermitted, Throttled
from lookupd.guest import ACCESS, LONGEST, REFUSALS, Guests
from lookupd.guestsettings import GuestSettings
from lookupd.state.tokens import Tokens, device_scope
from tests.test_guestrate import Seconds

TENANT = "11111111-2222-4333-8444-555555555555"
USER = "66666666-2222-4333-8444-555555555555"
OTHER = "77777777-2222-4333-8444-555555555555"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def tokens(tmp_path):
    tokens = Tokens(tmp_path / "state.db")
    yield tokens
    tokens.close()


class Gate:
    """Guests behind a real server; `admit` is asked with what is given here."""

    def __init__(self, tokens, **settings):
        self.clock = Seconds()
        authenticator = Everybody() if tokens is None else TokenHolders(tokens, self.clock)
        self.guests = Guests(
            GuestSettings.model_validate({"subnets": [], **settings}), tokens, authenticator, self.clock
        )

    @asynccontextmanager
    async def asked(self, headers=None, local="127.0.0.1"):
        """A function that asks over the network, and gives what `admit` gave or raised."""

        async def handle(request):
            try:
                outcome.append(self.guests.admit(request, **wanted))
            except (GuestUnknown, Throttled) as error:
                outcome.append(error)
            return web.Response()

        async def ask(**more):
            wanted.clear()
            wanted.update(more)
            async with session.get(server.make_url("/"), headers=headers):
                return outcome.pop()

        wanted, outcome, app = {}, [], web.Application()
        app.router.add_get("/", handle)
        connector = aiohttp.TCPConnector(local_addr=(local, 0))
        async with TestServer(app) as server, aiohttp.ClientSession(connector=connector) as session:
            yield ask

    async def ask(self, headers=None, local="127.0.0.1", **more):
        async with self.asked(headers, local) as ask:
            return await ask(**more)


def device(tokens, profile=None, user=None, tenant=TENANT):
    """The id and the secret of a new device."""
    token, secret = tokens.add(
        "hall", tenant=tenant, user=user, scopes=[device_scope(profile)], now=NOW
    )  # fmt: skip
    return token.id, secret


def basic(password, name="phone"):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


async def test_an_allowed_address_asks_in_the_tenant_of_the_configuration_as_the_user_it_names(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"], tenant=TENANT, min_term=2)
    guest = await gate.ask(user=USER)
    assert (guest.principal.tenant, guest.principal.user, guest.profile) == (TENANT, USER, None)
    assert (guest.name, guest.min_term) == ("this machine", 2)
    assert (await gate.ask(user="")).principal.user is None


async def test_without_a_tenant_it_is_the_default_one(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"])
    assert (await gate.ask()).principal.tenant == DEFAULT_TENANT


async def test_by_default_this_machine_may_ask_and_nobody_else():
    networks = GuestSettings().subnets
    assert [str(network) for network in networks] == ["127.0.0.0/8", "::1/128"]


async def test_another_address_may_not_ask(tokens):
    gate = Gate(tokens, subnets=["127.0.0.7/32"])
    assert isinstance(await gate.ask(), GuestUnknown)
    assert (await gate.ask(local="127.0.0.7")).name == "this machine"


@pytest.mark.parametrize("way", ["path", "basic"])
async def test_a_device_has_the_tenant_the_user_and_the_profile_of_its_secret(way, tokens):
    id_, secret = device(tokens, profile="sales.fr", user=USER)
    gate = Gate(tokens, min_term=3)
    guest = await (gate.ask(secret=secret) if way == "path" else gate.ask(basic(secret)))
    assert (guest.principal.tenant, guest.principal.user, guest.profile) == (TENANT, USER, "sales.fr")
    assert (guest.name, guest.min_term) == (f"device 'hall' ({id_})", 0)
    assert secret not in repr(guest)


async def test_a_device_without_a_user_and_a_profile_names_them(tokens):
    _, secret = device(tokens)
    guest = await Gate(tokens).ask(secret=secret, user=USER, profile="any")
    assert (guest.principal.user, guest.profile) == (USER, None)


async def test_a_device_cannot_ask_as_another_user_nor_in_another_profile(tokens):
    _, secret = device(tokens, profile="sales", user=USER)
    gate = Gate(tokens)
    assert (await gate.ask(secret=secret, user=USER, profile="sales")).profile == "sales"
    assert isinstance(await gate.ask(secret=secret, user=OTHER), GuestUnknown)
    assert isinstance(await gate.ask(secret=secret, profile="default"), GuestUnknown)


async def test_a_wrong_a_revoked_and_an_ordinary_secret_and_a_wrong_address_look_alike(tokens):
    id_, revoked = device(tokens)
    tokens.revoke(id_, NOW)
    _, ordinary = tokens.add("n", tenant=TENANT, user=None, scopes=["#"], now=NOW)
    gate = Gate(tokens)
    wrong = [revoked, ordinary, "", "lkp_nobody", "é\ud800", "x" * 100_000]
    outcomes = []
    for secret in wrong:
        outcomes.append(await gate.ask(secret=secret))
        gate.clock.now += 1
    outcomes.append(await gate.ask())
    assert {(type(outcome), str(outcome)) for outcome in outcomes} == {(GuestUnknown, str(GuestUnknown()))}


async def test_a_wrong_secret_is_refused_even_where_the_address_would_do(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"])
    assert isinstance(await gate.ask(secret="lkp_wrong"), GuestUnknown)
    assert isinstance(await gate.ask(basic("lkp_wrong")), GuestUnknown)
    assert isinstance(await gate.ask({"Authorization": "Basic !"}), GuestUnknown)
    assert isinstance(await gate.ask({"X-Auth-Token": "lkp_wrong"}), GuestUnknown)


async def test_other_schemes_than_basic_are_no_secret(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"])
    assert (await gate.ask({"Authorization": "Digest x"})).name == "this machine"


async def test_an_ordinary_token_in_the_header_is_admitted_where_its_scopes_reach(tokens):
    _, good = tokens.add("n", tenant=TENANT, user=USER, scopes=["dird.#"], now=NOW)
    _, narrow = tokens.add("n", tenant=TENANT, user=None, scopes=["dird.status.read"], now=NOW)
    gate = Gate(tokens)
    guest = await gate.ask({"X-Auth-Token": good})
    assert (guest.principal.tenant, guest.principal.user) == (TENANT, USER)
    assert guest.name.startswith("token ")
    assert good not in repr(guest)
    assert isinstance(await gate.ask({"X-Auth-Token": narrow}), GuestUnknown)
    assert isinstance(await gate.ask({"X-Auth-Token": good}, user=OTHER), GuestUnknown)
    assert isinstance(await gate.ask({"X-Auth-Token": good, "Wazo-Tenant": OTHER}), GuestUnknown)


@pytest.mark.parametrize("profile", [None, "default", "#", "dird"])
async def test_a_device_s_secret_is_no_token(profile, tokens):
    _, secret = device(tokens, profile=profile)
    gate = Gate(tokens, subnets=["127.0.0.0/8"])
    assert isinstance(await gate.ask({"X-Auth-Token": secret}), GuestUnknown)
    principal = TokenHolders(tokens, Seconds()).principal(secret, None)
    for access in (ACCESS, "dird.status.read", "dird.directories.reverse.default.me.read", "dird.read"):
        assert not principal.may(access)


async def test_a_token_with_more_scopes_than_that_of_a_device_is_no_device(tokens):
    _, secret = tokens.add("n", tenant=TENANT, user=None, scopes=["device", "dird.#"], now=NOW)
    assert isinstance(await Gate(tokens).ask(secret=secret), GuestUnknown)


async def test_where_everybody_may_ask_secrets_do_not_count():
    gate = Gate(None, subnets=["127.0.0.0/8"])
    assert (await gate.ask(secret="anything", user=USER)).name == "this machine"
    assert isinstance(await Gate(None).ask(secret="anything"), GuestUnknown)


async def test_a_guest_who_was_told_enough_waits(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"], rate=2, burst=10)
    async with gate.asked() as ask:
        first = await ask(most=8)
        gate.guests.told(first, 8)
        assert (await ask(most=8)).reserved == 8
        refused = await ask(most=8)
        assert (type(refused), refused.seconds) == (Throttled, 3.5)
        gate.clock.now += 3.5
        assert (await ask()).reserved == 1


async def test_contacts_that_were_not_told_are_given_back(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"], burst=2)
    async with gate.asked() as ask:
        for _ in range(20):
            gate.guests.told(await ask(most=100), 0)


async def test_many_questions_at_once_are_told_no_more_than_one_page_too_much(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"], burst=10)
    async with gate.asked() as ask:
        reserved = [getattr(await ask(most=9), "reserved", 0) for _ in range(5)]
    assert reserved == [9, 9, 0, 0, 0]


async def test_devices_are_counted_apart_from_addresses_and_whatever_user_they_name(tokens):
    _, secret = device(tokens)
    gate = Gate(tokens, subnets=["127.0.0.0/8"], burst=1)
    async with gate.asked() as ask:
        assert (await ask(user=USER)).reserved == 1
        assert isinstance(await ask(user=OTHER), Throttled)
        assert (await ask(secret=secret)).reserved == 1
        assert isinstance(await ask(secret=secret, user=OTHER), Throttled)


async def test_a_trusted_address_is_not_counted(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"], trusted=["127.0.0.1/32"], burst=1)
    async with gate.asked() as ask:
        for _ in range(3):
            gate.guests.told(await ask(most=100), 100)


async def test_five_wrong_secrets_a_second_are_refused_and_further_ones_throttled(tokens):
    _, good = device(tokens)
    gate = Gate(tokens, proxies=["127.0.0.1/32"])
    async with gate.asked() as ask:
        assert [type(await ask(secret=f"lkp_{i}")) for i in range(7)] == [GuestUnknown] * 5 + [Throttled] * 2
        assert (await ask(secret=good)).reserved == 1
        gate.clock.now += 0.2
        assert isinstance(await ask(secret="lkp_again"), GuestUnknown)
        assert isinstance(await ask(secret="lkp_again"), Throttled)
    assert isinstance(await gate.ask({"X-Forwarded-For": "192.0.2.7"}, secret="lkp_again"), GuestUnknown)


async def test_no_user_is_so_long_that_remembering_them_would_cost_memory(tokens):
    _, secret = device(tokens)
    gate = Gate(tokens, subnets=["127.0.0.0/8"])
    assert (await gate.ask(user="u" * LONGEST)).principal.user == "u" * LONGEST
    assert isinstance(await gate.ask(user="u" * (LONGEST + 1)), GuestUnknown)
    assert isinstance(await gate.ask(secret=secret, user="u" * (LONGEST + 1)), GuestUnknown)


async def test_why_a_guest_may_not_ask_is_logged_once_and_without_the_secret(tokens, caplog):
    _, secret = device(tokens, profile="sales", user=USER)
    gate = Gate(tokens)
    with caplog.at_level(logging.WARNING, "lookupd.guest"):
        async with gate.asked() as ask:
            for _ in range(2):
                for wanted in ({}, {"secret": "lkp_x"}, {"secret": secret, "profile": "other"},
                               {"secret": secret, "user": OTHER}):  # fmt: skip
                    assert isinstance(await ask(**wanted), GuestUnknown)
    assert len(caplog.messages) == 4
    for text in ("this machine is not in guests.subnets", "this machine sent a wrong or revoked secret",
                 "may use the profile 'sales' only", "is that of another user"):  # fmt: skip
        assert text in caplog.text
    assert "lkp_" not in caplog.text


async def test_that_a_guest_was_told_too_much_is_logged_with_what_helps(tokens, caplog):
    gate = Gate(tokens, subnets=["127.0.0.0/8"], burst=1)
    with caplog.at_level(logging.WARNING, "lookupd.guest"):
        async with gate.asked() as ask:
            assert (await ask(most=5)).name == "this machine"
            assert isinstance(await ask(), Throttled)
    [line] = caplog.messages
    assert "this machine" in line
    assert "guests.trusted" in line


async def test_reasons_without_end_are_logged_up_to_a_bound(tokens, caplog):
    gate = Gate(tokens, proxies=["127.0.0.1/32"])
    with caplog.at_level(logging.WARNING, "lookupd.guest"):
        for last in range(REFUSALS + 5):
            await gate.ask({"X-Forwarded-For": f"192.0.2.{last}"})
    assert len(caplog.messages) == REFUSALS


async def test_a_proxy_nobody_named_makes_no_neighbours_and_that_is_said_once(tokens, caplog):
    gate = Gate(tokens, subnets=["127.0.0.0/8", "198.51.100.0/24"])
    with caplog.at_level(logging.WARNING, "lookupd.guest"):
        for _ in range(2):
            assert isinstance(await gate.ask({"X-Forwarded-For": "198.51.100.7"}), GuestUnknown)
    [line] = caplog.messages
    assert "guests.proxies" in line


async def test_a_configured_proxy_says_who_its_clients_are(tokens):
    gate = Gate(tokens, subnets=["198.51.100.0/24"], proxies=["127.0.0.1/32"])
    assert (await gate.ask({"X-Forwarded-For": "198.51.100.7"})).name == "address 198.51.100.7"
    assert isinstance(await gate.ask({"X-Forwarded-For": "198.51.100.7, 203.0.113.9"}), GuestUnknown)


def test_a_device_s_secret_opens_no_resource(tokens):
    _, secret = device(tokens, profile="default")
    with pytest.raises(NotPermitted):
        TokenHolders(tokens, Seconds()).principal(secret, OTHER)


async def test_a_web_page_of_another_origin_in_the_browser_of_a_neighbour_is_not_admitted(tokens):
    gate = Gate(tokens, subnets=["127.0.0.0/8"])
    assert isinstance(await gate.ask({"Origin": "https://evil.example"}), GuestUnknown)
