"""What a service manager hands over and is told."""

import os
import socket
import subprocess
import sys

import pytest

from lookupd.systemd import Notifier, handed_sockets

US = str(os.getpid())


@pytest.fixture
def manager(tmp_path):
    """A socket that is told, and how it is called in the environment."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(5)
        yield told


def heard(told):
    return told.recv(4096).decode().splitlines()


def test_nothing_is_handed_over_without_a_manager():
    assert handed_sockets({}) == []


@pytest.mark.parametrize(
    "environ",
    [
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": US},
        {"LISTEN_PID": US, "LISTEN_FDS": "many"},
        {"LISTEN_PID": US, "LISTEN_FDS": "0"},
    ],
)
def test_sockets_of_others_are_not_taken_and_not_told_of_again(environ):
    assert handed_sockets(environ) == []
    assert environ == {}


NAMES = """
import os
from lookupd.systemd import handed_sockets
os.environ["LISTEN_PID"] = str(os.getpid())
handed = [(name, one.fileno(), one.gettimeout()) for name, one in handed_sockets()]
print(handed, "LISTEN_FDNAMES" in os.environ)
"""


@pytest.mark.parametrize(("names", "told"), [("a:b", ["a", "b"]), ("a", ["a", ""]), ("", ["", ""])])
def test_handed_sockets_have_their_names(names, told):
    with socket.socket() as one, socket.socket() as other:
        shell = f'exec 3<&{one.fileno()} 4<&{other.fileno()}; exec "$@"'
        done = subprocess.run(
            ["bash", "-c", shell, "bash", sys.executable, "-c", NAMES],
            env={**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": names},
            pass_fds=[one.fileno(), other.fileno()],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == f"{[(told[0], 3, 0.0), (told[1], 4, 0.0)]} False\n"


def test_nobody_is_told_without_a_manager():
    notifier = Notifier.of({})
    assert notifier == Notifier(address=None, watchdog=None)
    notifier.ready("well")
    notifier.alive()


def test_a_manager_is_told_what_happens(manager):
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": US}
    notifier = Notifier.of(environ)
    assert environ == {}
    assert notifier.watchdog == 3
    notifier.ready("answering\nSTOPPING=1")
    assert heard(manager) == ["READY=1", "STATUS=answering STOPPING=1"]
    notifier.reloading()
    [reloading, clock] = heard(manager)
    assert reloading == "RELOADING=1"
    assert clock.startswith("MONOTONIC_USEC=")
    notifier.alive()
    notifier.stopping()
    assert heard(manager) + heard(manager) == ["WATCHDOG=1", "STOPPING=1"]


def test_an_address_without_a_file_is_told_too():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(f"\0lookupd-{US}")
        told.settimeout(5)
        Notifier.of({"NOTIFY_SOCKET": f"@lookupd-{US}"}).alive()
        assert heard(told) == ["WATCHDOG=1"]


def test_a_watchdog_of_another_process_is_none_of_ours():
    assert Notifier.of({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}).watchdog is None


def test_a_manager_that_is_gone_is_no_error(tmp_path, caplog):
    Notifier.of({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready("well")
    assert "the service manager cannot be told READY=1" in caplog.text
