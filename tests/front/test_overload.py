"""Five times as much as can be answered, and many slow clients. Bounds are wide, as machines are busy."""

import asyncio
import time

import pytest

from tests.faults.load import Target, open_loop, slow_clients
from tests.front.site import LOOKUP, REVERSE, Wire, request, site, wire
from tests.front.storm import open_storm, overload

BURN = "burn=0.001"  # a millisecond of work for each


def target(here, path):
    return Target(url=f"{here.url}{path}?{BURN}")


async def test_beyond_the_peak_most_are_refused_and_others_answered():
    """How many are answered, and how soon, is a figure of `make chaos` (R19)."""
    async with site() as here:
        storm = await open_storm([target(here, REVERSE)], rate=5000, seconds=2.0, connections=300, skip=0)
        assert storm.rate("503") > storm.rate() > 0, str(storm)
        assert here.front.load.shed["queue"] > 0
        assert here.front.load.in_flight == 0


async def test_answering_at_once_does_not_hold_up_others_for_long():
    def at_once(_data):
        end = time.thread_time() + 0.001
        while time.thread_time() < end:
            pass
        return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    async with site(at_once=at_once) as here:
        one = [Target(url=f"{here.url}{REVERSE}")]
        storm = await open_storm(one, rate=5000, seconds=2.0, connections=300, skip=0)
        assert storm.rate("503") > storm.rate() > 0, str(storm)
        assert here.front.load.shed["queue"] > 0
        assert here.begun == 0


async def test_overload_measures_the_peak_and_a_multiple_of_it():
    async with site() as here:
        outcome = await overload([target(here, REVERSE)], factor=2.0, seconds=1.0, skip=0.2)
        assert 0 < outcome.peak < 1000
        assert outcome.storm.rate() > 0


async def test_lookups_give_way_to_reverse_questions():
    async with site() as here:
        both = [target(here, REVERSE), target(here, LOOKUP)]
        storm = await open_storm(both, rate=5000, seconds=2.0, connections=300, skip=0.7)
        assert storm.rate(path=0) > 5 * storm.rate(path=1), str(storm)


async def test_whoever_watches_is_answered_in_an_overload():
    async with site() as here:
        all_kinds = [Target(url=f"{here.url}/live"), *[target(here, REVERSE)] * 9]
        storm = await open_storm(all_kinds, rate=5000, seconds=1.5, connections=300, skip=0)
        assert set(storm.paths[0].counts) == {"200"}, str(storm)
        assert storm.rate("503") > 0


@pytest.mark.parametrize("head", ["HEAD", "GET"])
async def test_a_refusal_is_what_the_client_expects(head):
    async with site(delay=-1.0, burst_delay=-1.0, burst_time=0.0) as here, wire(here) as client:
        await too_many_wait(here)
        for _ in range(2):
            client.send(request(method=head))
            reply = await client.reply(has_body=head == "GET")
            assert (reply.status, reply.header("Retry-After")) == (503, "1")
            assert reply.header("Connection") is None
        client.send(request(more="Connection: close\r\n", method=head))
        reply = await client.reply(has_body=head == "GET")
        assert (reply.status, reply.header("Connection")) == (503, "close")
        assert await client.is_closed()
        assert (here.begun, here.front.load.shed) == (0, {"queue": 3})


async def test_a_refusal_that_would_be_shown_as_a_name_has_no_body():
    async with site(delay=-1.0, burst_delay=-1.0, burst_time=0.0) as here, wire(here) as client:
        await too_many_wait(here)
        reply = await client.ask("/cid?number=7")
        assert (reply.status, reply.header("Retry-After"), reply.body) == (503, "1", b"")


async def test_a_search_too_many_is_refused_before_it_is_parsed():
    async with site(gate=asyncio.Event(), lookups=1) as here, wire(here) as first, wire(here) as late:
        first.get(LOOKUP)
        await here.until(lambda: here.begun == 1)
        parsed = here.front._server.requests_count
        assert (await late.ask(LOOKUP)).status == 503
        assert here.front.load.shed == {"lookups": 1}
        assert here.front._server.requests_count == parsed
        here.gate.set()
        assert (await first.reply()).status == 200


