"""The FastAGI server of a real daemon: started, configured again, ended, with calls on the way."""

import asyncio
import signal

import pytest

from lookupd.cli.main import UNUSABLE
from tests.fakes import ADA
from tests.process import RunningDaemon, write_config, write_csv
from tests.servers.asterisk import Channel
from tests.servers.manager import ServiceManager

NUMBER = "0199001234"


@pytest.fixture
def config(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA])
    return write_config(tmp_path, {"name": "staff"}, views={"fastagi": {"port": 0}})


def ports(daemon, times=1):
    return int(daemon.wait_for(r"FastAGI: listening on 127\.0\.0\.1:(\d+)", times)[1])


def test_a_daemon_names_callers_to_asterisk(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff'")
        channel = asyncio.run(Channel(number=NUMBER).run(ports(daemon)))
        assert (channel.name, channel.found) == (ADA["name"], "FOUND")
        assert daemon.stop() == 0
        daemon.wait_for_end_of_log()
        assert "Traceback" not in daemon.log


def test_a_daemon_whose_port_is_taken_says_so_and_does_everything_else(config):
    with RunningDaemon(config) as first:
        taken = first.url.rpartition(":")[2]
        write_config(config.parent, {"name": "staff"}, data="other", views={"fastagi": {"port": int(taken)}})
        with RunningDaemon(config) as daemon:
            daemon.wait_for("cannot listen on 127.0.0.1 port .* for FastAGI: Address already in use")
            daemon.wait_for("synced source 'staff'")
            assert daemon.caller(NUMBER) == ADA["name"]


async def test_no_call_is_lost_while_the_configuration_changes(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff'")
        at, done = ports(daemon), asyncio.Event()

        async def calls():
            found = []
            while not done.is_set() or len(found) < 25:
                found.append(await Channel(number=NUMBER).run(at))
            return found

        calling = [asyncio.create_task(calls()) for _ in range(8)]
        for times in range(1, 5):
            daemon.signal(signal.SIGHUP)
            await asyncio.to_thread(daemon.wait_for, "the configuration has been read again", times)
        done.set()
        found = [channel for own in await asyncio.gather(*calling) for channel in own]
        assert {(channel.status, channel.found, channel.name) for channel in found} == {
            ("SUCCESS", "FOUND", ADA["name"])
        }
        assert daemon.stop() == 0


async def test_another_configuration_counts_at_once(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff'")
        at = ports(daemon)
        write_config(config.parent, {"name": "staff"}, views={"fastagi": {"port": 0, "set_name": False}})
        daemon.signal(signal.SIGHUP)
        await asyncio.to_thread(daemon.wait_for, "the configuration has been read again")
        channel = await Channel(number=NUMBER).run(at)
        assert (channel.name, channel.found) == ("unknown", "FOUND")
        write_config(config.parent, {"name": "staff"})
        daemon.signal(signal.SIGHUP)
        await asyncio.to_thread(daemon.wait_for, "the configuration has been read again", 2)
        assert daemon.stop() == 0


async def test_a_configuration_that_cannot_be_used_leaves_calls_where_they_were(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff'")
        at = ports(daemon)
        config.with_name("data").joinpath("state.db").write_text("no database" * 1000)
        more = {"auth": {"mode": "token"}, "views": {"fastagi": {"port": 0, "set_name": False}}}
        write_config(config.parent, {"name": "staff"}, **more)
        daemon.signal(signal.SIGHUP)
        await asyncio.to_thread(daemon.wait_for, "the configuration is not used")
        channel = await Channel(number=NUMBER).run(at)
        assert (channel.name, channel.found) == (ADA["name"], "FOUND")


def handed(config, **views):
    """A service manager that holds a socket for FastAGI too; with these views."""
    write_config(config.parent, {"name": "staff"}, views=views)
    return ServiceManager("lookupd.socket", "fastagi")


async def test_no_call_is_lost_while_a_manager_starts_the_daemon_again(config):
    with handed(config, fastagi={"port": 1}) as manager:  # nobody may listen there
        at, done = manager.port("fastagi"), asyncio.Event()

        async def calls():
            found = []
            while not done.is_set():
                found.append(await Channel(number=NUMBER).run(at))
                await asyncio.sleep(0.01)
            return found

        with manager.daemon(config) as former:
            await asyncio.to_thread(former.wait_for, "synced source 'staff'")
            calling = [asyncio.create_task(calls()) for _ in range(8)]
            await asyncio.sleep(0.2)
            former.signal(signal.SIGTERM)
            assert await asyncio.to_thread(former.wait) == 0
        waiting = Channel(number=NUMBER).run(at)
        with manager.daemon(config) as following:
            await asyncio.to_thread(manager.wait_for, "READY=1", 2)
            found = [await waiting]
            done.set()
            found += [channel for own in await asyncio.gather(*calling) for channel in own]
            assert {(channel.status, channel.found, channel.name) for channel in found} == {
                ("SUCCESS", "FOUND", ADA["name"])
            }
            assert await asyncio.to_thread(following.stop) == 0
            assert f"FastAGI: listening on 127.0.0.1:{at}" in following.log


async def test_a_socket_that_is_handed_over_stays_when_the_configuration_changes(config):
    with handed(config, fastagi=True) as manager, manager.daemon(config) as daemon:
        at = manager.port("fastagi")
        await asyncio.to_thread(daemon.wait_for, "synced source 'staff'")
        told = "FastAGI: the service manager hands over .+, but views.fastagi is not in the configuration"
        for times, (views, found) in enumerate(
            [({}, None), ({"fastagi": {"set_name": False}}, "FOUND"), ({"fastagi": False}, None)], start=1
        ):
            write_config(config.parent, {"name": "staff"}, views=views)
            daemon.signal(signal.SIGHUP)
            await asyncio.to_thread(daemon.wait_for, "the configuration has been read again", times)
            channel = await Channel(number=NUMBER).run(at)  # which would wait for an answer for ever
            assert (channel.name, channel.found) == ("unknown", found)
        await asyncio.to_thread(daemon.wait_for, told, 2)
        assert daemon.stop() == 0


async def test_more_serving_processes_share_the_socket_that_is_handed_over(config):
    with handed(config, fastagi=True) as manager:
        write_config(config.parent, {"name": "staff"}, views={"fastagi": True}, http={"workers": 2})
        with manager.daemon(config) as daemon:
            await asyncio.to_thread(daemon.wait_for, "synced source 'staff'")
            listening = f"FastAGI: listening on 127.0.0.1:{manager.port('fastagi')}"
            await asyncio.to_thread(daemon.wait_for, listening, 2)
            channel = await Channel(number=NUMBER).run(manager.port("fastagi"))
            assert (channel.name, channel.found) == (ADA["name"], "FOUND")
            assert daemon.stop() == 0


def test_a_socket_that_nobody_takes_keeps_the_daemon_from_starting(config):
    with ServiceManager("lookupd.socket", "fastagy") as manager, manager.daemon(config) as daemon:
        assert daemon.wait() == UNUSABLE
        daemon.wait_for_end_of_log()
        assert daemon.log.startswith("nobody takes the socket 'fastagy' that the service manager hands over")


async def test_a_daemon_that_is_killed_costs_names_and_no_calls(config):
    with RunningDaemon(config) as daemon:
        at = ports(daemon)
        daemon.kill()
        channel = await Channel(number=NUMBER).run(at)
        assert (channel.status, channel.name) == ("FAILURE", "unknown")
