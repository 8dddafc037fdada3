"""A proxy that behaves badly, between a client and a server that echoes."""

import asyncio
import contextlib
import socket

import pytest
import uvloop

from tests.faults.behaviour import OneWay
from tests.faults.proxy import (
    BlackHole,
    Corrupt,
    Delay,
    Drip,
    Garbage,
    HalfOpen,
    Pass,
    Proxy,
    RefuseNew,
    Reset,
    Stall,
    ThreadedProxy,
    Truncate,
)
from tests.faults.signals import eventually, eventually_async

HOUR = 3600
LARGE = bytes(range(256)) * 8192  # more than the kernel keeps in between


class Echo(asyncio.Protocol):
    """Answers what it gets, and remembers it; one for every connection."""

    def __init__(self, connections):
        connections.append(self)
        self.got = b""
        self.is_open = True

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.got += data
        self.transport.write(data)

    def connection_lost(self, error):
        self.is_open = False


class Server:
    """Echoes on a free port; `connections` are those that came."""

    async def __aenter__(self):
        self.connections = []
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Echo(self.connections), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for one in self.connections:
            one.transport.abort()
        await self._server.wait_closed()
        await eventually_async(lambda: not any(one.is_open for one in self.connections))

    @property
    def got(self):
        return b"".join(one.got for one in self.connections)


class Client:
    """A connection to a port."""

    def __init__(self, port):
        self._port = port

    async def __aenter__(self):
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_):
        await self.leave()

    async def leave(self):
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def say(self, text):
        self._writer.write(text)

    async def hear(self, count):
        async with asyncio.timeout(10):
            return await self._reader.readexactly(count)

    async def hear_all(self):
        async with asyncio.timeout(10):
            return await self._reader.read()

    async def ask(self, text):
        self.say(text)
        return await self.hear(len(text))


@pytest.fixture
async def server():
    async with Server() as server:
        yield server


@pytest.fixture
async def proxy(server):
    async with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy):
    async with Client(proxy.port) as client:
        yield client


@pytest.mark.parametrize("text", [b"hello", LARGE], ids=["small", "large"])
async def test_without_a_fault_everything_passes_and_is_counted(proxy, client, text):
    assert await client.ask(text) == text
    assert (proxy.bytes_to_server, proxy.bytes_to_client) == (len(text), len(text))
    assert (proxy.connections, proxy.open) == (1, 1)


async def test_an_end_passes_both_ways_and_frees_the_connection(server, proxy):
    async with Client(proxy.port) as client:
        await client.ask(b"hello")
        server.connections[0].transport.close()
        assert await client.hear_all() == b""
    await eventually_async(lambda: proxy.open == 0)


async def test_a_delayed_answer_waits_and_flows_when_healed(proxy):
    proxy.schedule([(Delay(seconds=HOUR), 1)])
    async with Client(proxy.port) as slow, Client(proxy.port) as quick:
        slow.say(b"slow")
        await eventually_async(lambda: proxy.bytes_from_server == len(b"slow"))
        assert await quick.ask(b"quick") == b"quick"
        assert proxy.bytes_to_client == len(b"quick")
        proxy.behave()
        assert await slow.hear(4) == b"slow"


async def test_a_short_delay_only_delays(proxy, client):
    proxy.behave(Delay(seconds=0.01), to_server=Delay(seconds=0.01))
    assert await client.ask(b"hello") == b"hello"


async def test_a_slow_drip_sends_one_byte_and_the_rest_when_healed(proxy, client):
    proxy.behave(Drip(bytes_per_second=1 / HOUR))
    client.say(b"hello")
    assert await client.hear(1) == b"h"
    assert proxy.bytes_to_client == 1
    proxy.behave()
    assert await client.hear(4) == b"ello"


async def test_a_fast_drip_sends_everything(proxy, client):
    proxy.behave(Drip(bytes_per_second=10_000))
    text = bytes(1000)
    assert await client.ask(text) == text


async def test_a_black_hole_loses_what_it_takes(server, proxy, client):
    await client.ask(b"before")
    proxy.behave(BlackHole())
    client.say(b"lost")
    await eventually_async(lambda: proxy.bytes_from_client == len(b"beforelost"))
    proxy.behave()
    assert await client.ask(b"after") == b"after"
    assert server.got == b"beforeafter"


async def test_a_black_hole_is_left_by_its_client(server, proxy):
    proxy.behave(BlackHole())
    async with Client(proxy.port) as client:
        client.say(b"hello")
    await eventually_async(lambda: proxy.connections == 1 and proxy.open == 0)
    assert server.connections == []


