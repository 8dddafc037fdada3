"""A real OpenLDAP server on a free port of the loopback, with its data in a temporary folder.

It belongs to whoever made it: it runs in the foreground as a child, and ends by its own process id.
"""

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

import ldap
import ldap.ldapobject
from ldap.controls.simple import RelaxRulesControl

#: the attributes of one entry; values are text or bytes, alone or several
Attributes = Mapping[str, str | bytes | list[str] | list[bytes]]

#: lets the administrator write what else only the server writes: ids and times
RELAXED = (RelaxRulesControl(criticality=True),)

START_TIMEOUT = 15.0  # seconds; slapd starts in a twentieth of a second where nothing else runs

# The two attributes that no standard schema has: a binary id, and a text whose bytes nobody checks.
SCHEMA = """
attributetype ( 1.3.6.1.4.1.55555.1.1 NAME 'objectGUID' EQUALITY octetStringMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 SINGLE-VALUE )
attributetype ( 1.3.6.1.4.1.55555.1.2 NAME 'legacyName' EQUALITY octetStringMatch
    SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
objectclass ( 1.3.6.1.4.1.55555.2.1 NAME 'directoryPerson' SUP top AUXILIARY
    MAY ( objectGUID $ legacyName ) )
"""

CONFIGURATION = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {folder}/extra.schema
pidfile {folder}/slapd.pid
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload syncprov
sizelimit unlimited
{tls}
database mdb
suffix "{base_dn}"
rootdn "{admin_dn}"
rootpw {admin_password}
directory {folder}/data
maxsize {max_size}
dbnosync
index objectClass,entryUUID,entryCSN eq
index cn,sn pres,eq,sub
index uid,mail,telephoneNumber,mobile eq
{limits}
{account}
{more}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """A self-made authority, and a certificate of it for some names."""

    ca_file: Path
    certificate: Path
    key: Path

    @classmethod
    def make(cls, folder: Path, names: str = "IP:127.0.0.1,DNS:localhost") -> Self:
        """Made with the openssl command, valid for a day; the names are as `subjectAltName` has them."""
        folder.mkdir(parents=True, exist_ok=True)
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
        authority = ("-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test authority")
        server = ("-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=Test server")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
        for arguments in (authority, (*server, *signed, "-addext", f"subjectAltName={names}")):
            command = ("openssl", "req", "-x509", *new_key, *arguments)
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return cls(ca_file=folder / "ca.pem", certificate=folder / "server.pem", key=folder / "server.key")


