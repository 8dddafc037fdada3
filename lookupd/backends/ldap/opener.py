"""Opens connections beside those who wait for them, who may wait for less time than that takes."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeAlias

import ldap

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.backends.ldap.connection import Connection
    from lookupd.backends.ldap.deadline import Deadline

_MOST = 4  # a source has so many threads

_Opening: TypeAlias = "Future[Connection]"


class Opener:
    """Each connection is opened in a thread of its own, and has the timeouts of the settings for it.

    The system's resolver knows none, and a directory far away may need longer than somebody waits. So what is
    not open in time goes on, and is kept for later. Only a few go on so: when there are as many, the next who
    wants a connection waits for one of them, which may be lost, instead of beginning another.
    """

    def __init__(self, open_: Callable[[str], Connection], keep: Callable[[Connection], None]) -> None:
        """`open_` connects to a URI; `keep` takes a connection that nobody waits for any more."""
        self._open = open_
        self._keep = keep
        self._lock = threading.Lock()
        #: those that nobody waits for, and where to
        self._left: dict[_Opening, str] = {}

    def opened(self, uri: str, deadline: Deadline) -> Connection:
        """A connection to a server. Raises what opening it raises; ldap.TIMEOUT when that takes too long."""
        seconds = deadline.left(math.inf)
        opening = self._taken_over(uri) or self._begun(uri)
        try:
            return opening.result(None if seconds == math.inf else seconds)
        except TimeoutError:
            with self._lock:
                if not opening.done():
                    self._left[opening] = uri
                    raise ldap.TIMEOUT from None
            return opening.result()

    def _taken_over(self, uri: str) -> _Opening | None:
        with self._lock:
            found = [opening for opening, place in self._left.items() if place == uri]
            if len(found) < _MOST:
                return None
            del self._left[found[-1]]
            return found[-1]

    def _begun(self, uri: str) -> _Opening:
        opening: _Opening = Future()
        threading.Thread(target=self._work, args=(uri, opening), name=f"open-{uri}", daemon=True).start()
        return opening

    def _work(self, uri: str, opening: _Opening) -> None:
        try:
            connection = self._open(uri)
        except BaseException as error:  # noqa: BLE001 - handed to the one who waits, whatever it is
            with self._lock:
                self._left.pop(opening, None)
                opening.set_exception(error)
            return
        with self._lock:
            is_left = self._left.pop(opening, None) is not None
            opening.set_result(connection)
        if is_left:
            self._keep(connection)
