"""Bounds and time-outs of one connection."""

import logging
import socket

import pytest

from tests.front.site import LOOKUP, REVERSE, Wire, request, site, wire


async def test_requests_are_answered_on_a_connection_that_stays():
    async with site() as here, wire(here) as client:
        for path in (REVERSE, LOOKUP, "/live", REVERSE):
            reply = await client.ask(path)
            assert (reply.status, reply.json) == (200, {"path": path})
        assert here.front.load.connections == 1
        assert here.front.load.in_flight == here.front.load.lookups == here.front.load.slow == 0


async def test_a_request_may_come_in_any_parts_and_many_at_once():
    async with site() as here, wire(here) as client:
        for at in (1, 3, 20, -1, -3):
            client.send(request()[:at])
            await here.until(lambda: here.front.load.slow == 1)
            client.send(request()[at:])
            assert (await client.reply()).status == 200
            assert here.front.load.slow == 0
        client.send(request() * 100)
        assert [(await client.reply()).status for _ in range(100)] == [200] * 100
        client.send(request() + request(LOOKUP)[:30])
        assert (await client.reply()).status == 200
        client.send(request(LOOKUP)[30:] + request())
        assert (await client.reply()).json == {"path": LOOKUP}
        assert (await client.reply()).json == {"path": REVERSE}


async def test_bodies_and_what_follows_them_are_kept_apart():
    async with site() as here, wire(here) as client:
        for _ in range(2):
            client.send(request("/echo", "Content-Length: 4\r\n", "POST"))
            client.send(b"\r\n\r\n" + request("/echo", "Transfer-Encoding: chunked\r\n", "POST"))
            client.send(b"3\r\nabc\r\n0\r\n\r\n" + request())
            assert (await client.reply()).body == b"\r\n\r\n"
            assert (await client.reply()).body == b"abc"
            assert (await client.reply()).json == {"path": REVERSE}


@pytest.mark.parametrize("ends", [True, False])
async def test_a_head_over_the_limit_is_a_431_and_the_end(ends):
    async with site() as here, wire(here) as client:
        headers = "".join(f"X-{number}: {'a' * 80}\r\n" for number in range(95))
        whole = request(more=headers)
        assert len(whole) > 8192
        client.send(whole if ends else whole[:-2])
        reply = await client.reply()
        assert (reply.status, reply.header("Connection")) == (431, "close")
        assert reply.json == {"message": "the headers are too large"}
        assert await client.is_closed()
        assert here.begun == 0


async def test_a_head_at_the_limit_is_answered_also_with_a_body_behind():
    async with site() as here, wire(here) as client:
        bare = request("/echo", "Content-Length: 20000\r\nX: \r\n", "POST")
        head = request("/echo", f"Content-Length: 20000\r\nX: {'a' * (8192 - len(bare))}\r\n", "POST")
        assert len(head) == 8192
        client.send(head[:-2])
        await here.until(lambda: here.front.load.slow == 1)
        client.send(head[-2:] + b"y" * 20000)
        assert (await client.reply()).body == b"y" * 20000


async def test_a_head_that_trickles_is_a_408_and_the_end():
    async with site(head_time=0.05) as here, wire(here) as client:
        assert (await client.ask()).status == 200
        client.send(b"GET /live")
        reply = await client.reply()
        assert (reply.status, reply.header("Connection")) == (408, "close")
        assert await client.is_closed()
        assert here.front.load.closed == {"head": 1}
        await here.until(lambda: here.front.load.connections == here.front.load.slow == 0)


async def test_a_client_that_never_says_a_word_is_left_without_one():
    async with site(head_time=0.05) as here, wire(here) as client:
        assert await client.is_closed()
        assert here.front.load.closed == {"head": 1}


async def test_blank_lines_are_no_request():
    async with site(head_time=0.05) as here, wire(here) as client:
        assert (await client.ask()).status == 200
        client.send(b"\r\n\r\n")
        assert (await client.reply()).status == 408


async def test_a_body_that_trickles_is_a_408_and_the_end():
    async with site(body_time=0.05) as here, wire(here) as client:
        client.send(request("/echo", "Content-Length: 10\r\n", "POST") + b"abc")
        reply = await client.reply()
        assert (reply.status, reply.header("Connection")) == (408, "close")
        assert await client.is_closed()


