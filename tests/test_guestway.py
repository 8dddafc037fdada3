"""By which way a request came."""

from ipaddress import ip_address

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from lookupd import guestway
from lookupd.guestsettings import GuestSettings
from lookupd.guestway import Client, address_of, external_base

#: as a server on 127.0.0.1 sees a proxy on this machine
PROXIES = ["127.0.0.1/32", "192.0.2.0/24"]


async def met(headers, **settings):
    """The client of a request with these headers, and what it calls us; then the address of the server."""
    seen = GuestSettings.model_validate(settings)
    found = []

    async def handle(request):
        found[:] = Client.of(request, seen), external_base(request, seen)
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        async with session.get(server.make_url("/"), headers=headers):
            pass
        return (*found, f"127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    ("hops", "address", "proxies"),
    [
        ("198.51.100.7", "198.51.100.7", 1),
        ("1.2.3.4, 198.51.100.7", "198.51.100.7", 1),
        ("1.2.3.4, 198.51.100.7, 192.0.2.9", "198.51.100.7", 2),
        ("192.0.2.8 ,192.0.2.9", "192.0.2.8", 3),
        ("198.51.100.7:5060", "198.51.100.7", 1),
        ("[2001:db8::7]:5060", "2001:db8::7", 1),
        ("2001:db8::7", "2001:db8::7", 1),
        ("::ffff:198.51.100.7", "198.51.100.7", 1),
        ("198.51.100.7, unknown", None, 1),
        ("198.51.100.7, 999.1.1.1", None, 1),
        ("198.51.100.7, _hidden, 192.0.2.9", None, 2),
        ("", "127.0.0.1", 1),
    ],
)
async def test_the_last_hop_that_is_no_proxy_of_ours_is_the_client(hops, address, proxies):
    client, _, _ = await met({"X-Forwarded-For": hops}, proxies=PROXIES)
    assert (client.address, client.proxies) == (address and ip_address(address), proxies)


async def test_hops_may_stand_in_several_headers():
    headers = [("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-For", "192.0.2.9")]
    client, _, _ = await met(headers, proxies=PROXIES)
    assert str(client.address) == "198.51.100.7"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_what_comes_through_a_proxy_nobody_named_has_no_address(name):
    client, _, _ = await met({name: "127.0.0.1"})
    assert (client.address, client.is_hidden, client.name) == (None, True, "address unknown")
    assert Client(address=ip_address("127.9.9.9"), proxies=0).name == "this machine"


@pytest.mark.parametrize("name", ["X-Real-IP", "Forwarded", "Via", "X-Forwarded-Proto", "CF-Connecting-IP"])
async def test_a_proxy_of_ours_that_does_not_say_for_whom_it_asks_is_no_client_itself(name):
    client, _, _ = await met({name: "198.51.100.7"}, proxies=PROXIES)
    assert (client.address, client.is_hidden) == (None, True)
    client, _, _ = await met({name: "x", "X-Forwarded-For": "198.51.100.7"}, proxies=PROXIES)
    assert str(client.address) == "198.51.100.7"


@pytest.mark.parametrize("name", ["X-Forwarded-Proto", "X-Forwarded-Port", "X-Client-IP", "CF-Connecting-IP"])
async def test_every_header_of_proxies_gives_one_away_that_nobody_named(name):
    client, _, _ = await met({name: "443"})
    assert (client.address, client.is_hidden) == (None, True)


def test_no_address_is_so_long_that_remembering_it_would_cost_memory():
    known = guestway._address.cache_info().currsize
    assert address_of("1" * 5000) is None
    assert guestway._address.cache_info().currsize == known


async def test_without_a_proxy_the_peer_is_the_client():
    client, _, _ = await met({})
    assert (str(client.address), client.proxies, client.is_hidden) == ("127.0.0.1", 0, False)


def test_a_network_of_ipv6_addresses_is_one_client():
    names = [Client(address=ip_address(f"2001:db8:0:1::{i}"), proxies=0).name for i in (1, 2)]
    assert names == ["addresses 2001:db8:0:1::/64"] * 2
    assert Client(address=ip_address("::1"), proxies=0).name == "this machine"