async def test_a_search_too_many_of_one_client_is_refused_before_it_is_parsed():
    seen = []
    async with (
        site(gate=asyncio.Event(), lookups_each=1, at_once=seen.append) as here,
        wire(here) as first,
        wire(here) as late,
    ):
        first.get(LOOKUP)
        await here.until(lambda: here.begun == 1)
        assert (await late.ask(LOOKUP)).status == 503
        assert len(seen) == 1  # nobody looked for an answer to the second
        here.gate.set()
        assert (await first.reply()).status == 200


async def test_searches_that_wait_to_begin_count_too_and_a_call_is_answered_all_the_same():
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    def at_once(data):
        return reply if data.startswith(b"GET /0.1/directories/reverse/") else None

    async with site(at_once=at_once, lookups=16, lookups_each=12) as here, wire(here) as client:
        room = here.front._watch.room
        room.waiting += 15  # of other clients
        assert (await client.ask(LOOKUP)).status == 200
        room.waiting += 1
        assert (await client.ask(LOOKUP)).status == 503
        assert (await client.ask(REVERSE)).status == 200
        room.waiting -= 16
        assert (await client.ask(LOOKUP)).status == 200


async def test_what_has_begun_or_is_lost_waits_no_longer():
    async with site(gate=asyncio.Event(), lookups_each=3) as here, wire(here) as client:
        room = here.front._watch.room
        wires = [await Wire.open(here) for _ in range(2)]
        await here.until(lambda: len(here.front._watch._open) == 3)
        own = client.writer.get_extra_info("sockname")
        lost, begins = [one for one in here.front._watch._open if one._wire.get_extra_info("peername") != own]
        for one in (lost, begins):
            one.data_received(request(LOOKUP))  # in one turn of the loop
        assert (room.waiting, lost.client.lookups_waiting) == (2, 2)
        lost.drop("idle")
        await here.until(lambda: here.begun and here.front.load.connections == 2)
        assert (room.waiting, begins.client.lookups_waiting) == (0, 0)
        here.gate.set()
        assert (await client.ask(LOOKUP)).status == 200
        for one in wires:
            one.close()


async def test_a_search_that_never_begins_waits_no_longer_when_its_connection_is_lost():
    async with site(gate=asyncio.Event()) as here, wire(here) as client:
        room, [own] = here.front._watch.room, here.front._watch._open
        client.get(REVERSE)
        await here.until(lambda: here.begun == 1)
        client.get(LOOKUP)
        await here.until(lambda: room.waiting == 1)
        client.writer.transport.abort()
        await here.until(lambda: not here.front.load.connections)
        assert (room.waiting, own.client.lookups_waiting, here.begun) == (0, 0, 1)


async def test_a_request_with_a_body_is_refused_when_it_is_parsed():
    async with site(delay=-1.0, burst_delay=-1.0, burst_time=0.0) as here, wire(here) as client:
        await too_many_wait(here)
        for more in ("Content-Length: 3\r\n", "content-length: 3\r\n"):
            client.send(request(REVERSE, more) + b"abc")
            assert (await client.reply()).status == 503
        client.send(request("/handle", "Content-Length: 3\r\n", "POST"))
        client.send(b"abc" + request("/live"))
        assert (await client.reply()).status == 503
        assert (await client.reply()).json == {"path": "/live"}
        assert here.begun == 1


async def too_many_wait(here):
    """As if other connections had asked for as much as can be."""
    here.front._queue.waiting += 1000


async def test_slow_clients_cost_others_nothing_and_are_closed():
    async with site(head_time=1.0) as here:
        good = Target(url=f"{here.url}{REVERSE}")
        async with slow_clients(good, 200, every=0.1) as slow:
            report = await open_loop(good, rate=100, seconds=0.5)
            assert (report.errors, slow.dropped) == ({}, 0), str(report)
            assert here.front.load.slow == 200
            await here.until(lambda: slow.dropped == 200)
        assert here.front.load.closed == {"head": 200}
