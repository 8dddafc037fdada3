"""One connection to an LDAP server: every wait on the network has an end, and python-ldap stays in here.

Used by one thread at a time. Its errors are those of python-ldap and of the operating system.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

import ldap
from ldap.controls import SimplePagedResultsControl
from ldap.syncrepl import SyncRequestControl

from lookupd import SourceError
from lookupd.backends.ldap.content_sync import messages
from lookupd.backends.ldap.deadline import NEVER, Deadline
from lookupd.backends.ldap.watch import after, connected_to, shut_down, shut_down_new, socket_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lookupd.backends.ldap.content_sync import Message
    from lookupd.backends.ldap.settings import Settings

#: the DN of an entry, and its attributes with their values
Entry: TypeAlias = "tuple[str, Mapping[str, Sequence[bytes]]]"

_SCOPES = {"subtree": ldap.SCOPE_SUBTREE, "onelevel": ldap.SCOPE_ONELEVEL, "base": ldap.SCOPE_BASE}
_PIECE = 0.05  # seconds to wait within libldap for the rest of a message; it looks at its own limit then
_SILENCE = 60  # seconds after which an idle connection is asked for a sign of life
_PORTS = {"ldap": 389, "ldaps": 636}
_REFUSES_PAGES = (ldap.UNAVAILABLE_CRITICAL_EXTENSION, ldap.UNWILLING_TO_PERFORM, ldap.ADMINLIMIT_EXCEEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked of the directory."""

    filter: str
    attributes: Sequence[str]
    #: the only entry to look at, instead of those in the scope
    dn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a question found."""

    entries: Sequence[Entry]
    #: whether the server's size limit held back more
    is_cut: bool = False


class Connection:
    """An open, logged-in connection."""

    def __init__(self, uri: str, settings: Settings, ca_file: Path | None) -> None:
        #: the server that it goes to
        self.uri = uri
        self._settings = settings
        self._ca_file = ca_file
        self._scope = _SCOPES[settings.ldap_scope]
        scheme = urlsplit(uri).scheme
        if scheme == "ldap":
            self._open_plain(uri)
        elif scheme == "ldaps":
            self._open_encrypted(uri)
        else:
            self._ldap = ldap.initialize(uri)
            self._ldap.set_option(ldap.OPT_NETWORK_TIMEOUT, settings.ldap_network_timeout)
            self._log_in_or_close()

    def close(self) -> None:
        """Say goodbye, as far as the server still listens."""
        with contextlib.suppress(ldap.LDAPError):
            self._ldap.unbind_ext_s()

    def find(self, query: Query, deadline: Deadline = NEVER) -> Found:
        """All entries within `ldap_timeout` and by the deadline, or those before the server's size limit."""
        seconds = deadline.left(self._settings.ldap_timeout)
        end = Deadline(time.monotonic() + seconds)
        message = self._send(query, seconds)
        entries: list[Entry] = []
        is_last = False
        while not is_last:
            try:
                is_last, more = self._receive(message, end.left(seconds))
            except ldap.SIZELIMIT_EXCEEDED:
                return Found(entries=entries, is_cut=True)
            entries += more
        return Found(entries=entries)

    def read(self, dn: str, attributes: Sequence[str]) -> Mapping[str, Sequence[bytes]]:
        """Attributes of one entry, as far as the login may see them."""
        entries = self.find(Query(filter="(objectClass=*)", attributes=attributes, dn=dn)).entries
        return entries[0][1] if entries else {}

    def root(self, attributes: Sequence[str]) -> Mapping[str, Sequence[bytes]]:
        """What the server says of itself (RFC 4512, 5.1); nothing where that is no concern of the login."""
        try:
            return self.read("", attributes)
        except (ldap.NO_SUCH_OBJECT, ldap.INSUFFICIENT_ACCESS):
            return {}

    def pages(self, query: Query) -> Iterator[Sequence[Entry]]:
        """All entries, page by page (RFC 2696); one by one where the server has no pages."""
        timeout = self._settings.ldap_list_timeout
        cookie: bytes | None = b""
        is_first = True
        while is_first or cookie:
            control = SimplePagedResultsControl(True, self._settings.ldap_page_size, cookie)  # noqa: FBT003
            message = self._send(query, timeout, [control])
            try:
                _, data, _, controls = self._ldap.result3(message, all=1, timeout=timeout)
            except _REFUSES_PAGES:
                if not is_first:
                    raise
                yield from self._one_by_one(query)
                return
            yield _entries(data)
            is_first = False
            cookie = next((c.cookie for c in controls if c.controlType == control.controlType), None)

    def refresh(self, query: Query, cookie: str | None = None) -> Iterator[Message]:
        """What changed since a cookie, or everything (RFC 4533, refreshOnly)."""
        timeout = self._settings.ldap_list_timeout
        control = SyncRequestControl(criticality=True, cookie=cookie, mode="refreshOnly")
        message = self._send(query, timeout, [control])
        is_last = False
        while not is_last:
            kind, data, _, controls, _, _ = self._ldap.result4(
                message, all=0, timeout=timeout, add_ctrls=1, add_intermediates=1
            )
            is_last = kind == ldap.RES_SEARCH_RESULT
            yield from messages(kind, data, controls)

    def _one_by_one(self, query: Query) -> Iterator[Sequence[Entry]]:
        timeout = self._settings.ldap_list_timeout
        message = self._send(query, timeout)
        is_last = False
        while not is_last:
            is_last, entries = self._receive(message, timeout)
            yield entries

    def _send(self, query: Query, timeout: float, controls: Sequence[object] = ()) -> int:
        message: int = self._ldap.search_ext(
            self._settings.ldap_base_dn if query.dn is None else query.dn,
            self._scope if query.dn is None else ldap.SCOPE_BASE,
            query.filter,
            list(query.attributes),
            serverctrls=list(controls) or None,
            timeout=timeout,
        )
        return message

    def _receive(self, message: int, timeout: float) -> tuple[bool, Sequence[Entry]]:
        """One message of the reply: whether it is the last, and the entry in it."""
        kind, data, _, _ = self._ldap.result3(message, all=0, timeout=timeout)
        return kind == ldap.RES_SEARCH_RESULT, _entries(data)

    def _open_plain(self, uri: str) -> None:
        """Connect here, where the reason of a failure is known, and hand the socket over."""
        plain = socket.create_connection(_address(uri), self._settings.ldap_network_timeout)
        with plain.dup() as watched:
            plain.settimeout(None)
            self._guard(plain)
            self._ldap = ldap.initialize(uri, fileno=plain.detach())
            if self._settings.ldap_tls == "starttls":
                with (
                    self._closing_on_error(),
                    after(self._settings.ldap_timeout, lambda: shut_down(watched)),
                ):
                    self._set_options(uses_tls=True)
                    self._ldap.start_tls_s()
        self._log_in_or_close()

    def _open_encrypted(self, uri: str) -> None:
        """Find out first whether the server shakes hands at all.

        libldap with GnuTLS, as Debian and Ubuntu have it, waits for that without any limit, and given a
        network timeout it even spins. So a server that hangs is found out by a handshake of ours, libldap
        gets no network timeout, and its socket is shut down should the server hang just then.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # libldap checks it, right after
        peer = self._shake_hands(uri, context)
        self._ldap = ldap.initialize(uri)
        self._ldap.set_option(ldap.OPT_NETWORK_TIMEOUT, None)  # whatever ldap.conf says
        self._ldap.set_option(ldap.OPT_X_KEEPALIVE_IDLE, _SILENCE)
        span = self._settings.ldap_network_timeout + self._settings.ldap_timeout
        before = connected_to(peer)
        try:
            with after(span, lambda: shut_down_new(peer, before)):
                self._log_in_or_close(uses_tls=True)
        except ldap.SERVER_DOWN:
            self._raise_if_untrusted(uri)
            raise

    def _raise_if_untrusted(self, uri: str) -> None:
        """Say what is wrong with the certificate; GnuTLS within libldap says nothing."""
        if self._settings.ldap_verify_certificate:
            address = _address(uri)
            context = ssl.create_default_context(cafile=self._ca_file)
            with (
                socket.create_connection(address, self._settings.ldap_network_timeout) as plain,
                context.wrap_socket(plain, server_hostname=address[0]),
            ):
                pass

    def _shake_hands(self, uri: str, context: ssl.SSLContext) -> object:
        """The address that answered; a refusal is an answer too, and libldap will say which."""
        address = _address(uri)
        with socket.create_connection(address, self._settings.ldap_network_timeout) as plain:
            peer: object = plain.getpeername()
            with contextlib.suppress(ssl.SSLError), context.wrap_socket(plain, server_hostname=address[0]):
                pass
        return peer

    def _log_in_or_close(self, *, uses_tls: bool = False) -> None:
        with self._closing_on_error():
            self._set_options(uses_tls=uses_tls)
            message = self._ldap.simple_bind(self._settings.ldap_username or "", self._settings.password)
            self._ldap.result3(message, all=1, timeout=self._settings.ldap_timeout)
            with socket_of(self._ldap.fileno()) as same:
                self._guard(same)

    def _set_options(self, *, uses_tls: bool) -> None:
        self._ldap.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
        self._ldap.set_option(ldap.OPT_REFERRALS, 0)
        self._ldap.set_option(ldap.OPT_TIMEOUT, self._settings.ldap_timeout)
        if uses_tls:
            self._set_tls_options()

    def _set_tls_options(self) -> None:
        demands = self._settings.ldap_verify_certificate
        self._ldap.set_option(
            ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND if demands else ldap.OPT_X_TLS_NEVER
        )
        try:
            if self._ca_file:
                # GnuTLS takes any file, and finds fault with the server then.
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(self._ca_file)
                self._ldap.set_option(ldap.OPT_X_TLS_CACERTFILE, str(self._ca_file))
            self._ldap.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # takes over what was set before it
        except (OSError, ValueError) as error:
            raise SourceError(
                f"{self._ca_file or 'the authorities of the system'}: no certificates can be read there "
                f"({error}); set ldap_ca_file to a PEM file"
            ) from error

    def _guard(self, connected: socket.socket) -> None:
        """Let no read outlast the timeouts: libldap limits only the wait for the start of a message."""
        span = max(self._settings.ldap_timeout, self._settings.ldap_network_timeout)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(_PIECE))
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(span))
        if connected.family == socket.AF_UNIX:
            return
        # A firewall forgets a silent connection, and tells nobody.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENCE)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENCE // 4)

    @contextlib.contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


def _address(uri: str) -> tuple[str, int]:
    parts = urlsplit(uri)
    return parts.hostname or "", parts.port or _PORTS[parts.scheme]


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))


def _entries(data: Sequence[tuple[str | None, Mapping[str, Sequence[bytes]]]]) -> Sequence[Entry]:
    """The entries of a reply, without its pointers to other servers."""
    return [(item[0], item[1]) for item in data if item[0] is not None]