@given(st.text(max_size=60))
def test_whatever_stands_for_an_address_is_one_or_none(text):
    found = address_of(text)
    assert found is None or ip_address(str(found)) == found


@given(st.ip_addresses(), st.integers(0, 65535))
def test_an_address_is_found_with_and_without_a_port(address, port):
    plain = getattr(address, "ipv4_mapped", None) or address
    assert address_of(str(address)) == plain
    shown = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    assert address_of(shown) == plain


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, "http://pbx:8080"),
        ({"X-Forwarded-Proto": "https"}, "https://pbx:8080"),
        ({"X-Forwarded-Proto": "https", "X-Forwarded-Host": "dir.example.com"}, "https://dir.example.com"),
        ({"X-Forwarded-Host": "dir.example.com:444", "X-Forwarded-Port": "9"}, "http://dir.example.com:444"),
        ({"X-Forwarded-Host": "dir.example.com", "X-Forwarded-Port": "81"}, "http://dir.example.com:81"),
        ({"X-Forwarded-Port": "443", "X-Forwarded-Proto": "HTTPS"}, "https://pbx"),
        ({"X-Forwarded-Host": "[2001:db8::1]:81"}, "http://[2001:db8::1]:81"),
        ({"X-Script-Name": "/dir/"}, "http://pbx:8080/dir"),
        ({"X-Forwarded-Prefix": "/a/b"}, "http://pbx:8080/a/b"),
        ({"X-Forwarded-Prefix": '/"><x'}, "http://pbx:8080"),
        ({"X-Forwarded-Proto": "javascript", "X-Forwarded-Host": "a b", "X-Forwarded-Port": "x"}, "http://pbx:8080"),
        ({"X-Forwarded-Host": "forged, real"}, "http://real"),
        ({"X-Forwarded-Port": "9" * 5000}, "http://pbx:8080"),
    ],
)  # fmt: skip
async def test_a_configured_proxy_says_what_clients_call_us(headers, base):
    _, found, _ = await met({"Host": "pbx:8080", "X-Forwarded-For": "1.2.3.4", **headers}, proxies=PROXIES)
    assert found == base


async def test_of_several_proxies_the_outermost_that_is_ours_counts():
    headers = {"X-Forwarded-For": "1.2.3.4, 192.0.2.9", "X-Forwarded-Host": "forged, outer, inner"}
    _, base, _ = await met(headers, proxies=PROXIES)
    assert base == "http://outer"


async def test_a_proxy_nobody_named_does_not():
    headers = {"X-Forwarded-Host": "evil", "X-Forwarded-Proto": "https", "X-Script-Name": "/x"}
    _, base, own = await met(headers)
    assert base == f"http://{own}"


async def test_a_host_that_is_none_is_replaced_by_our_own_address():
    _, base, own = await met({"Host": "<x>"})
    assert base == f"http://{own}"


async def test_the_configuration_may_say_how_clients_reach_us():
    _, base, _ = await met({"X-Forwarded-Host": "x"}, proxies=PROXIES, external_url="https://a.example/dir/")
    assert base == "https://a.example/dir"


@pytest.mark.parametrize("url", ["ftp://a", "a.example", "https://", "https://a/?x", "https://u:p@a"])
def test_an_external_url_is_one_of_http(url):
    with pytest.raises(ValueError, match="external_url"):
        GuestSettings.model_validate({"external_url": url})


async def test_over_a_socket_of_the_file_system_nobody_has_an_address(tmp_path):
    found = []

    async def handle(request):
        found[:] = Client.of(request, GuestSettings()), external_base(request, GuestSettings())
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "socket")
    await web.UnixSite(runner, path).start()
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(path)) as session,
        session.get("http://dir.example.com/", headers={"Host": ""}),
    ):
        pass
    await runner.cleanup()
    assert (found[0].address, found[0].is_hidden, found[1]) == (None, False, "http://localhost")
