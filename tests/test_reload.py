"""A configuration that is read again: what changed is made anew, all else goes on, and no request is lost."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import yaml
from aiohttp import ClientSession

from lookupd import accepted, configfile
from lookupd.daemon import Daemon
from lookupd.front import Limits
from tests.fakes import ADA, BOB
from tests.faults.load import Target, open_loop
from tests.process import RunningDaemon, write_config, write_csv
from tests.servers.manager import ServiceManager

EVE = {"id": "3", "name": "Eve Nguyen", "number": "+33 1 99 00 99 99", "mobile": None}
REVERSE = "/0.1/directories/reverse/default/somebody?exten="


@pytest.fixture
def config(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA])
    write_csv(tmp_path / "partners.csv", [BOB])
    return write_config(tmp_path, {"name": "staff"})


def change(config, *sources, **more):
    """Another configuration in the same file."""
    write_config(config.parent, *sources, **more)


@asynccontextmanager
async def daemon(config):
    """A daemon in this process, without its sync process."""
    async with AsyncExitStack() as stack:
        running = Daemon(configfile.read(config), config)
        await running.start(stack, with_sync=False)
        yield running


async def status(running):
    async with ClientSession() as session, session.get(f"{running.url}/0.1/status") as reply:
        return (await reply.json())["sources"]


async def test_a_new_source_is_there(config):
    async with daemon(config) as running:
        change(config, {"name": "staff"}, {"name": "partners"})
        await running.reload()
        assert [*await status(running)] == ["staff", "partners"]


async def test_a_source_that_has_not_changed_is_the_same_and_is_not_loaded_again(config):
    async with daemon(config) as running:
        [staff] = running.serving.desk.sources
        change(config, {"name": "staff"}, {"name": "partners"})
        await running.reload()
        assert next(iter(running.serving.desk.sources)) is staff


@pytest.mark.parametrize(
    "changed",
    [{"live": {}}, {"region": "DE"}, {"config": {"file": "other.csv"}}, {"sync": {"every": "1h"}}],
)
async def test_a_source_that_has_changed_is_made_anew_and_the_former_one_closed(config, changed):
    async with daemon(config) as running:
        [former] = running.serving.desk.sources
        change(config, {"name": "staff", **changed})
        await running.reload()
        [staff] = running.serving.desk.sources
        assert staff is not former
        await asyncio.gather(*running.served._ending)
        assert (former.state, former.is_replaced) == ("closed", True)


async def test_an_unchanged_source_outlives_two_changes_and_ends_with_the_daemon(config):
    async with daemon(config) as running:
        [staff] = running.serving.desk.sources
        for level in ("warning", "error"):
            change(config, {"name": "staff"}, log={"level": level})
            await running.reload()
        await asyncio.gather(*running.served._ending)
        await asyncio.gather(*running.serving.desk.sources.opening)
        assert staff.state == "loaded"
    assert staff.state == "closed"


async def test_a_wrong_configuration_changes_nothing_and_every_mistake_is_told(config, caplog):
    async with daemon(config) as running:
        serving = running.serving
        config.write_text("sources: 7\nregion: Atlantis\n")
        outcome = await running.reload()
        assert running.serving is serving
        assert "config.yml: sources: " in caplog.text
        assert "config.yml: region: " in caplog.text
        assert outcome == "the configuration is not used, 2 mistakes are in the log"
        assert [*await status(running)] == ["staff"]


async def test_a_state_that_cannot_be_used_changes_nothing(config, caplog):
    async with daemon(config) as running:
        serving = running.serving
        [staff] = serving.desk.sources
        config.with_name("data").joinpath("state.db").write_text("no database" * 1000)
        change(config, {"name": "staff"}, auth={"mode": "token"})
        assert await running.reload() == "the configuration is not used, the log says why"
        assert "state.db: damaged" in caplog.text
        assert running.serving is serving
        await asyncio.gather(*serving.desk.sources.opening)
        assert staff.state == "loaded"


async def test_what_takes_a_restart_is_told(config, caplog, capfd):
    async with daemon(config) as running:
        change(config, {"name": "staff"}, http={"port": 1, "workers": 2}, data="elsewhere")
        await running.reload()
        assert "http.port stays 0 until lookupd is started again" in caplog.text
        assert "http.workers stays 1 until" in caplog.text
        assert "data stays" in caplog.text
        capfd.readouterr()  # a reload sets up the log anew, so the rest is there
        change(config, {"name": "staff"}, http={"port": 0})
        await running.reload()
        told = capfd.readouterr().err
        assert "has been read again" in told
        assert "stays" not in told  # it has this port


async def test_another_folder_for_data_waits_for_a_restart_in_all_that_is_made_anew(config, tmp_path):
    async with daemon(config) as running:
        change(config, {"name": "staff"}, data="elsewhere", auth={"mode": "token"})
        await running.reload()
        assert accepted.read(running.accepted.descriptor).data == tmp_path / "data"
        assert (tmp_path / "data" / "state.db").exists()
    assert not (tmp_path / "elsewhere").exists()


async def test_what_is_not_used_is_not_handed_down(config):
    async with daemon(config) as running:
        change(config, {"name": "staff"}, {"name": "partners"})
        await running.reload()
        config.write_text("sources: 7", encoding="utf-8")
        await running.reload()
        handed_down = accepted.read(running.accepted.descriptor)
        assert [source.name for source in handed_down.sources] == ["staff", "partners"]


async def test_a_former_configuration_does_not_keep_the_process_from_ending(config):
    async with AsyncExitStack() as stack, ClientSession() as session:
        running = Daemon(configfile.read(config), config)
        await running.start(stack, with_sync=False)
        await (await session.get(f"{running.url}/live")).read()  # a connection that is kept
        change(config, {"name": "staff"}, log={"level": "warning"})
        await running.reload()
        began = time.monotonic()
        await stack.aclose()
        assert time.monotonic() - began < Limits().grace * 0.8


async def test_who_may_ask_changes_at_once(config):
    async with daemon(config) as running, ClientSession() as session:
        change(config, {"name": "staff"}, auth={"mode": "token"})
        await running.reload()
        async with session.get(f"{running.url}/0.1/status") as reply:
            assert reply.status == 401


def test_sighup_reads_the_configuration_again_in_both_processes(config):
    with RunningDaemon(config) as running:
        running.wait_for("synced source 'staff': 1 contacts")
        change(config, {"name": "staff"}, {"name": "partners"})
        running.signal(signal.SIGHUP)
        running.wait_for("the configuration has been read again")
        running.wait_for("synced source 'partners': 1 contacts")
        assert running.caller(BOB["number"]) == BOB["name"]
        assert running.caller(ADA["number"]) == ADA["name"]
        assert running.stop() == 0
        running.wait_for_end_of_log()
        assert "Traceback" not in running.log
        assert " ERROR " not in running.log
        assert running.log.count("synced source 'staff'") == 1


def test_a_source_that_is_taken_out_is_no_longer_asked_or_pulled(config):
    change(config, {"name": "staff"}, {"name": "partners", "sync": {"every": "50ms"}})
    with RunningDaemon(config) as running:
        running.wait_for("synced source 'partners'")
        change(config, {"name": "staff"})
        running.signal(signal.SIGHUP)
        running.wait_for("the configuration has been read again")
        assert running.caller(BOB["number"]) is None
        assert running.stop() == 0


async def test_no_request_is_lost_while_the_configuration_changes(config):
    with RunningDaemon(config) as running:
        running.wait_for("synced source 'staff'")
        name = ADA["name"]
        target = Target(
            url=f"{running.url}{REVERSE}0199001234",
            is_right=lambda _, body: yaml.safe_load(body)["display"] == name,
        )
        load = asyncio.create_task(open_loop(target, rate=200, seconds=1.5))
        for times in range(1, 4):
            running.signal(signal.SIGHUP)
            await asyncio.to_thread(running.wait_for, "the configuration has been read again", times)
        report = await load
        assert (report.count, report.errors) == (300, {}), str(report)
        assert running.stop() == 0


async def test_no_request_is_lost_while_one_daemon_takes_the_place_of_another(config):
    with ServiceManager() as manager, manager.daemon(config) as former:
        await asyncio.to_thread(manager.wait_for, "READY=1")
        former.wait_for("synced source 'staff'")
        target = Target(url=f"{manager.url}{REVERSE}0199001234", is_right=lambda _, body: b"Ada" in body)
        load = asyncio.create_task(open_loop(target, rate=200, seconds=3))
        with manager.daemon(config) as new:
            await asyncio.to_thread(manager.wait_for, "READY=1", 2)
            former.signal(signal.SIGTERM)
            assert await asyncio.to_thread(former.wait) == 0
            report = await load
            assert (report.count, report.errors) == (600, {}), str(report)
            assert new.stop() == 0


async def test_requests_wait_while_a_manager_starts_the_daemon_again(config):
    with ServiceManager() as manager:
        with manager.daemon(config) as former:
            await asyncio.to_thread(manager.wait_for, "READY=1")
            former.wait_for("synced source 'staff'")
            target = Target(url=f"{manager.url}{REVERSE}0199001234", is_right=lambda _, body: b"Ada" in body)
            load = asyncio.create_task(open_loop(target, rate=50, seconds=2))
            former.signal(signal.SIGTERM)
            assert await asyncio.to_thread(former.wait) == 0
        with manager.daemon(config) as new:
            report = await load
            assert (report.count, report.errors) == (100, {}), str(report)
            assert new.stop() == 0


async def test_a_manager_is_told_of_a_reload_and_of_the_end(config):
    with ServiceManager() as manager, manager.daemon(config, WATCHDOG_USEC="300000") as running:
        await asyncio.to_thread(manager.wait_for, "READY=1")
        assert await asyncio.to_thread(manager.wait_for, "STATUS=") == f"STATUS=answering on {manager.url}"
        await asyncio.to_thread(manager.wait_for, "WATCHDOG=1", 3)
        running.signal(signal.SIGHUP)
        await asyncio.to_thread(manager.wait_for, "RELOADING=1")
        again = await asyncio.to_thread(manager.wait_for, "STATUS=", 2)
        assert again == f"STATUS=answering on {manager.url}; the configuration has been read again"
        running.signal(signal.SIGTERM)
        await asyncio.to_thread(manager.wait_for, "STOPPING=1")
        assert running.wait() == 0
