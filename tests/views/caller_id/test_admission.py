"""Who gets names, and that nobody else is told anything that could be one."""

import base64
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from lookupd.config import DEFAULT_TENANT
from lookupd.state.tokens import device_scope
from lookupd.views.caller_id.view import quiet
from tests.views.conftest import CONFIG, OTHER

NUMBER = "+33 1 99 00 12 34"
CLOSED = CONFIG.replace("displays:", "guests: {subnets: [], burst: 3, rate: 0.001}\ndisplays:")
PATHS = ["/cid", "/cid/1", "/v3/phone/1", "/v2/phone/1?format=pbx", "/crm", "/crm/3cx.xml"]


def device(site, profile=None, tenant=DEFAULT_TENANT):
    """The secret of a new device."""
    now = datetime.now(UTC)
    return site.tokens.add("d", tenant=tenant, user=None, scopes=[device_scope(profile)], now=now)[1]


def basic(secret):
    return {"Authorization": "Basic " + base64.b64encode(f"me:{secret}".encode()).decode()}


@pytest.fixture
async def closed(new_site):
    return await new_site(CLOSED)


async def ask(site, path, headers=None, **query):
    return await site.ask(path, token=None, headers=headers, **query)


async def test_a_secret_in_the_path_or_as_password_gets_the_names_of_its_profile(closed):
    secret = device(closed)
    assert (await ask(closed, f"/p/{secret}/cid", number=NUMBER)).body == "Ada Bélanger".encode()
    assert (await ask(closed, "/cid", basic(secret), number=NUMBER)).body == "Ada Bélanger".encode()
    path = f"/v2/phone/33199001234?format=pbx&account_sid=any&auth_token={secret}"
    assert (await ask(closed, path)).body == "Ada Bélanger".encode()
    secret = device(closed, "theirs", OTHER)
    assert (await ask(closed, f"/p/{secret}/cid/0199001234")).body == b"Olga Other"
    assert (await ask(closed, f"/p/{secret}/cid/0199001234?profile=default")).status == 404


@pytest.mark.parametrize("path", PATHS)
async def test_an_address_that_is_not_allowed_gets_a_challenge_and_no_body(closed, path):
    reply = await ask(closed, path)
    assert (reply.status, reply.body) == (401, b"")
    assert reply.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", PATHS)
async def test_a_wrong_secret_in_the_path_is_not_found(closed, path):
    assert [(reply := await ask(closed, f"/p/lkp_wrong{path}")).status, reply.body] == [404, b""]


async def test_an_ordinary_token_is_no_secret_for_a_url_but_is_one_for_the_header(closed):
    token = closed.token("dird.#")
    assert (await ask(closed, f"/p/{token}/cid", number=NUMBER)).status == 404
    assert (await ask(closed, f"/v3/phone/1?auth_token={token}")).status == 401
    assert (await ask(closed, "/cid", {"X-Auth-Token": token}, number=NUMBER)).status == 200


async def test_the_secret_of_a_device_opens_nothing_of_the_interface(closed):
    secret = device(closed)
    for path in ("/0.1/status", "/0.1/sources", "/0.1/directories/reverse/default/me?exten=1"):
        assert (await closed.ask(path, token=secret)).status == 401
        assert (await ask(closed, path, basic(secret))).status == 401


async def test_a_revoked_secret_is_wrong_at_once(closed):
    secret = device(closed)
    closed.tokens.revoke(closed.tokens.find(secret).id, datetime.now(UTC))
    assert (await ask(closed, f"/p/{secret}/cid", number=NUMBER)).status == 404


async def test_names_are_counted_and_numbers_of_nobody_are_not(closed):
    secret = device(closed)
    for _ in range(10):
        assert (await ask(closed, f"/p/{secret}/cid", number="0155555555")).status == 200
    for path in ("/cid", "/v3/phone/", "/crm"):
        assert (await ask(closed, f"/p/{secret}{path}", number=NUMBER)).status == 200
    reply = await ask(closed, f"/p/{secret}/cid", number=NUMBER)
    assert (reply.status, reply.body) == (429, b"")
    assert 900 < int(reply.headers["Retry-After"]) <= 1001


async def test_many_wrong_secrets_are_refused_without_a_word(closed):
    statuses = [(await ask(closed, f"/p/lkp_{i}/cid")).status for i in range(30)]
    assert set(statuses) == {404, 429}
    assert statuses[:5] == [404] * 5


async def test_a_page_of_another_origin_gets_nothing_from_a_neighbour(new_site):
    site = await new_site()
    assert (await ask(site, "/cid", number=NUMBER)).status == 200
    reply = await ask(site, "/cid", {"Origin": "https://evil.example"}, number=NUMBER)
    assert (reply.status, reply.body) == (401, b"")


async def test_a_state_that_cannot_be_read_is_a_failure_without_a_name(closed, caplog):
    secret = device(closed)
    closed.tokens.close()
    file = closed.data / "state.db"
    for beside in closed.data.glob("state.db*"):
        beside.unlink()
    file.write_bytes(b"this is no database" * 1000)
    reply = await ask(closed, f"/p/{secret}/cid", number=NUMBER)
    assert (reply.status, reply.body, reply.headers["X-Lookupd-Failed"]) == (503, b"", "lookupd")
    assert secret not in caplog.text


async def test_what_nobody_foresaw_is_logged_and_has_no_body(caplog):
    def broken(_request):
        raise RuntimeError("planted")

    app = web.Application()
    app.router.add_get("/p/{secret}/cid", quiet(broken, lambda _text: None))
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession() as session,
        session.get(server.make_url("/p/lkp_secret/cid")) as reply,
    ):
        body = await reply.read()
    assert (reply.status, body, reply.headers["X-Lookupd-Failed"]) == (500, b"", "lookupd")
    assert "planted" in caplog.text
    assert "lkp_secret" not in caplog.text
