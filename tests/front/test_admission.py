"""How many requests begin at once, and what is answered before they do."""

import asyncio

import pytest

from tests.front.site import LOOKUP, REVERSE, Wire, request, site, wire


async def filled(here, path, count):
    clients = [await Wire.open(here) for _ in range(count)]
    for client in clients:
        client.get(path)
    await here.until(lambda: here.begun == count)
    return clients


async def answered(here, clients):
    here.gate.set()
    statuses = [(await client.reply()).status for client in clients]
    for client in clients:
        client.close()
    await here.until(lambda: here.front.load.in_flight == here.front.load.lookups == 0)
    return statuses


async def test_beyond_the_bound_a_request_is_refused_at_once():
    async with site(gate=asyncio.Event(), in_flight=5, in_flight_each=9) as here, wire(here) as late:
        clients = await filled(here, REVERSE, 5)
        reply = await late.ask()
        assert (reply.status, reply.header("Retry-After")) == (503, "1")
        assert reply.json == {"message": "too many requests at the moment: ask again later"}
        assert here.front.load.shed == {"in_flight": 1}
        assert await answered(here, clients) == [200] * 5
        assert (await late.ask()).status == 200


async def test_a_refusal_that_would_be_shown_as_a_name_has_no_body():
    async with site(gate=asyncio.Event(), in_flight=5, in_flight_each=9) as here, wire(here) as late:
        clients = await filled(here, REVERSE, 5)
        reply = await late.ask("/cid?number=7")
        assert (reply.status, reply.header("Retry-After"), reply.body) == (503, "1", b"")
        assert await answered(here, clients) == [200] * 5


async def test_one_address_leaves_something_for_others():
    async with site(gate=asyncio.Event(), in_flight=8, in_flight_each=5) as here, wire(here) as late:
        clients = await filled(here, REVERSE, 5)
        assert (await late.ask()).status == 503
        assert here.front.load.shed == {"client": 1}
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port, local_addr=("127.0.0.2", 0))
        other = Wire(reader, writer)
        other.get()
        await here.until(lambda: here.begun == 6)
        assert await answered(here, [*clients, other]) == [200] * 6


@pytest.mark.parametrize("path", [LOOKUP, LOOKUP.replace("lookup", "%6cookup"), f"http://x{LOOKUP}"])
async def test_lookups_have_a_bound_of_their_own_however_they_are_written(path):
    async with site(gate=asyncio.Event(), lookups=3) as here, wire(here) as late:
        clients = await filled(here, path, 3)
        assert (await late.ask(path)).status == 503
        assert here.front.load.shed == {"lookups": 1}
        late.get(REVERSE)
        await here.until(lambda: here.begun == 4)
        assert await answered(here, [*clients, late]) == [200] * 4
        assert here.front.load.lookups == 0


async def test_whoever_watches_is_always_answered():
    async with site(gate=asyncio.Event(), in_flight=2) as here:
        clients = await filled(here, REVERSE, 2)
        watchers = [await Wire.open(here) for _ in range(2)]
        for watcher, path in zip(watchers, ("/live", "/0.1/status"), strict=True):
            watcher.get(path)
        await here.until(lambda: here.begun == 4)
        assert await answered(here, clients + watchers) == [200] * 4


async def test_a_client_that_leaves_is_counted_until_its_request_ends():
    async with site(gate=asyncio.Event(), in_flight=2) as here, wire(here) as late:
        for client in await filled(here, REVERSE, 2):
            client.close()
        await here.until(lambda: here.front.load.connections == 1)
        assert (await late.ask()).status == 503
        here.gate.set()
        await here.until(lambda: here.front.load.in_flight == 0)
        assert (await late.ask()).status == 200


async def test_what_can_be_answered_at_once_is_and_the_rest_goes_on():
    def at_once(data):
        known = data == request(f"{REVERSE}?exten=1")
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" if known else None

    async with site(at_once=at_once, head_time=0.2) as here, wire(here) as client:
        for _ in range(2):
            assert (await client.ask(f"{REVERSE}?exten=1")).body == b"hi"
            assert (await client.ask(f"{REVERSE}?exten=2")).json == {"path": REVERSE}
        assert here.begun == here.front.load.answered_at_once == 2
        client.send(request(f"{REVERSE}?exten=2") + request(f"{REVERSE}?exten=1"))
        assert (await client.reply()).json == (await client.reply()).json == {"path": REVERSE}
        await asyncio.sleep(0.3)  # longer than a head may take
        assert (await client.ask(f"{REVERSE}?exten=1")).body == b"hi"
