"""The FastAGI server and Asterisk's side of the protocol: names are set, and nobody is kept waiting."""

import asyncio
import socket
import time
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from lookupd.auth import Everybody
from lookupd.plugins import ViewArgs
from lookupd.rest import RestApi
from lookupd.views.fastagi import FastAgiView, post, view
from tests.fakes import ADA, BOB, Directory, Office, config_of, until
from tests.servers.asterisk import PATIENCE, Channel

NUMBER = "0199001234"
SYNCED = {"name": "staff", "sync": {"every": "1h"}, "live": False}
#: asked live, with a deadline no test waits for
LIVE = {"name": "staff", "sync": False, "live": {"timeout": "60s", "spellings": ["national"]}}
PATIENT = {"profiles": {"default": {"reverse": {"sources": ["staff"], "timeout": "60s"}}}}


@asynccontextmanager
async def serving(office, **settings):
    """The view on the services of an office; its port."""
    async with loaded(office, **{"port": 0, **settings}) as loaded_view:
        yield port(loaded_view)


@asynccontextmanager
async def loaded(office, **settings):
    view = FastAgiView()
    app = web.Application()
    args = ViewArgs(
        config={"fastagi": settings},
        services={"reverse": office.reverse},
        http_app=app,
        rest_api=RestApi(app, Everybody()),
    )
    await view.load(args)
    try:
        yield view
    finally:
        await view.unload()


def port(loaded_view):
    [address] = loaded_view._server._post.addresses
    return int(address.rpartition(":")[2])


@pytest.fixture
async def synced(tmp_path):
    """Ada and Bob in the index."""
    async with Office(tmp_path, config_of(SYNCED), staff=Directory(rows=[ADA, BOB])) as office:
        await office.sync()
        yield office


@pytest.fixture
def directory():
    return Directory(rows=[{**ADA, "number": "01 99 00 12 34"}])


@pytest.fixture
async def asked_live(tmp_path, directory):
    """Ada in a directory that is asked when she calls."""
    async with Office(tmp_path, config_of(LIVE, **PATIENT), staff=directory) as office:
        yield office


async def test_a_caller_gets_their_name_and_the_dialplan_its_variables(synced):
    async with serving(synced) as at:
        channel = await Channel(number=NUMBER).run(at)
    assert (channel.status, channel.name, channel.number) == ("SUCCESS", "Ada Bélanger", NUMBER)
    assert channel.variables == {
        "LOOKUPD_NAME": "Ada Bélanger",
        "LOOKUPD_NUMBER": "+33199001234",
        "LOOKUPD_SOURCE": "staff",
        "LOOKUPD_TIER": "exact",
        "LOOKUPD_FRESHNESS": "fresh",
        "LOOKUPD_STATUS": "FOUND",
    }
    assert [*channel.variables][-1] == "LOOKUPD_STATUS"


async def test_a_stranger_stays_one(synced):
    async with serving(synced) as at:
        channel = await Channel(number="0199999999").run(at)
    assert (channel.status, channel.name, channel.variables) == (
        "SUCCESS",
        "unknown",
        {"LOOKUPD_STATUS": "UNKNOWN"},
    )


async def test_a_caller_who_hides_their_number_is_unknown(synced):
    async with serving(synced) as at:
        channel = await Channel(number="anonymous", name="Anonymous").run(at)
    assert (channel.name, channel.found) == ("Anonymous", "UNKNOWN")


async def test_a_caller_with_a_name_keeps_it_unless_every_call_is_to_be_looked_up(synced):
    async with serving(synced) as at:
        kept = await Channel(number=NUMBER, name="Trunk says").run(at)
        asked = await Channel(number=NUMBER, name="Trunk says", script="default?when=always").run(at)
    assert (kept.name, kept.found) == ("Trunk says", "SKIPPED")
    assert (asked.name, asked.found) == ("Ada Bélanger", "FOUND")
    async with serving(synced, when="always") as at:
        channel = await Channel(number=NUMBER, name="Trunk says").run(at)
    assert channel.name == "Ada Bélanger"


async def test_the_name_of_the_call_is_left_alone_where_only_variables_are_wanted(synced):
    async with serving(synced, set_name=False) as at:
        channel = await Channel(number=NUMBER).run(at)
    assert (channel.name, channel.variables["LOOKUPD_NAME"]) == ("unknown", "Ada Bélanger")


