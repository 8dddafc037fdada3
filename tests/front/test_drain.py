"""How a front ends: nothing that was asked is lost, and others go on with the socket."""

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest
import uvloop

from lookupd.front import Front, Limits
from lookupd.front.connection import Connection
from tests.front.site import DEADLINE, REVERSE, Site, Wire, request, site, wire


async def test_answers_while_draining_say_that_they_are_the_last():
    async with site(grace=5.0) as here, wire(here) as regular, wire(here) as waiting:
        for client in (regular, waiting):
            assert (await client.ask()).header("Connection") is None
        here.gate = asyncio.Event()
        waiting.get()
        await here.until(lambda: here.begun == 3)
        draining = asyncio.create_task(here.front.drain())
        await here.until(lambda: here.front.load.is_draining)
        here.gate.set()
        for reply in (await regular.ask(), await waiting.reply()):
            assert (reply.status, reply.header("Connection")) == (200, "close")
        async with asyncio.timeout(2):
            await draining
        assert here.events == ["shutdown", "cleanup"]


async def test_a_connection_that_was_accepted_just_before_has_one_answer():
    async with site(grace=5.0) as here:
        front, loop = here.front, asyncio.get_running_loop()
        front.stop()
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        await loop.connect_accepted_socket(
            lambda: Connection(front._runner.server, front._watch, front._queue, loop), ours
        )
        client = Wire(*await asyncio.open_connection(sock=theirs))
        reply = await client.ask()
        assert (reply.status, reply.header("Connection")) == (200, "close")
        assert await client.is_closed()
        client.close()


@pytest.mark.parametrize("turns", range(4))
def test_a_connection_that_is_accepted_as_the_end_begins_is_not_closed_before_its_request(turns):
    """On the loop of production: asyncio's own gives up what it accepts for a server that is closed then."""

    async def answer():
        async with site(grace=5.0) as here:
            with socket.create_connection(("127.0.0.1", here.port)) as client:
                for _ in range(turns):
                    await asyncio.sleep(0)
                draining = asyncio.create_task(here.front.drain())
                for _ in range(20):  # while its client does something else
                    await asyncio.sleep(0)
                client.send(request(REVERSE))
                await draining
                client.settimeout(DEADLINE)
                return client.recv(100)

    assert uvloop.run(answer()).startswith(b"HTTP/1.1 200 ")


async def test_idle_and_slow_connections_are_closed_after_the_grace():
    async with site(grace=0.05) as here, wire(here) as idle, wire(here) as slow:
        assert (await idle.ask()).status == 200
        slow.send(request()[:10])
        await here.until(lambda: here.front.load.slow == 1)
        async with asyncio.timeout(2):
            await here.front.drain()
        assert await idle.is_closed()
        assert await slow.is_closed()


@pytest.mark.parametrize("is_draining", [False, True])
async def test_in_haste_idle_connections_are_closed_once_no_more_requests_come_on_them(is_draining):
    async with site(grace=DEADLINE, haste=0.1) as here, AsyncExitStack() as clients:
        idle, *busy = [await clients.enter_async_context(wire(here)) for _ in range(5)]
        assert (await idle.ask()).status == 200
        draining = [asyncio.create_task(here.front.drain(DEADLINE))] if is_draining else []
        await asyncio.sleep(0)
        here.front.hasten()
        draining += [] if is_draining else [asyncio.create_task(here.front.drain(DEADLINE))]
        for client in busy:  # for longer than an idle one would have
            await asyncio.sleep(0.05)
            assert (await client.ask()).status == 200
        assert not draining[0].done()
        async with asyncio.timeout(DEADLINE / 5):
            await draining[0]
        assert await idle.is_closed()


async def test_what_takes_longer_than_patience_is_given_up():
    async with site(gate=asyncio.Event()) as here, wire(here) as client:
        client.get()
        await here.until(lambda: here.begun == 1)
        began = asyncio.get_running_loop().time()
        await here.front.drain(0.2)
        assert 0.15 < asyncio.get_running_loop().time() - began < DEADLINE / 5
        assert await client.is_closed()
        assert here.events == ["shutdown", "cleanup"]


async def test_another_front_goes_on_with_the_same_socket_and_what_waits_there():
    async with site() as here:
        old = here.front
        following = Site(sock=here.sock)
        following.front = Front(following.app(), Limits(grace=0.0))
        old.stop()
        early = await Wire.open(here)  # taken by nobody, and not refused
        early.get()
        await old.drain(1.0)
        await following.front.open([here.sock])
        assert (await early.reply()).status == 200
        assert (following.begun, here.begun) == (1, 0)
        early.close()
        await following.front.drain(1.0)


async def test_two_fronts_on_one_socket_lose_nothing_when_the_first_ends():
    async with site() as here:
        following = Site(sock=here.sock)
        following.front = Front(following.app(), Limits(grace=0.0))
        await following.front.open([here.sock])
        draining = None
        for number in range(100):
            if number == 50:
                draining = asyncio.create_task(here.front.drain(5.0))
            async with wire(here) as client:
                assert (await client.ask()).status == 200
        await draining
        assert here.begun + following.begun == 100
        assert following.begun >= 50
        await following.front.drain(1.0)


async def test_a_front_that_cannot_open_leaves_nothing_behind():
    here = Site()
    front = Front(here.app(), Limits(grace=0.0))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wrong, pytest.raises((OSError, ValueError)):
        await front.open([wrong])
    assert here.events == ["shutdown", "cleanup"]
