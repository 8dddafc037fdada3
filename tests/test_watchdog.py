"""The watchdog of a service manager is fed by the loop that answers: when that is stuck, by nobody."""

import sys

from tests.fakes import ADA
from tests.process import RunningProcess, write_config, write_csv
from tests.servers.manager import ServiceManager

#: a daemon whose loop is stuck for ten intervals soon after it is ready; it tells when, in between all else
STUCK = """
import asyncio, os, sys, time
from pathlib import Path
import uvloop
from lookupd import configfile
from lookupd.daemon import Daemon
from lookupd.systemd import Notifier

manager = Notifier(address=os.environ["NOTIFY_SOCKET"])

def be_stuck():
    manager._send("STUCK")
    time.sleep(1.0)
    manager._send("FREE")

file = Path(sys.argv[1])
daemon = Daemon(configfile.read(file), file)
uvloop.run(daemon.run(lambda url: asyncio.get_running_loop().call_later(0.5, be_stuck)))
"""


def test_a_watchdog_is_not_fed_while_the_loop_is_stuck(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA])
    config = write_config(tmp_path, {"name": "staff"})
    with ServiceManager() as manager:
        environment = {**manager.environment(WATCHDOG_USEC="300000"), "LISTEN_FDS": "0"}
        with RunningProcess(sys.executable, "-c", STUCK, str(config), environment=environment) as running:
            manager.wait_for("FREE")
            manager.wait_for("WATCHDOG=1", manager.messages.count("WATCHDOG=1") + 2)
            told = manager.messages
            assert running.stop() == 0
    begun, ended = told.index("STUCK"), told.index("FREE")
    assert told[:begun].count("WATCHDOG=1") >= 2
    assert told[begun + 1 : ended] == []
    assert told[ended:].count("WATCHDOG=1") >= 2