async def test_a_name_that_would_be_a_command_is_a_name(tmp_path):
    evil = {**ADA, "name": 'Eve" <0900>\nSET VARIABLE CALLERID(num) "0900'}
    async with Office(tmp_path, config_of(SYNCED), staff=Directory(rows=[evil])) as office:
        await office.sync()
        async with serving(office) as at:
            channel = await Channel(number=NUMBER).run(at)
    assert channel.name == "Eve 0900 SET VARIABLE CALLERID(num) 0900"
    assert {tuple(command[:2]) for command in channel.commands} == {("SET", "VARIABLE")}
    assert len(channel.commands) == 7


async def test_a_profile_that_does_not_exist_is_told_once_and_costs_a_name(synced, caplog):
    async with serving(synced) as at:
        for _ in range(3):
            channel = await Channel(number=NUMBER, script="nobodys").run(at)
    assert (channel.name, channel.found) == ("unknown", "FAILED")
    assert caplog.text.count("no profile is called 'nobodys'") == 1


async def test_what_a_directory_is_asked_is_answered_too(asked_live):
    async with serving(asked_live) as at:
        channel = await Channel(number=NUMBER).run(at)
    assert (channel.name, channel.found) == ("Ada Bélanger", "FOUND")


async def test_a_directory_that_does_not_answer_in_time_costs_a_name_and_no_time(asked_live, directory):
    directory.gate = asyncio.Event()
    async with serving(asked_live, timeout="100ms") as at:
        begun = time.monotonic()
        channel = await Channel(number=NUMBER).run(at)
        assert time.monotonic() - begun < PATIENCE / 2
    assert (channel.status, channel.name, channel.found) == ("SUCCESS", "unknown", "LATE")


async def test_a_directory_that_fails_is_no_absence(asked_live, directory):
    directory.error = RuntimeError("planted")
    async with serving(asked_live) as at:
        channel = await Channel(number=NUMBER).run(at)
    assert (channel.status, channel.name, channel.found) == ("SUCCESS", "unknown", "FAILED")


async def test_a_service_that_breaks_ends_the_call_and_nothing_else(synced, caplog):
    async with serving(synced) as at:
        whole = synced.reverse._shared
        synced.reverse._shared = None
        broken = await Channel(number=NUMBER).run(at)
        synced.reverse._shared = whole
        channel = await Channel(number=NUMBER).run(at)
    assert (broken.name, broken.commands) == ("unknown", [])
    assert "a call was not answered" in caplog.text
    assert channel.found == "FOUND"


async def test_a_caller_who_hangs_up_while_a_directory_is_asked_is_not_waited_for(asked_live, directory):
    directory.gate = asyncio.Event()
    async with serving(asked_live, timeout="60s") as at:
        channel = await Channel(number=NUMBER, hangs_up_at=0).run(at)
    assert channel.commands == []


async def test_a_caller_who_is_gone_while_a_directory_is_asked_is_not_waited_for(asked_live, directory):
    directory.gate = asyncio.Event()
    async with loaded(asked_live, port=0, timeout="60s") as loaded_view:
        reader, writer = await asyncio.open_connection("127.0.0.1", port(loaded_view))
        writer.write(Channel(number=NUMBER).head("127.0.0.1", 1).encode() + b"stray\n")
        await until(lambda: directory.asked)
        writer.close()
        await until(lambda: not loaded_view._server._calls)
        assert await reader.read() == b""


@pytest.mark.parametrize("at_command", [1, 2, 7])
async def test_a_caller_who_hangs_up_between_two_commands_gets_no_more_of_them(synced, at_command):
    async with serving(synced) as at:
        channel = await Channel(number=NUMBER, hangs_up_at=at_command).run(at)
    assert (channel.status, len(channel.commands)) == ("HANGUP", at_command)


async def test_an_asterisk_that_takes_no_command_is_left_and_that_is_told(synced, caplog):
    async with serving(synced) as at:
        channel = await Channel(number=NUMBER, refused=("CALLERID(name)",)).run(at)
    assert (channel.name, len(channel.commands)) == ("unknown", 1)
    assert "Asterisk does not set CALLERID(name): 510 Invalid" in caplog.text