async def test_a_body_that_nobody_reads_and_that_does_not_come_ends_the_connection():
    async with site(body_time=0.05, farewell_time=5.0) as here, wire(here) as client:
        client.send(request("/ignore", "Content-Length: 10\r\n", "POST") + b"abc")
        assert (await client.reply()).status == 200
        assert await client.is_closed()
        assert here.front.load.closed == {"body": 1}


async def test_a_body_declared_too_large_is_a_413_before_it_comes():
    async with site(body=1000) as here, wire(here) as client:
        client.send(request("/echo", "Content-Length: 1001\r\n", "POST"))
        reply = await client.reply()
        assert (reply.status, reply.header("Connection")) == (413, "close")
        assert reply.json == {"message": "the body is too large"}


async def test_a_body_that_turns_out_too_large_is_a_413():
    async with site(body=1000) as here, wire(here) as client:
        client.send(request("/echo", "Transfer-Encoding: chunked\r\n", "POST"))
        client.send(b"3e9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n")
        assert (await client.reply()).status == 413


async def test_an_idle_connection_is_closed():
    async with site(idle_time=0.05) as here, wire(here) as client:
        assert (await client.ask()).status == 200
        assert await client.is_closed()
        assert here.front.load.closed == {"idle": 1}


async def test_a_client_that_takes_nothing_of_its_answer_is_closed():
    async with site(answer_time=0.1) as here:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", here.port))
            client.sendall(request("/large"))
            await here.until(lambda: here.front.load.closed == {"answer": 1})
            await here.until(lambda: here.front.load.connections == 0)


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00", b"nonsense\r\n\r\n", b"GET / HTTP/9\r\n\r\n", request() + b"\0\0"],
)
async def test_what_is_no_http_is_a_400_without_a_traceback(data, caplog):
    caplog.set_level(logging.DEBUG)
    async with site() as here, wire(here) as client:
        client.send(data)
        reply = await client.reply()
        if reply.status == 200:
            reply = await client.reply()
        assert (reply.status, reply.json) == (400, {"message": "the request is malformed"})
        assert await client.is_closed()
        assert here.front.load.malformed == 1
        assert here.front.load.in_flight == 0
    ours = [record for record in caplog.records if record.name.startswith(("lookupd", "aiohttp"))]
    assert [(record.levelname, record.exc_info) for record in ours] == [("DEBUG", None)]


async def test_a_malformed_body_that_nobody_reads_is_no_error_of_ours(caplog):
    async with site(farewell_time=0.3) as here, wire(here) as client:
        client.send(request("/ignore", "Transfer-Encoding: chunked\r\n", "POST"))
        assert (await client.reply()).status == 200
        client.send(b"zz\r\n")
        await client.is_closed()
        await here.until(lambda: here.front.load.connections == 0)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_mistake_of_the_application_is_a_500_and_told(caplog):
    async with site() as here, wire(here) as client:
        assert (await client.ask("/fail")).status == 500
        assert here.front.load.in_flight == 0
    assert "a mistake of ours" in caplog.text


async def test_the_slowest_makes_room_for_the_next():
    async with site(connections=3) as here:
        slow = [await Wire.open(here) for _ in range(3)]
        for number, client in enumerate(slow, start=1):
            client.send(b"GET /")
            await here.until(lambda number=number: here.front.load.slow >= number)
        async with wire(here) as newest:
            assert (await newest.ask()).status == 200
            assert await slow[0].is_closed()
            assert here.front.load.closed == {"room": 1}
            assert here.front.load.connections == 3
        for client in slow:
            client.close()


async def test_where_none_is_slow_the_quietest_makes_room():
    async with site(connections=2) as here:
        clients = [await Wire.open(here) for _ in range(2)]
        for client in (clients[1], clients[0]):
            assert (await client.ask()).status == 200
        async with wire(here) as newest:
            assert (await newest.ask()).status == 200
            assert await clients[1].is_closed()
            assert (await clients[0].ask()).status == 200
        for client in clients:
            client.close()
