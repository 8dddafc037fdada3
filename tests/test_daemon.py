"""The daemon as a whole: real processes on free ports, with real sources and strange plugins."""

import http.client
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from urllib.parse import urlsplit

import pytest

from tests.fakes import ADA, BOB
from tests.faults.signals import suspended
from tests.process import RunningDaemon, RunningProcess, lookupd, wait_until, write_config, write_csv
from tests.sync.ground import Ground

EVE = {"id": "3", "name": "Eve Nguyen", "number": "+33 1 99 00 99 99", "mobile": None}


@pytest.fixture
def config(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA, BOB])
    return write_config(tmp_path, {"name": "staff", "live": False})


def refused(config, code=4):
    """The log of a daemon that does not start."""
    with RunningProcess(*lookupd(config, "serve")) as process:
        assert process.wait() == code
        process.wait_for_end_of_log()
    assert "Traceback" not in process.log
    return process.log


def test_it_answers_from_the_index_and_ends_when_it_is_told_to(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff': 2 contacts")
        assert daemon.caller("0199001234") == "Ada Bélanger"
        assert daemon.caller("+33199009999") is None
        assert daemon.get("/ready") == (200, {"status": "ok", "reasons": []})
        assert daemon.stop() == 0
        daemon.wait_for_end_of_log()
        assert "Traceback" not in daemon.log
        assert " ERROR " not in daemon.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_its_processes_is_no_error(config, number):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        for pid in (*daemon.children, daemon.pid):
            os.kill(pid, number)
        assert daemon.wait() == 0
        daemon.wait_for_end_of_log()
        assert " ERROR " not in daemon.log
        assert "Traceback" not in daemon.log


def test_it_may_open_as_many_files_as_the_machine_allows(config):
    command = " ".join(("ulimit -Sn 256 && exec", *lookupd(config, "serve")))
    with RunningProcess("sh", "-c", command) as daemon:
        daemon.wait_for("ready: ")
        limits = Path(f"/proc/{daemon.pid}/limits").read_text()
        soft, hard = re.search(r"Max open files +([0-9]+) +([0-9]+)", limits).groups()
        assert soft == hard != "256"
        assert daemon.stop() == 0


async def test_a_sync_of_another_process_is_answered_at_once(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        await synced(config, ADA, EVE)
        assert daemon.caller(EVE["number"]) == EVE["name"]
        assert daemon.caller(BOB["number"]) is None


def test_it_is_ready_while_its_sources_cannot_be_reached(tmp_path):
    nobody = {"ldap_uri": "ldap://127.0.0.1:1", "ldap_base_dn": "dc=example,dc=com"}
    config = write_config(
        tmp_path, {"name": "missing"}, {"name": "ldap", "backend": "ldap", "config": nobody}
    )
    with RunningDaemon(config) as daemon:
        daemon.wait_for("sync of source 'missing' failed")
        daemon.wait_for("sync of source 'ldap' failed")
        status, said = daemon.get("/ready")
        assert (status, said["status"]) == (200, "degraded")
        assert len(said["reasons"]) == 2
        assert daemon.caller("0199001234") is None
        assert daemon.stop() == 0


async def synced(config, *rows):
    """Write these contacts of `staff` into the daemon's index, from here."""
    ground = Ground(config.with_name("data"))
    await ground.hold(*rows, name="staff")
    await ground.close()


async def test_old_contacts_are_answered_while_their_source_cannot_be_reached(config):
    await synced(config, ADA)
    config.with_name("staff.csv").unlink()
    with RunningDaemon(config) as daemon:
        daemon.wait_for("sync of source 'staff' failed, the old contacts stay")
        assert daemon.caller(ADA["number"]) == ADA["name"]


def test_no_question_is_lost_while_the_sync_process_dies_and_comes_back(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        [pid] = daemon.children
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for("the sync process ended with code -9; started again in 1 s")
        assert daemon.caller(ADA["number"]) == ADA["name"]
        daemon.wait_for("synced source", times=2)
        assert daemon.children not in ([], [pid])


def test_a_sync_process_that_dies_beside_a_file_with_a_mistake_comes_back(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA])
    config = write_config(tmp_path, {"name": "staff", "sync": {"every": "50ms"}, "live": False})
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        config.write_text(f"{config.read_text()}reggion: FR\n", encoding="utf-8")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("the configuration is not used")
        [pid] = daemon.children
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for("synced source", times=2)
        write_csv(tmp_path / "staff.csv", [BOB])
        wait_until(lambda: daemon.caller(BOB["number"]) == BOB["name"])


def test_secrets_of_the_configuration_are_handed_down_unseen(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA])
    config = write_config(tmp_path, {"name": "staff"}, views={"any": {"password": {"env": "CANARY"}}})
    with RunningDaemon(config, environment={"CANARY": "d0-not-tell"}) as daemon:
        daemon.wait_for("synced source")
        [pid] = daemon.children
        shown = Path(f"/proc/{pid}/cmdline").read_bytes()
        files = [file for file in config.parent.rglob("*") if file.is_file()]
        assert b"d0-not-tell" not in shown + b"".join(file.read_bytes() for file in files)


def test_no_process_outlives_a_killed_daemon(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        assert daemon.children
        daemon.kill()
        daemon.wait_for_end_of_log()


def test_it_ends_at_once_when_nothing_is_asked_though_connections_are_kept_and_a_sync_hangs(config):
    with RunningDaemon(config) as daemon, closing(connected(daemon)) as idle:
        daemon.wait_for("synced source")
        idle.request("GET", "/live")
        assert idle.getresponse().read()
        [sync] = daemon.children
        with suspended(sync):
            began = time.monotonic()
            assert daemon.stop() == 0
            assert time.monotonic() - began < 3, "neither waits for its patience"
        daemon.wait_for_end_of_log()
        assert "INFO    lookupd.supervisor: the sync process did not end within 0.1 s: killed" in daemon.log


def connected(daemon):
    """A connection to a daemon."""
    return http.client.HTTPConnection(urlsplit(daemon.url).netloc, timeout=10)


def test_what_answers_needs_nothing_of_what_pulls_or_is_for_terminals():
    needless = ("rich", "apscheduler", "lookupd.sync.run", "lookupd.cli.ask")
    script = f"import sys, lookupd.cli.serve; print([name for name in {needless} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_a_port_that_is_taken_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = write_config(tmp_path, http={"port": port})
        log = refused(config)
    assert f"cannot listen on 127.0.0.1 port {port}: " in log.splitlines()[-1]
    assert "in use (set http.listen and http.port in the configuration)" in log.splitlines()[-1]


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A daemon that answers those who have a token, on IPv6 where this machine has it; with cors."""
    http = {"listen": "::1" if has_ipv6() else "127.0.0.1", "port": 0}
    folder = tmp_path_factory.mktemp("closed")
    with RunningDaemon(write_config(folder, http=http, auth={"mode": "token"})) as daemon:
        yield daemon
        assert daemon.stop() == 0


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A daemon with a view and what is for browsers switched off."""
    folder = tmp_path_factory.mktemp("bare")
    config = write_config(folder, views={"dird": False}, http={"port": 0, "cors": False})
    with RunningDaemon(config) as daemon:
        yield daemon
        assert daemon.stop() == 0


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_it_listens_on_ipv6(closed):
    assert closed.url.startswith("http://[::1]:")
    assert closed.get("/live") == (200, {"status": "ok"})


def test_who_has_no_token_learns_nothing(closed):
    assert closed.get("/0.1/status")[0] == 401
    assert closed.get("/0.1/status", **{"X-Auth-Token": "guess"})[0] == 401
    assert closed.get("/live")[0] == 200


def test_browsers_of_other_origins_may_ask_unless_that_is_switched_off(closed, bare):
    assert closed.headers("/live")["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in bare.headers("/live")


def test_a_view_can_be_switched_off(bare):
    assert bare.get("/0.1/status")[0] == 404
    assert bare.get("/live")[0] == 200


def test_a_data_folder_that_cannot_be_used_is_told(tmp_path):
    log = refused(write_config(tmp_path, data="config.yml"))
    assert "config.yml/index.db: cannot be used now: " in log


def test_a_damaged_index_is_made_anew_and_filled(config):
    config.with_name("data").mkdir()
    config.with_name("data").joinpath("index.db").write_bytes(b"Dear Ada, " * 1000)
    with RunningDaemon(config) as daemon:
        daemon.wait_for("everything is pulled again")
        daemon.wait_for("synced source 'staff': 2 contacts, 2 added")
        assert daemon.caller(ADA["number"]) == ADA["name"]


def test_a_state_from_the_future_is_refused(tmp_path):
    config = write_config(tmp_path, auth={"mode": "token"})
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "state.db")) as state:
        state.execute("PRAGMA user_version = 1000")
    assert "state.db: has format 1000" in refused(config)


PLUGINS = """
    from aiohttp import web

    KEY = web.AppKey("key", str)

    class Hello:
        is_public = True
        def get(self):
            return {"hello": "there"}

    class GoodView:
        def load(self, args):
            args["rest_api"].add_resource(Hello, "/hello")

    class HalfView:
        def load(self, args):
            args["rest_api"].add_resource(Hello, "/half")
            args["http_app"].router.add_get("/half", self.half)
            raise RuntimeError("no second half")
        async def half(self, request):
            return web.Response(text="half")

    class AsyncHalfView(HalfView):
        async def load(self, args):
            super().load(args)

    class KeepingView:
        async def load(self, args):
            app = args["http_app"]
            app[KEY] = "kept"
            app.middlewares.append(self.mark)
            app.on_startup.append(self.start)
            app.on_cleanup.append(self.stop)
            app.on_response_prepare.append(self.sign)
            app.router.add_get("/kept", self.get, name="kept")
        async def get(self, request):
            url = request.app.router["kept"].url_for()
            return web.json_response([request.app[KEY], request["mark"], str(url)])
        @web.middleware
        async def mark(self, request, handler):
            request["mark"] = "marked"
            return await handler(request)
        async def sign(self, request, response):
            response.headers["X-Signed"] = "yes"
        async def start(self, app):
            print("the view begins", file=__import__("sys").stderr, flush=True)
        async def stop(self, app):
            print("the view ends", file=__import__("sys").stderr, flush=True)

    class SameNameView(KeepingView):
        async def load(self, args):
            args["http_app"].router.add_get("/same", self.get, name="kept")

    class BadUnloadView(GoodView):
        def load(self, args):
            pass
        def unload(self):
            raise KeyError("unload")

    class BadService:
        def load(self, args):
            raise ValueError("no such luck")

    class GoodService:
        def load(self, args):
            return "service"

    class UserView:
        def load(self, args):
            args["services"]["bad"]

    not_a_class = "text"
"""

ENTRY_POINTS = """
    [lookupd.services]
    bad = strange:BadService
    good = strange:GoodService

    [lookupd.views]
    async_half = strange:AsyncHalfView
    bad_unload = strange:BadUnloadView
    good = strange:GoodView
    half = strange:HalfView
    kept = strange:KeepingView
    missing = strange:NoSuchView
    nowhere = no_such_module:View
    same = strange:SameNameView
    text = strange:not_a_class
    user = strange:UserView
"""


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A daemon with plugins of all kinds installed beside its own."""
    folder = tmp_path_factory.mktemp("strange")
    site = folder / "site"
    about = site / "strange-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "strange.py").write_text(dedent(PLUGINS))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(dedent(ENTRY_POINTS))
    write_csv(folder / "staff.csv", [ADA])
    with RunningDaemon(write_config(folder, {"name": "staff", "live": False}), path=[site]) as daemon:
        yield daemon
        assert daemon.stop() == 0
        daemon.wait_for_end_of_log()
        assert "the view ends" in daemon.log
        assert "view 'bad_unload': unload failed" in daemon.log


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        ("view half", "RuntimeError: no second half"),
        ("view async_half", "RuntimeError: no second half"),
        ("view missing", "cannot be imported"),
        ("view nowhere", "No module named 'no_such_module'"),
        ("view text", "is not a class"),
        ("view user", "KeyError: 'bad'"),
        ("view same", "another view has routes of the same names: kept"),
        ("service bad", "ValueError: no such luck"),
    ],
)
def test_a_broken_plugin_is_told_with_its_reason(strange, plugin, reason):
    told = strange.get("/0.1/status")[1]["plugins"][plugin]
    assert told["status"] == "fail"
    assert reason in told["trouble"]
    kind, name = plugin.split()
    assert f"{kind} '{name}'" in strange.log


def test_good_plugins_are_not_told_to_be_broken(strange):
    told = strange.get("/0.1/status")[1]["plugins"]
    assert not {"view good", "view kept", "service good", "view dird", "view bad_unload"} & told.keys()


@pytest.mark.parametrize("path", ["/0.1/half", "/half", "/same"])
def test_nothing_of_a_broken_view_is_served(strange, path):
    assert strange.get(path)[0] == 404


def test_good_views_are_served_beside_broken_ones(strange):
    assert strange.get("/0.1/hello") == (200, {"hello": "there"})
    strange.wait_for("synced source")
    assert strange.caller(ADA["number"]) == ADA["name"]


def test_all_that_a_view_does_to_its_application_counts(strange):
    assert strange.get("/kept") == (200, ["kept", "marked", "/kept"])
    assert strange.headers("/kept")["X-Signed"] == "yes"


def test_what_a_view_does_to_every_response_it_does_to_plain_questions_too(strange):
    strange.wait_for("synced source")
    with closing(http.client.HTTPConnection(urlsplit(strange.url).netloc)) as client:
        client.request("GET", "/0.1/directories/reverse/default/me?exten=0199001234")
        assert client.getresponse().headers["X-Signed"] == "yes"

    assert "the view begins" in strange.log