async def test_refused_connections_come_again_on_the_same_port_when_healed(proxy, client):
    proxy.behave(RefuseNew())
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await client.ask(b"open ones go on") == b"open ones go on"
    proxy.behave()
    async with Client(proxy.port) as late:
        assert await late.ask(b"hello") == b"hello"


async def test_nobody_can_take_the_port_while_it_is_refused(proxy):
    proxy.behave(RefuseNew())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", proxy.port))


async def test_a_proxy_may_refuse_from_the_start(server):
    proxy = Proxy(server.port)
    proxy.behave(RefuseNew())
    async with proxy:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)


async def test_a_cut_resets_what_is_open(server, proxy, client):
    await client.ask(b"hello")
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        await client.hear(1)
    await eventually_async(lambda: not server.connections[0].is_open)


@pytest.mark.parametrize("after", [0, 3])
async def test_a_reset_comes_after_some_bytes(proxy, client, after):
    proxy.behave(Reset(after=after))
    client.say(b"hello")
    assert await client.hear(after) == b"hello"[:after]
    with pytest.raises(ConnectionResetError):
        await client.hear(1)
    await eventually_async(lambda: proxy.open == 0)


async def test_an_idle_connection_is_reset_at_once(proxy, client):
    await client.ask(b"hello")
    proxy.behave(Reset(after=2))
    with pytest.raises(ConnectionResetError):
        await client.hear(1)


async def test_a_stream_that_ends_before_the_reset_ends_in_good_order(server, proxy, client):
    proxy.behave(Reset(after=100))
    await client.ask(b"hello")
    server.connections[0].transport.close()
    assert await client.hear_all() == b""


async def test_half_open_is_closed_at_the_server_only_and_for_ever(server, proxy, client):
    await client.ask(b"hello")
    proxy.behave(HalfOpen())
    await eventually_async(lambda: not server.connections[0].is_open)
    proxy.behave()
    client.say(b"anybody there?")
    async with Client(proxy.port) as other:
        assert await other.ask(b"yes") == b"yes"
    assert (server.got, client._reader.at_eof()) == (b"helloyes", False)


async def test_a_truncated_answer_ends_in_good_order(proxy, client):
    proxy.behave(Truncate(after=3))
    client.say(b"hello")
    assert await client.hear_all() == b"hel"


async def test_a_stalled_answer_goes_on_when_healed(proxy, client):
    proxy.behave(Stall(after=3))
    client.say(b"hello")
    assert await client.hear(3) == b"hel"
    assert proxy.bytes_to_client == 3
    proxy.behave()
    assert await client.hear(2) == b"lo"


async def test_a_stalled_answer_hides_the_end_of_the_server_until_the_client_leaves(server, proxy):
    proxy.behave(Stall(after=3))
    async with Client(proxy.port) as client:
        client.say(b"hello")
        await client.hear(3)
        server.connections[0].transport.close()
        await eventually_async(lambda: not server.connections[0].is_open)
        assert proxy.open == 1
    await eventually_async(lambda: proxy.open == 0)


async def test_a_stalled_question_is_left_by_its_client(server, proxy):
    proxy.behave(to_server=Stall(after=3))
    async with Client(proxy.port) as client:
        client.say(b"hello")
        assert await client.hear(3) == b"hel"
    await eventually_async(lambda: proxy.open == 0)
    assert server.got == b"hel"


async def test_a_truncated_question_ends_at_the_server(proxy, client):
    proxy.behave(to_server=Truncate(after=2))
    client.say(b"hello")
    assert await client.hear_all() == b"he"


