"""The idle connections of one source, so that a question rarely waits for a new one."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

import ldap

from lookupd import SourceError
from lookupd.backends.ldap.connection import Connection
from lookupd.backends.ldap.failure import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lookupd.backends.ldap.settings import Settings

T = TypeVar("T")

_IDLE = 4  # a source has so many threads
_UNREACHABLE = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.TIMEOUT, ldap.UNAVAILABLE, ldap.BUSY, OSError)
_LOST = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.UNAVAILABLE)


class Pool:
    """Gives each question a connection of its own; threads may ask at the same time."""

    def __init__(self, settings: Settings, ca_file: Path | None) -> None:
        self._settings = settings
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._uris = settings.uris
        self._is_closed = False

    def ask(self, question: Callable[[Connection], T]) -> T:
        """What a question brings; asked once more where only an old connection was lost.

        Raises SourceError when it cannot be asked.
        """
        connection = self._take()
        if connection:
            try:
                return self._ask(connection, question)
            except _LOST:
                self._drop_idle()  # they are as old
            except ldap.LDAPError as error:
                raise failure(self._uris[0], self._settings, error) from error
        connection = self._open()
        try:
            return self._ask(connection, question)
        except ldap.LDAPError as error:
            raise failure(self._uris[0], self._settings, error) from error

    @contextlib.contextmanager
    def own(self) -> Iterator[Connection]:
        """A connection for a long pull, which no question waits for. Errors come out as SourceError."""
        connection = self._open()
        try:
            yield connection
        except ldap.LDAPError as error:
            raise failure(self._uris[0], self._settings, error) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Let everything go; connections in use follow when their question is done."""
        with self._lock:
            self._is_closed = True
        self._drop_idle()

    def _ask(self, connection: Connection, question: Callable[[Connection], T]) -> T:
        try:
            result = question(connection)
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return result

    def _take(self) -> Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._is_closed and len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _open(self) -> Connection:
        """A connection to the first server that lets us in; the last good one is tried first."""
        if self._is_closed:
            raise SourceError(f"{self._settings.ldap_uri}: the source is unloaded")
        failures = []
        uris = self._uris
        for uri in uris:
            try:
                connection = Connection(uri, self._settings, self._ca_file)
            except _UNREACHABLE as error:
                failures.append(failure(uri, self._settings, error))
            except ldap.LDAPError as error:
                raise failure(uri, self._settings, error) from error
            else:
                self._uris = (uri, *(other for other in uris if other != uri))
                return connection
        raise SourceError("; ".join(str(one) for one in failures))
