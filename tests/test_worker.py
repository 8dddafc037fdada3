"""Several serving processes on one port: nobody notices that there are many, nor that one is gone."""

import http.client
import os
import signal
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.fakes import ADA, BOB
from tests.process import RunningDaemon, lookupd, write_config, write_csv
from tests.servers.manager import ServiceManager

#: connections: that all of them come to one of two processes happens once in 2 ** 63 runs
MANY = 64
REVERSE = "/0.1/directories/reverse/default/somebody?exten="
WORKER = r"serving process 2"


@pytest.fixture
def config(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA])
    return write_config(tmp_path, {"name": "staff", "live": False}, http={"port": 0, "workers": 2})


def ask(url, *paths):
    """The replies to some paths over as many connections, which are all open at the same time."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)))
            for _ in paths
        ]
        for connection, path in zip(connections, paths, strict=True):
            connection.request("GET", path)
        return [connection.getresponse().read().decode() for connection in connections]


def everybody(url, exten="%2B33199001234"):
    """The different replies that many get."""
    return {*ask(url, *[f"{REVERSE}{exten}"] * MANY)}


def workers(daemon):
    """The other serving processes."""
    return [pid for pid in daemon.children if b"lookupd.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def sockets(pid):
    """How many sockets a process has open."""
    found = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(file.readlink()).startswith("socket:")
        except OSError:
            continue
    return found


def until(is_true):
    for _ in range(100_000):
        if is_true():
            return
    raise AssertionError("it never came true")


def ready(daemon):
    """The other serving process, once it serves."""
    daemon.wait_for(f"{WORKER} is there")
    [pid] = workers(daemon)
    return pid


def test_connections_are_shared_out_among_the_processes(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        pid = ready(daemon)
        with ExitStack() as stack:
            before = {one: sockets(one) for one in (daemon.pid, pid)}
            host, port = urlsplit(daemon.url).netloc.split(":")
            for _ in range(MANY):
                connection = http.client.HTTPConnection(host, int(port), timeout=20)
                stack.enter_context(closing(connection)).request("GET", "/live")
                assert connection.getresponse().read()
            assert all(sockets(one) > before[one] for one in before)


def test_all_see_what_was_synced(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        ready(daemon)
        [reply] = everybody(daemon.url)
        assert "Ada" in reply
        write_csv(config.with_name("staff.csv"), [{**ADA, "name": "Eve Nguyen"}])
        subprocess.run(lookupd(config, "sync", "staff"), check=True, capture_output=True)
        [reply] = everybody(daemon.url)
        assert "Eve Nguyen" in reply


def test_one_that_is_killed_is_missed_by_nobody_and_started_again(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        pid = ready(daemon)
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for(f"{WORKER} ended with code -9")
        assert len(everybody(daemon.url)) == 1
        daemon.wait_for(f"{WORKER} is there", times=2)
        assert workers(daemon) != [pid]
        assert len(everybody(daemon.url)) == 1


def test_the_daemon_stands_in_for_one_that_cannot_be_started_again(config, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    stops = f"import os.path\nif os.path.exists({str(site / 'stop')!r}):\n    os._exit(1)\n"
    (site / "sitecustomize.py").write_text(stops, encoding="utf-8")
    with RunningDaemon(config, path=[site]) as daemon:
        daemon.wait_for("synced source")
        pid = ready(daemon)
        (site / "stop").touch()
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for(f"{WORKER} ended with code 1")
        [reply] = everybody(daemon.url)
        assert "Ada" in reply


def test_all_follow_the_configuration(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        ready(daemon)
        write_csv(config.with_name("staff.csv"), [ADA])
        write_csv(config.with_name("partners.csv"), [BOB])
        sources = [{"name": "staff", "live": False}, {"name": "partners", "live": False}]
        write_config(config.parent, *sources, http={"port": 0, "workers": 2})
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("the configuration has been read again", times=2)
        daemon.wait_for("synced source 'partners'")
        [reply] = everybody(daemon.url, "0199005678")
        assert "Bob" in reply


def test_one_that_is_started_again_has_the_configuration_that_all_have(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        pid = ready(daemon)
        config.write_text("nonsense", encoding="utf-8")
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("the configuration is not used")
        os.kill(pid, signal.SIGKILL)
        daemon.wait_for(f"{WORKER} is there", times=2)
        [reply] = everybody(daemon.url)
        assert "Ada" in reply


def test_another_number_of_processes_waits_for_a_restart(config):
    with RunningDaemon(config) as daemon:
        write_config(config.parent, {"name": "staff", "live": False}, http={"port": 0, "workers": 3})
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("http.workers stays 2 until lookupd is started again")


def test_what_one_was_told_live_the_others_know(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA])
    source = {"name": "staff", "sync": False, "live": {"timeout": "20s"}}
    config = write_config(tmp_path, source, http={"port": 0, "workers": 2})
    with RunningDaemon(config) as daemon:
        pid = ready(daemon)
        assert daemon.caller(ADA["number"]) == ADA["name"]
        answers = tmp_path / "data" / "answers.db"
        until(lambda: kept(answers))
        write_csv(tmp_path / "staff.csv", [{**ADA, "name": "Eve Nguyen"}])
        os.kill(pid, signal.SIGKILL)  # the next one knows nothing but what stands in the file
        daemon.wait_for(f"{WORKER} is there", times=2)
        asked = ask(daemon.url, *[f"{REVERSE}%2B33199001234"] * MANY)
        assert not any("Eve" in reply for reply in asked)


def kept(answers):
    with closing(sqlite3.connect(answers)) as connection:
        [[count]] = connection.execute("SELECT count(*) FROM answer").fetchall()
        return count


def test_all_end_together(config):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        ready(daemon)
        assert daemon.stop() == 0
        daemon.wait_for_end_of_log()
        assert " ERROR " not in daemon.log
        assert "Traceback" not in daemon.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_of_them_is_no_error(config, number):
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source")
        ready(daemon)
        for pid in (*daemon.children, daemon.pid):
            os.kill(pid, number)
        assert daemon.wait() == 0
        daemon.wait_for_end_of_log()
        assert " ERROR " not in daemon.log


def test_they_share_the_socket_of_a_service_manager(config):
    with ServiceManager() as manager, manager.daemon(config) as daemon:
        daemon.wait_for("synced source")
        ready(daemon)
        [reply] = everybody(manager.url)
        assert "Ada" in reply