async def test_corruption_hits_the_bytes_from_its_place_on(proxy, client):
    proxy.behave(Corrupt(seed=1, after=5, every=10))
    came = await client.ask(bytes(32))
    hit = [place for place, byte in enumerate(came) if byte]
    assert [(place - 5) // 10 for place in hit] == [0, 1, 2]
    assert hit[0] == 5
    assert all(came[place].bit_count() == 1 for place in hit)


@pytest.mark.parametrize("size", [1, 3, 7, 64, 1000])
def test_corruption_is_the_same_however_the_stream_is_cut(size):
    corrupt = Corrupt(seed=7, after=3, every=16)
    pieces = [corrupt.changed(LARGE[place : place + size], place) for place in range(0, 20 * size, size)]
    assert b"".join(pieces) == corrupt.changed(LARGE[: 20 * size], 0)


def test_another_seed_is_another_corruption():
    damages = {Corrupt(seed=seed, every=16).changed(bytes(256), 0) for seed in range(20)}
    assert len(damages) == 20


@pytest.mark.parametrize("size", [20, 100_000])
async def test_garbage_is_seeded_and_the_server_is_not_asked(server, proxy, size):
    proxy.behave(Garbage(seed=3, size=size))
    answers = []
    for _ in range(2):
        async with Client(proxy.port) as client:
            client.say(b"hello")
            answers.append(await client.hear(size))
    assert answers[0] == answers[1] != bytes(size)
    assert server.connections == []


async def test_a_schedule_goes_by_the_number_of_the_connection(proxy):
    proxy.schedule([(Pass(), 2), (Truncate(after=1), 1)], to_server=[(Truncate(after=2), 1)])
    answers = []
    for _ in range(4):
        async with Client(proxy.port) as client:
            client.say(b"hello")
            client._writer.write_eof()
            answers.append(await client.hear_all())
    assert answers == [b"he", b"hello", b"h", b"hello"]


async def test_what_cannot_be_meant_is_a_value_error(proxy):
    with pytest.raises(ValueError, match="cannot be counted"):
        proxy.schedule([(RefuseNew(), 1)])
    with pytest.raises(ValueError, match="one direction only"):
        proxy.behave(to_server=BlackHole())


class Broken(OneWay):
    async def carry(self, wire):
        await wire.fill()
        raise ZeroDivisionError


async def test_an_error_of_a_behaviour_of_ones_own_is_raised_at_the_end(server):
    async def broken():
        async with Proxy(server.port) as proxy, Client(proxy.port) as client:
            proxy.behave(to_server=Broken())
            client.say(b"hello")
            await eventually_async(lambda: proxy.connections and not proxy.open)

    with pytest.raises(ZeroDivisionError):
        await broken()


async def test_no_more_than_so_many_connections_are_open(server):
    async with (
        Proxy(server.port, most_open=1) as proxy,
        Client(proxy.port) as first,
        Client(proxy.port) as second,
    ):
        second.say(b"2")
        assert await first.ask(b"1") == b"1"
        assert proxy.connections == 1
        await first.leave()
        assert await second.hear(1) == b"2"


async def test_a_server_that_is_not_there_is_a_reset():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        target = nobody.getsockname()[1]
        async with Proxy(target) as proxy, Client(proxy.port) as client:
            with pytest.raises(ConnectionResetError):
                await client.hear(1)


async def test_a_proxy_that_ends_closes_what_is_open(server):
    async with contextlib.AsyncExitStack() as for_proxy:
        proxy = await for_proxy.enter_async_context(Proxy(server.port))
        async with Client(proxy.port) as client:
            await client.ask(b"hello")
            await for_proxy.aclose()
            assert await client.hear_all() == b""
    await eventually_async(lambda: not server.connections[0].is_open)


@contextlib.contextmanager
def threaded_proxy_and_server():
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadedProxy(server.getsockname()[1]) as proxy:
        yield proxy, server


def connected(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), 10)


def test_a_threaded_proxy_serves_tests_that_are_not_async():
    with (
        threaded_proxy_and_server() as (proxy, server),
        connected(proxy) as client,
        server.accept()[0] as peer,
    ):
        peer.sendall(b"hello")
        assert client.recv(5, socket.MSG_WAITALL) == b"hello"
        assert proxy.connections == 1
        eventually(lambda: proxy.bytes_to_client == 5)  # counted in its thread, a moment after


def test_what_a_threaded_proxy_is_told_holds_at_once():
    with threaded_proxy_and_server() as (proxy, _), connected(proxy) as client:
        proxy.behave(RefuseNew())
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        proxy.schedule([(Truncate(), 1)])
        with connected(proxy) as late:
            assert late.recv(1) == b""
        eventually(lambda: proxy.open == 0)


def test_a_threaded_proxy_may_behave_before_it_runs():
    proxy = ThreadedProxy(1)
    proxy.behave(Garbage(seed=1, size=8))
    with proxy, socket.create_connection(("127.0.0.1", proxy.port), 10) as client:
        client.sendall(b"hello")
        assert len(client.recv(8, socket.MSG_WAITALL)) == 8


def test_it_works_in_the_loop_of_the_daemon():
    async def scenario():
        async with Server() as server, Proxy(server.port) as proxy, Client(proxy.port) as client:
            assert await client.ask(LARGE) == LARGE
            proxy.behave(RefuseNew())
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", proxy.port)
            proxy.behave(Reset())
            with pytest.raises(ConnectionResetError):
                await client.hear(1)

    uvloop.run(scenario())
