"""The idle connections of one source, so that a question rarely waits for a new one."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from typing import TYPE_CHECKING, TypeVar

import ldap

from lookupd import SourceError
from lookupd.backends.ldap.connection import Connection
from lookupd.backends.ldap.deadline import NEVER
from lookupd.backends.ldap.failure import failure
from lookupd.backends.ldap.opener import Opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from lookupd.backends.ldap.deadline import Deadline
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
        self._opener = Opener(self._connect, self._give_back)
        self._lock = threading.Lock()
        #: with the moment on the monotonic clock when each was used last
        self._idle: list[tuple[Connection, float]] = []
        self._uris = settings.uris
        self._is_closed = False

    def ask(self, question: Callable[[Connection, Deadline], T], deadline: Deadline) -> T:
        """What a question brings by its deadline, at the first server that answers it.

        Asked once more where an old connection was lost, and elsewhere where a server hangs. Raises
        SourceError when it cannot be asked.
        """
        uris, failures = self._uris, []
        if connection := self._take():
            began = time.monotonic()
            try:
                return self._ask(connection, question, deadline.share(len(uris)))
            except _LOST:
                self._drop_idle()  # they are as old
            except ldap.TIMEOUT as error:
                self._drop_idle(connection.uri, unused_since=began)
                uris = tuple(uri for uri in uris if uri != connection.uri)
                failures.append(failure(connection.uri, self._settings, error))
            except ldap.LDAPError as error:
                raise failure(connection.uri, self._settings, error) from error

        def act(uri: str, end: Deadline) -> T:
            return self._ask(self._opener.opened(uri, end), question, end)

        return self._first(uris, failures, act, deadline)

    @contextlib.contextmanager
    def own(self) -> Iterator[Connection]:
        """A connection for a long pull, which no question waits for. Errors come out as SourceError."""
        connection = self._first(self._uris, [], lambda uri, _: self._connect(uri), NEVER)
        try:
            yield connection
        except ldap.LDAPError as error:
            raise failure(connection.uri, self._settings, error) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Let everything go; connections in use follow when their question is done."""
        with self._lock:
            self._is_closed = True
        self._drop_idle()

    def _connect(self, uri: str) -> Connection:
        return Connection(uri, self._settings, self._ca_file)

    def _ask(
        self, connection: Connection, question: Callable[[Connection, Deadline], T], deadline: Deadline
    ) -> T:
        try:
            result = question(connection, deadline)
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)
        return result

    def _take(self) -> Connection | None:
        with self._lock:
            return self._idle.pop()[0] if self._idle else None

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if not self._is_closed and len(self._idle) < _IDLE:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()

    def _drop_idle(self, uri: str | None = None, unused_since: float = math.inf) -> None:
        """Close the idle connections to a server, or all, as far as they were not used lately."""
        with self._lock:
            dropped = [
                one for one, used_at in self._idle if uri in {None, one.uri} and used_at < unused_since
            ]
            self._idle = [(one, used_at) for one, used_at in self._idle if one not in dropped]
        for connection in dropped:
            connection.close()

    def _first(
        self,
        uris: Sequence[str],
        failures: list[SourceError],
        act: Callable[[str, Deadline], T],
        deadline: Deadline,
    ) -> T:
        """What `act` does at the first server where that works.

        The last good one is tried first. `failures` tell of those that were tried before.
        """
        if self._is_closed:
            raise SourceError(f"{self._settings.ldap_uri}: the source is unloaded")
        for place, uri in enumerate(uris):
            share = deadline.share(len(uris) - place)
            try:
                done = act(uri, share)
            except _UNREACHABLE as error:
                failures.append(failure(uri, self._settings, error))
            except ldap.LDAPError as error:
                raise failure(uri, self._settings, error) from error
            else:
                rest = uris[place:]
                self._uris = (*rest, *(other for other in self._uris if other not in rest))
                return done
        raise SourceError("; ".join(str(one) for one in failures))