async def test_a_slow_asterisk_is_waited_for(synced):
    async with serving(synced) as at:
        channel = await Channel(number=NUMBER, delay=0.01).run(at)
    assert channel.found == "FOUND"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"agi_network: yes\nagi_request: agi://here\n",
        b"agi_network: yes\nagi_callerid: 0199001234\n\n",
    ],
)
async def test_an_asterisk_that_falls_silent_is_left_after_a_while(synced, said):
    async with serving(synced, client_timeout="100ms") as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at)
        writer.write(said)
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()


@pytest.mark.parametrize(
    "said",
    [
        b"\n",
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\xff\xfe\x00\n\n",
        b"HANGUP\n",
        b"x" * 100_000,
        b"agi_request: y\n" * 10_000,
        b"agi_network: yes\nagi_callerid: \xff\n\n" + b"stray\n" * 100,
        b"agi_network: yes\nagi_callerid: 1\n\nHANGUP\n",
        b"agi_network: yes\nagi_callerid: 1\n\n520-Usage\n520-more\n520 End\n",
    ],
)
async def test_garbage_ends_the_call_and_the_next_one_is_served(synced, said, caplog):
    async with serving(synced, client_timeout="60s") as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at)
        writer.write(said)
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):  # it was closed before all was read
                assert b"FOUND" not in await reader.read()
        writer.close()
        assert (await Channel(number=NUMBER).run(at)).found == "FOUND"
    assert "a call was not answered" not in caplog.text


async def test_lines_between_the_replies_do_no_harm(synced):
    async with serving(synced) as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at)
        writer.write(Channel(number=NUMBER).head("127.0.0.1", at).encode())
        found = []
        while line := await reader.readline():
            found.append(line)
            writer.write(b"stray\n200-more\n\n200 result=1\r\n")
        writer.close()
    assert found[-1] == b'SET VARIABLE LOOKUPD_STATUS "FOUND"\n'


async def test_who_may_not_ask_is_turned_away_and_that_is_told_once(synced, caplog):
    async with serving(synced, subnets=["192.0.2.0/24", "2001:db8::/32"]) as at:
        for _ in range(3):
            channel = await Channel(number=NUMBER).run(at)
    assert (channel.name, channel.commands) == ("unknown", [])
    assert caplog.text.count("127.0.0.1 may not ask (views.fastagi.subnets") == 1


@pytest.mark.parametrize("listen", ["::1", "localhost", "::"])
async def test_it_listens_on_addresses_of_both_kinds(synced, listen):
    async with loaded(synced, listen=listen, port=0) as loaded_view:
        for address in loaded_view._server._post.addresses:
            host, _, at = address.rpartition(":")
            host = {"[::]": "::1"}.get(host, host.strip("[]"))
            assert (await Channel(number=NUMBER).run(int(at), host)).found == "FOUND"


async def test_five_hundred_calls_at_the_same_time_get_their_names(synced):
    async with serving(synced) as at:
        channels = await asyncio.gather(*(Channel(number=NUMBER).run(at) for _ in range(500)))
    assert {(channel.status, channel.name) for channel in channels} == {("SUCCESS", "Ada Bélanger")}


async def test_too_many_calls_are_turned_away_at_once_and_those_that_are_in_go_on(
    asked_live, directory, caplog
):
    directory.gate = asyncio.Event()
    async with loaded(asked_live, port=0, connections=5, timeout="60s") as loaded_view:
        at = port(loaded_view)
        first = [asyncio.create_task(Channel(number=NUMBER).run(at)) for _ in range(5)]
        await until(lambda: len(loaded_view._server._calls) == 5)
        more = await asyncio.gather(*(Channel(number=NUMBER).run(at) for _ in range(20)))
        directory.gate.set()
        assert {channel.found for channel in await asyncio.gather(*first)} == {"FOUND"}
        assert {channel.found for channel in more} == {None}
        assert caplog.text.count("more are turned away") == 1
        assert (await Channel(number=NUMBER).run(at)).found == "FOUND"


