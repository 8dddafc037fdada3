"""A real Kamailio on the loopback, a real caller (sipp), and a callee that keeps the INVITEs it gets."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

from tests.document import ROOT
from tests.process import DEADLINE

CONFIG = ROOT / "docs" / "pbx" / "kamailio.cfg"
#: who runs Kamailio where the tests are run by root
NOBODY = ("nobody", "nogroup")

#: a call: INVITE until it is answered, ACK, BYE
_SCENARIO = """\
<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="a call">
  <send retrans="500"><![CDATA[
INVITE sip:100@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {caller};tag=[pid]t[call_number]
To: <sip:100@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:trunk@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <recv response="100" optional="true"></recv>
  <recv response="180" optional="true"></recv>
  <recv response="200" rrs="true"></recv>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {caller};tag=[pid]t[call_number]
[last_To:]
[routes]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: {caller};tag=[pid]t[call_number]
[last_To:]
[routes]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <recv response="200"></recv>
</scenario>
"""


class Callee:
    """A telephone that answers at once; a context manager."""

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        #: the address it is called at
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        #: every request that came, as text
        self.requests: list[str] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._answer, name="callee", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        host, port = self._socket.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", (host, port))
        self._thread.join()
        self._socket.close()

    @property
    def invites(self) -> list[str]:
        """The INVITEs, each once."""
        found = {header(text, "Call-ID"): text for text in self.requests if text.startswith("INVITE ")}
        return [*found.values()]

    def _answer(self) -> None:
        while True:
            data, sender = self._socket.recvfrom(65536)
            if self._is_over.is_set():
                return
            text = data.decode("utf-8")
            self.requests.append(text)
            if not text.startswith("ACK "):
                self._socket.sendto(self._reply(text).encode(), sender)

    def _reply(self, request: str) -> str:
        kept = [
            line
            for line in request.split("\r\n")
            if re.match(r"(?i)(via|from|call-id|cseq|record-route):", line)
        ]
        return "\r\n".join(
            [
                "SIP/2.0 200 OK",
                *kept,
                f"To: {header(request, 'To')};tag=callee",
                f"Contact: <sip:100@{self.address}>",
                "Content-Length: 0",
                "",
                "",
            ]
        )


class Kamailio:
    """Kamailio with our configuration, in the foreground, as an unprivileged user; a context manager."""

    def __init__(self, lookupd: str, pbx: str, *defines: str) -> None:
        """`lookupd` is a URL, `pbx` the address calls go to."""
        self._defines = (f'LOOKUPD="{lookupd}"', f'PBX="sip:{pbx}"', *defines)
        self.address = ""

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="kamailio-"))
        self.address = f"127.0.0.1:{free_port()}"
        command = ["kamailio", "-f", str(CONFIG), "-DD", "-E", "-m", "32", "-M", "4", "-n", "4"]
        command += ["-l", f"udp:{self.address}", "-Y", str(self._folder), "-w", str(self._folder)]
        command += ["-P", str(self._folder / "pid")]
        for define in self._defines:
            command += ["-A", define]
        if os.geteuid() == 0:
            shutil.chown(self._folder, *NOBODY)
            command += ["-u", NOBODY[0], "-g", NOBODY[1]]
        self._log = (self._folder / "log").open("w+")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True
        )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        # All of it at once: asked to end, it waits for its children, one of which may hang, for a minute.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder)

    @property
    def log(self) -> str:
        """What it has told so far."""
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")

    def _wait_until_it_answers(self) -> None:
        host, port = self.address.split(":")
        end = time.monotonic() + DEADLINE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind(("127.0.0.1", 0))
            asking.settimeout(0.05)
            question = "\r\n".join(
                [
                    f"OPTIONS sip:{self.address} SIP/2.0",
                    f"Via: SIP/2.0/UDP 127.0.0.1:{asking.getsockname()[1]};branch=z9hG4bKready",
                    "From: <sip:test@127.0.0.1>;tag=1",
                    f"To: <sip:{self.address}>",
                    "Call-ID: ready",
                    "CSeq: 1 OPTIONS",
                    "Max-Forwards: 70",
                    "Content-Length: 0",
                    "",
                    "",
                ]
            )
            while time.monotonic() < end and self._process.poll() is None:
                asking.sendto(question.encode(), (host, int(port)))
                with contextlib.suppress(TimeoutError, ConnectionError):
                    if asking.recv(65536).startswith(b"SIP/2.0 200"):
                        return
        raise AssertionError(f"Kamailio does not answer:\n{self.log}")


def call(kamailio: str, caller: str) -> float:
    """A call from `caller`, such as <sip:+33...@example.com>; the seconds it took. Fails when it failed."""
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder) / "scenario.xml"
        scenario.write_text(_SCENARIO.format(caller=caller), encoding="utf-8")
        command = ["sipp", kamailio, "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(free_port())]
        command += ["-m", "1", "-nostdin", "-timeout", str(int(DEADLINE)), "-timeout_error"]
        begun = time.monotonic()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(
                f"the call of {caller} failed:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}"
            )
        return time.monotonic() - begun


def header(message: str, name: str) -> str | None:
    """The value of a header of a SIP message."""
    found = re.search(rf"(?im)^{name}:[ \t]*(.*?)\r?$", message)
    return found[1] if found else None


def free_port() -> int:
    """A UDP port that is free on the loopback just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
