"""The FastAGI server of a real daemon: started, configured again, ended, with calls on the way."""

import asyncio
import signal

import pytest

from tests.fakes import ADA
from tests.process import RunningDaemon, write_config, write_csv
from tests.servers.asterisk import Channel

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


async def test_a_daemon_that_is_killed_costs_names_and_no_calls(config):
    with RunningDaemon(config) as daemon:
        at = ports(daemon)
        daemon.kill()
        channel = await Channel(number=NUMBER).run(at)
        assert (channel.status, channel.name) == ("FAILURE", "unknown")