async def test_calls_under_way_and_calls_that_wait_are_answered_at_the_end(asked_live, directory):
    directory.gate = asyncio.Event()
    async with loaded(asked_live, port=0, timeout="60s") as loaded_view:
        at = port(loaded_view)
        under_way = asyncio.create_task(Channel(number=NUMBER).run(at))
        await until(lambda: directory.asked)
        waiting = socket.create_connection(("127.0.0.1", at))  # the loop has no time to accept it
        waiting.setblocking(False)  # noqa: FBT003
        asyncio.get_running_loop().call_soon(directory.gate.set)
        leaving = asyncio.create_task(loaded_view.unload())
        reader, writer = await asyncio.open_connection(sock=waiting)
        writer.write(Channel(number=NUMBER).head("127.0.0.1", at).encode())
        assert (await reader.readline()).startswith(b'SET VARIABLE CALLERID(name) "Ada')
        writer.close()
        assert (await under_way).found == "FOUND"
        await leaving
        assert (await Channel(number=NUMBER).run(at)).status == "FAILURE"
    assert post._POSTS == {}


async def test_a_call_that_does_not_end_is_ended(asked_live, directory, monkeypatch):
    monkeypatch.setattr(view, "DRAIN", 0.05)
    directory.gate = asyncio.Event()
    async with loaded(asked_live, port=0, timeout="60s") as loaded_view:
        at = port(loaded_view)
        call = asyncio.create_task(Channel(number=NUMBER).run(at))
        await until(lambda: directory.asked)
    assert (await call).commands == []


async def test_a_new_view_takes_the_calls_while_the_former_is_still_there(synced, asked_live, directory):
    directory.gate = asyncio.Event()
    async with loaded(asked_live, port=0, timeout="60s") as former:
        at = port(former)
        held = asyncio.create_task(Channel(number=NUMBER).run(at))
        await until(lambda: directory.asked)
        async with loaded(synced, port=0) as new:
            assert port(new) == at
            assert (await Channel(number=NUMBER).run(at)).found == "FOUND"
            directory.gate.set()
            await former.unload()
            assert (await held).found == "FOUND"
            assert (await Channel(number=NUMBER).run(at)).found == "FOUND"


async def test_the_former_view_goes_on_when_the_new_one_comes_to_nothing(synced):
    async with loaded(synced, port=0) as former:
        async with loaded(synced, port=0):
            pass
        assert (await Channel(number=NUMBER).run(port(former))).found == "FOUND"


async def test_an_address_that_cannot_be_had_is_told_with_its_keys(synced):
    told = r"Address already in use .set views\.fastagi\.listen"
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(post.CannotListen, match=told):
        async with loaded(synced, port=taken.getsockname()[1]):
            pass
    with pytest.raises(post.CannotListen, match="cannot listen on no such host for FastAGI"):
        async with loaded(synced, listen="no such host"):
            pass


async def test_processes_may_share_the_port(synced):
    async with serving(synced) as at:
        with socket.create_server(("127.0.0.1", at), reuse_port=True):
            pass


async def test_connections_wait_while_no_descriptor_is_free(synced, caplog, monkeypatch):
    monkeypatch.setattr(post, "_PAUSE", 0.02)

    class Exhausted:
        """A listening socket whose process has no free descriptors, a few times."""

        def __init__(self, sock):
            self.sock, self.left = sock, 3

        def __getattr__(self, name):
            return getattr(self.sock, name)

        def accept(self):
            if self.left:
                self.left -= 1
                raise OSError(24, "Too many open files")
            return self.sock.accept()

    async with loaded(synced, port=0) as loaded_view:
        found = loaded_view._server._post
        loop = asyncio.get_running_loop()
        loop.remove_reader(found._sockets[0])
        found._sockets[0] = Exhausted(found._sockets[0])
        found._listen(found._sockets[0])
        assert (await Channel(number=NUMBER).run(port(loaded_view))).found == "FOUND"
    assert caplog.text.count("connections must wait: Too many open files") == 3


async def test_a_handed_socket_that_was_left_is_not_listened_on_again():
    with socket.create_server(("127.0.0.1", 0)) as handed:
        taker = object()
        place = post.Post.on([handed], taker)
        place.leave(taker)
        place._listen(handed)  # as is tried again when no descriptor was free
        assert not asyncio.get_running_loop().remove_reader(handed)


@pytest.mark.parametrize("section", [None, True, {"port": 0}])
def test_it_is_on_where_the_configuration_has_its_section(section):
    view = FastAgiView()
    loading = view.load({"config": {"fastagi": section}, "services": {"reverse": None}})
    loading.close()
    assert view._server is not None


@pytest.mark.parametrize("config", [{}, {"fastagi": False}])
def test_it_is_off_otherwise(config):
    view = FastAgiView()
    assert view.load({"config": config, "services": {}}) is None
    assert view.unload() is None
