"""Which requests begin: so many at once, so many of one address, and none that was refused when it came.

Most requests are plain and take the short way, which has few steps and no coroutine of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.front.kind import Kind, is_shown, kind_of
from lookupd.front.queue import SAMPLE
from lookupd.front.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from lookupd.front.connection import Connection
    from lookupd.front.queue import Queue
    from lookupd.front.watch import Watch

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Admission:
    """Stands before the handler of an application."""

    def __init__(self, handler: Handler, watch: Watch, queue: Queue) -> None:
        self._handler = handler
        self._limits = watch.limits
        self._load = watch.load
        self._room = watch.room
        self._queue = queue
        self._most = watch.limits.in_flight
        self._most_each = watch.limits.in_flight_each

    def __call__(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        """The answer of the application, or a refusal. Either is counted until the connection finishes it."""
        connection: Connection = request._protocol  # type: ignore[assignment]  # noqa: SLF001 - see there
        load, client, queue = self._load, connection.client, self._queue
        queue.begun += 1
        if queue.begun >= SAMPLE:
            queue.measure()
        load.in_flight += 1
        client.in_flight += 1
        if connection.is_plain and load.in_flight <= self._most and client.in_flight <= self._most_each:
            queue.waiting -= 1
            client.waiting -= 1
            connection.queued = 0
            return self._handler(request)
        refused = self._refused(request, connection)
        connection.begins()
        return self._handler(request) if refused is None else _answer(refused)

    def _refused(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse | None:
        if request.body_exists and (request.content_length or 0) > self._limits.body:
            connection.ends()
            return refusal(413, has_body=not is_shown(request.path))
        kind = kind_of(request.path)
        why = None if kind is Kind.SPARED else self._why_not(connection, kind)
        connection.is_refused = False
        if why is not None:
            self._load.shed[why] += 1
            return refusal(503, has_body=not is_shown(request.path))
        if kind is Kind.LOOKUP:
            connection.count_lookup()
        return None

    def _why_not(self, connection: Connection, kind: Kind) -> str | None:
        limits, load, client = self._limits, self._load, connection.client
        if connection.is_refused:
            return "queue_lookup" if kind is Kind.LOOKUP else "queue"
        if load.in_flight > limits.in_flight:
            return "in_flight"
        if client.in_flight > limits.in_flight_each:
            return "client"
        if kind is not Kind.LOOKUP:
            return None
        if load.lookups >= self._room.most:
            return "lookups"
        return "client" if client.lookups >= self._room.each else None


async def _answer(refused: web.StreamResponse) -> web.StreamResponse:
    return refused