class Slapd:
    """One server with one database; `with Slapd(folder) as server:` starts and stops it.

    It keeps account of that many changes for who asks for them (`session_log`; None is no account at all).
    `limits` and `more` are lines for its configuration, before and behind this.
    """

    base_dn = "dc=example,dc=com"
    admin_dn = f"cn=admin,{base_dn}"
    admin_password = "planted-secret"

    def __init__(
        self,
        folder: Path,
        *,
        certificates: Certificates | None = None,
        limits: str = "",
        session_log: int | None = 0,
        more: str = "",
        max_size: int = 1 << 30,  # the file is sparse: it takes what it holds
    ) -> None:
        self._folder = folder
        self._max_size = max_size
        self._certificates = certificates
        self._limits = limits
        self._account = _account(session_log)
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None
        self._program = _program("slapd")
        ports = _free_ports(2)
        self.url = f"ldap://127.0.0.1:{ports[0]}"
        self.tls_url = f"ldaps://127.0.0.1:{ports[1]}" if certificates else ""
        self.socket_url = f"ldapi://{quote(str(folder / 'ldapi'), safe='')}"
        self._configure()
        self.load(
            [(self.base_dn, {"objectClass": ["dcObject", "organization"], "dc": "example", "o": "Example"})]
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process id, or None while it is stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Run it, on the same port as before, and wait until it answers."""
        if self._process:
            return
        urls = " ".join(url for url in (self.url, self.tls_url, self.socket_url) if url)
        log = self._folder / "slapd.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._program, "-f", str(self._folder / "slapd.conf"), "-h", urls, "-d", "0"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"slapd does not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.005)

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def suspend(self) -> None:
        """Let it hang: connections are still accepted by the kernel, nothing is answered."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED)  # its threads do not stop at once

    def resume(self) -> None:
        """Let it go on after `suspend`."""
        self._running().send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Hanging inside the block."""
        self.suspend()
        try:
            yield
        finally:
            self.resume()

    @contextlib.contextmanager
    def killed(self) -> Iterator[None]:
        """Dead inside the block, and there again after it."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def load(self, entries: Iterable[tuple[str, Attributes]]) -> None:
        """Add entries in bulk while it is stopped: 100,000 take seconds."""
        if self._process:
            raise RuntimeError("slapd runs: use add, or stop it first")
        file = self._folder / "load.ldif"
        with file.open("wb") as output:
            for dn, attributes in entries:
                output.write(_ldif(dn, attributes))
        command = [_program("slapadd"), "-q", "-f", str(self._folder / "slapd.conf"), "-l", str(file)]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"slapadd: {done.stderr.decode(errors='replace')[-2000:]}")
        file.unlink()

    def add(self, entries: Iterable[tuple[str, Attributes]], controls: Sequence[object] = ()) -> None:
        """Add entries while it runs."""
        with self.connected() as connection:
            for dn, attributes in entries:
                changes = [(name, _values(value)) for name, value in attributes.items()]
                connection.add_ext_s(dn, changes, serverctrls=list(controls))

    def modify(self, dn: str, attributes: Attributes, controls: Sequence[object] = ()) -> None:
        """Replace attributes of an entry; an empty list removes one."""
        changes = [(ldap.MOD_REPLACE, name, _values(value) or None) for name, value in attributes.items()]
        with self.connected() as connection:
            connection.modify_ext_s(dn, changes, serverctrls=list(controls))

    def delete(self, dn: str) -> None:
        """Remove an entry."""
        with self.connected() as connection:
            connection.delete_s(dn)

    def rename(self, dn: str, name: str, parent: str) -> None:
        """Give an entry, and all below it, another name or place."""
        with self.connected() as connection:
            connection.rename_s(dn, name, parent)

    def read(self, dn: str, attributes: Sequence[str]) -> Sequence[tuple[str, Mapping[str, list[bytes]]]]:
        """An entry, with these attributes."""
        with self.connected() as connection:
            return connection.search_s(dn, ldap.SCOPE_BASE, attrlist=list(attributes))

    @contextlib.contextmanager
    def connected(self) -> Iterator[ldap.ldapobject.SimpleLDAPObject]:
        """A connection of the administrator."""
        connection = ldap.initialize(self.url)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, START_TIMEOUT)
        connection.timeout = START_TIMEOUT
        try:
            connection.simple_bind_s(self.admin_dn, self.admin_password)
            yield connection
        finally:
            connection.unbind_s()

    def _running(self) -> "subprocess.Popen[bytes]":
        if not self._process:
            raise RuntimeError("slapd does not run")
        return self._process

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if not process:
            return
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)  # a suspended process takes no SIGTERM
        try:
            process.wait(START_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        try:
            with self.connected():
                return True
        except ldap.SERVER_DOWN:
            return False

    def _configure(self) -> None:
        (self._folder / "data").mkdir(parents=True)
        (self._folder / "extra.schema").write_text(SCHEMA)
        text = CONFIGURATION.format(
            folder=self._folder,
            account=self._account,
            more=self._more,
            tls=_tls(self._certificates),
            base_dn=self.base_dn,
            admin_dn=self.admin_dn,
            admin_password=self.admin_password,
            max_size=self._max_size,
            limits=self._limits,
        )
        (self._folder / "slapd.conf").write_text(text)


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/libexec")
    if not found:
        raise RuntimeError(f"{name} is not installed: apt-get install slapd ldap-utils")
    return found


def _account(session_log: int | None) -> str:
    if session_log is None:
        return ""
    return "overlay syncprov\n" + (f"syncprov-sessionlog {session_log}\n" if session_log else "")


def _free_ports(count: int) -> list[int]:
    """Ports that nobody has at the moment, and the kernel does not give away again soon."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for taken in sockets:
            taken.bind(("127.0.0.1", 0))
        return [taken.getsockname()[1] for taken in sockets]


def _tls(certificates: Certificates | None) -> str:
    if not certificates:
        return ""
    return (
        f"TLSCACertificateFile {certificates.ca_file}\n"
        f"TLSCertificateFile {certificates.certificate}\n"
        f"TLSCertificateKeyFile {certificates.key}\n"
    )


def _values(value: str | bytes | list[str] | list[bytes]) -> list[bytes]:
    values = value if isinstance(value, list) else [value]
    return [one.encode() if isinstance(one, str) else one for one in values]


def _ldif(dn: str, attributes: Attributes) -> bytes:
    """One entry as RFC 2849 has it, every value in base64, which is never wrong."""
    encoded = [b"dn:: " + base64.b64encode(dn.encode())]
    encoded += [
        name.encode() + b":: " + base64.b64encode(one)
        for name, value in attributes.items()
        for one in _values(value)
    ]
    return b"\n".join(encoded) + b"\n\n"
