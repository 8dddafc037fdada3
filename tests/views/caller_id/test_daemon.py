"""Names for PBXes from a real daemon, with real commands beside it."""

import json
import signal
import socket
import subprocess
from urllib.parse import urlsplit

from tests.process import RunningDaemon, lookupd, wait_until, write_config, write_csv

ROW = {"id": "1", "name": "Ada Bélanger", "number": "+33 1 99 00 12 34"}


def command(config, *arguments):
    done = subprocess.run(lookupd(config, *arguments), capture_output=True, text=True, check=True)
    return done.stdout


def raw(url, request):
    """The whole answer to some bytes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while data := connection.recv(65536):
            answer += data
        return answer


def test_a_device_gets_names_from_its_first_request_until_it_is_revoked(tmp_path):
    write_csv(tmp_path / "staff.csv", [ROW])
    guests = {"subnets": []}
    config = write_config(tmp_path, {"name": "staff"}, auth={"mode": "token"}, guests=guests)
    command(config, "sync")
    with RunningDaemon(config) as daemon:
        assert daemon.get("/cid?number=0199001234") == (401, "")
        made = json.loads(command(config, "token", "add", "pbx", "--device", "--json"))
        path = f"/p/{made['token']}/cid?number=0199001234"
        assert daemon.get(path) == (200, "Ada Bélanger")
        assert daemon.get("/0.1/status", **{"X-Auth-Token": made["token"]})[0] == 401
        command(config, "token", "revoke", made["id"])
        assert daemon.get(path) == (404, "")
        assert made["token"] not in daemon.log


def test_the_oldest_clients_are_answered(tmp_path):
    write_csv(tmp_path / "staff.csv", [ROW])
    config = write_config(tmp_path, {"name": "staff"})
    command(config, "sync")
    with RunningDaemon(config) as daemon:
        answer = raw(daemon.url, b"GET /cid/0199001234 HTTP/1.0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert (b" 200 " in head, body.decode()) == (True, "Ada Bélanger")
        answer = raw(daemon.url, b"GET /crm/3cx.xml HTTP/1.0\r\n\r\n")
        assert f'Default="{daemon.url}"'.encode() in answer


def test_who_may_ask_changes_with_the_configuration(tmp_path):
    write_csv(tmp_path / "staff.csv", [ROW])
    config = write_config(tmp_path, {"name": "staff"})
    command(config, "sync")
    with RunningDaemon(config) as daemon:
        assert daemon.get("/cid?number=0199001234") == (200, "Ada Bélanger")
        write_config(
            tmp_path, {"name": "staff"}, guests={"subnets": ["192.0.2.0/24"], "proxies": ["127.0.0.1/32"]}
        )
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.get("/cid?number=0199001234") == (401, ""), "the reload")
        asked = daemon.get("/cid?number=0199001234", **{"X-Forwarded-For": "192.0.2.7"})
        assert asked == (200, "Ada Bélanger")
