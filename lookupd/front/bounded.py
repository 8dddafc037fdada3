"""A connection with bounds: aiohttp's protocol, and an end for clients that take too long or too much.

Some attributes of aiohttp's class are private and read here and in `connection`: `_messages`,
`_request_in_progress`, `_request_count`, `_paused`, `_upgraded`, `_close` and `_force_close`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from aiohttp.http import HttpProcessingError
from typing_extensions import override

from lookupd.front.refusal import REQUEST_TIMEOUT, refusal
from lookupd.front.watch import address_of

if TYPE_CHECKING:
    import asyncio

    from aiohttp import StreamReader

    from lookupd.front.load import Client
    from lookupd.front.queue import Queue
    from lookupd.front.watch import Watch

logger = logging.getLogger(__name__)

#: aiohttp's own timer for idle connections, which knows nothing of refused requests, is put out of the way
_NEVER: Final = 86400.0


class Bounded(web.RequestHandler):
    """What a client may take of a connection: what it sends is read by the class below it."""

    __slots__ = (
        "_address",
        "_body",
        "_clock",
        "_has_end",
        "_held",
        "_is_clean",
        "_is_last",
        "_left_at",
        "_load",
        "_queue",
        "_since",
        "_unsent",
        "_unsent_since",
        "_watch",
        "_wire",
        "client",
        "heard_at",
        "queued",
        "searches_queued",
    )

    def __init__(
        self, server: web.Server, watch: Watch, queue: Queue, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp itself passes None
            keepalive_timeout=_NEVER,
            lingering_time=watch.limits.farewell_time,
            max_line_size=watch.limits.head,
            max_field_size=watch.limits.head,
            auto_decompress=False,  # see `packed`
        )
        self._watch = watch
        self._load = watch.load
        self._queue = queue
        self._clock = watch.clock
        self._wire: asyncio.Transport
        self._address = ""
        #: what the address of this connection has
        self.client: Client
        #: when the client last said anything
        self.heard_at = 0.0
        #: of what waits in the queue, so much is from here
        self.queued = 0
        #: text searches among that, as far as they came alone
        self.searches_queued = 0
        #: whether the next answer is the last; whether it is, or something else is to be done after it
        self._is_last = False
        self._has_end = False
        #: the beginning of a head
        self._held = b""
        #: whether the parser has nothing of a request
        self._is_clean = True
        #: a body that is not complete, and since when it is read
        self._body: StreamReader | None = None
        self._since = 0.0
        #: bytes that the client has not taken, and since when they are as many
        self._unsent = 0
        self._unsent_since = 0.0
        #: when the last answer was sent, to be read before the connection goes
        self._left_at: float | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way; one that has not come whole may be."""
        return not (self.queued or self._messages or self._request_in_progress)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = transport  # type: ignore[assignment]  # what create_server gives; aiohttp does the same
        self.heard_at = self._clock()
        if self._load.is_draining:
            self.ends()
        self._address = address_of(transport.get_extra_info("peername"))
        self.client = self._watch.enter(self, self._address)
        self._watch.make_room(self)

    @override
    def connection_lost(self, exc: BaseException | None) -> None:
        self._queue.waiting -= self.queued
        self.client.waiting -= self.queued
        self.queued = 0
        if self.searches_queued:
            self._waits_to_search(-1)
        self._has_end = True
        self._held = b""
        self._body = None
        self._watch.leave(self, self._address, self.client)
        super().connection_lost(exc)

    def _waits_to_search(self, change: int) -> None:
        """One more or one less text search waits to begin."""
        self.searches_queued += change
        self._watch.room.waiting += change
        self.client.lookups_waiting += change

    def ends(self) -> None:
        """The next answer is the last."""
        self._is_last = self._has_end = True

    def drop(self, why: str) -> None:
        """Close it at once, whatever is under way."""
        self._load.closed[why] += 1
        self._watch.forget(self)
        self.force_close()
        self._wire.abort()

    def check(self, now: float) -> None:
        """Close it if its client has taken too long."""
        limits = self._watch.limits
        if self._is_stuck(now):
            self.drop("answer")
        elif self._left_at is not None:
            if now - self._left_at > limits.farewell_time:
                self._wire.abort()
        elif self._body is not None:
            if now - self._since > limits.body_time:
                self._body_is_late(self._body)
        elif not self.is_idle:
            return
        elif (since := self._watch.heads.get(self)) is not None:
            if now - since > limits.head_time:
                self._head_is_late(now)
        elif now - self.heard_at > limits.idle_time:
            self._leave("idle")

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        self._load.malformed += 1
        self._load.in_flight += 1  # as those are that begin, since it is finished like them
        self.client.in_flight += 1
        # what it says is not logged: it may quote a token
        logger.debug("a malformed request from %s: %s", self._address, type(exc).__name__)
        answer = refusal(400)
        answer.force_close()
        return answer

    @override
    def log_exception(self, *args: Any, **kw: Any) -> None:
        error = kw.get("exc_info")
        if isinstance(error, (web.RequestPayloadError, HttpProcessingError)):
            self._load.malformed += 1
            logger.debug("a malformed body from %s: %s", self._address, type(error).__name__)
        else:
            super().log_exception(*args, **kw)

    def _say_farewell(self, answer: bytes, now: float) -> None:
        """Send a last answer, unless another is under way, and let the client read it."""
        self._held = b""
        self._watch.has_head(self)
        if not self.is_idle:
            self.ends()
            self.close()
            return
        self._left_at = now
        self._wire.write(answer)
        if self._wire.can_write_eof():
            self._wire.write_eof()
        self.close()

    def _is_stuck(self, now: float) -> bool:
        """Whether the client takes nothing of what waits to be sent."""
        unsent = self._wire.get_write_buffer_size()
        if not unsent or unsent < self._unsent or not self._unsent:
            self._unsent = unsent
            self._unsent_since = now
            return False
        self._unsent = unsent
        return now - self._unsent_since > self._watch.limits.answer_time

    def _head_is_late(self, now: float) -> None:
        if self._held or not self._is_clean:
            self._load.closed["head"] += 1
            self._say_farewell(REQUEST_TIMEOUT, now)
        else:
            self._leave("head")  # it never said a word, and would take an answer for that to its next request

    def _body_is_late(self, body: StreamReader) -> None:
        """Whoever reads the body gets a 408 instead; where nobody does, the connection just goes."""
        self._body = None
        if not self._request_in_progress:
            self._leave("body")
            return
        self._load.closed["body"] += 1
        self.ends()
        body.set_exception(web.HTTPRequestTimeout())
        body.feed_eof()
        self.close()

    def _leave(self, why: str) -> None:
        self._load.closed[why] += 1
        self.force_close()
