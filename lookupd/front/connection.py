"""One connection: aiohttp's protocol with bounds and time-outs, and refusals before anything is parsed.

Heads are held back until they are complete, so a trickle never reaches the parser. Some attributes of
aiohttp's class are private and read here: `_messages`, `_request_in_progress`, `_paused`, `_upgraded`,
`_close` and `_force_close`.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from aiohttp import EMPTY_PAYLOAD, web
from aiohttp.http import HttpProcessingError
from typing_extensions import override

from lookupd.front.form import Form
from lookupd.front.kind import REVERSE_QUESTION, Kind, kind_of_bytes
from lookupd.front.refusal import BUSY, HEAD_TOO_LARGE, REQUEST_TIMEOUT, refusal
from lookupd.front.watch import address_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from aiohttp import StreamReader

    from lookupd.front.load import Client
    from lookupd.front.queue import Queue
    from lookupd.front.watch import Watch

logger = logging.getLogger(__name__)

_END: Final = b"\r\n\r\n"
#: aiohttp's own timer for idle connections, which knows nothing of refused requests, is put out of the way
_NEVER: Final = 86400.0
#: the beginning of a request; anything else is for the parser to refuse at once
_POSSIBLE: Final = re.compile(rb"[A-Z\r\n]")
#: named here, since looking them up takes time with each request
_received: Final = web.RequestHandler.data_received
_finish: Final = web.RequestHandler.finish_response


class Connection(web.RequestHandler):
    """What a client and a front say to each other."""

    __slots__ = (
        "_address",
        "_at_once",
        "_body",
        "_clock",
        "_has_end",
        "_head_size",
        "_held",
        "_is_between",
        "_is_clean",
        "_is_last",
        "_is_lookup",
        "_left_at",
        "_load",
        "_queue",
        "_read",
        "_since",
        "_unsent",
        "_unsent_since",
        "_watch",
        "_wire",
        "client",
        "heard_at",
        "is_plain",
        "is_refused",
        "queued",
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
        )
        self._watch = watch
        self._load = watch.load
        self._queue = queue
        self._clock = watch.clock
        self._at_once = watch.at_once
        self._head_size = watch.limits.head
        self._wire: asyncio.Transport
        self._address = ""
        #: what the address of this connection has
        self.client: Client
        #: when the client last said anything
        self.heard_at = 0.0
        #: how many requests have been read of it
        self._read = 0
        #: whether all that is queued is one reverse question without a body, and to be answered
        self.is_plain = False
        #: whether its next request is to be refused
        self.is_refused = False
        #: of what waits in the queue, so much is from here
        self.queued = 0
        #: whether the request that is answered is a lookup, and its answer the last; whether it is either
        self._is_lookup = False
        self._is_last = False
        self._has_end = False
        #: the beginning of a head
        self._held = b""
        #: whether the parser has nothing of a request, and whether nobody has: no head is held or owed
        self._is_clean = True
        self._is_between = False
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
        self.queued = 0
        self._has_end = True
        self._held = b""
        self._body = None
        self._watch.leave(self, self._address, self.client)
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        now = self.heard_at = self._clock()
        if not (self._is_between and data[-4:] == _END and len(data) <= self._head_size):
            self._part_received(data, now)
            return
        if self._at_once is not None and self._is_done(data, now):
            return
        queue = self._queue
        if queue.waiting >= queue.alarm and self._is_turned_away(data, now):
            return
        _received(self, data)
        messages = self._messages
        if len(messages) == 1 and not self.queued and messages[0][1] is EMPTY_PAYLOAD:
            if not queue.waiting:
                queue.measured_at = now
                queue.begun = 0
            queue.waiting += 1
            self.queued = 1
            self._read = self._request_count
            self.is_plain = data.startswith(REVERSE_QUESTION)
        else:
            self._note(data, now)

    def begins(self) -> None:
        """A request of this connection that is not plain begins, or is refused: it waits no longer."""
        left = len(self._messages)
        self._queue.waiting += left - self.queued
        self.queued = left

    def count_lookup(self) -> None:
        """The request that begins is a lookup."""
        self._is_lookup = self._has_end = True
        self._load.lookups += 1
        self.client.lookups += 1

    def ends(self) -> None:
        """The next answer is the last."""
        self._is_last = self._has_end = True

    @override
    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        self._load.in_flight -= 1
        self.client.in_flight -= 1
        if self._has_end:
            self._end(resp)
        return _finish(self, request, resp, start_time)

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

    def _part_received(self, data: bytes, now: float) -> None:
        """A part of a head or of a body, or more than one request."""
        if self._body is not None or self._upgraded or not data:
            _received(self, data)
            self._note(data, now)
            return
        whole = self._whole(data, now)
        if not whole:
            return
        queue = self._queue
        if self._at_once is not None and self._is_done(whole, now):
            return
        if queue.waiting >= queue.alarm and self._is_turned_away(whole, now):
            return
        _received(self, whole)
        self._note(whole, now)

    def _whole(self, data: bytes, now: float) -> bytes:
        """A head that is complete, with all that follows it; nothing if it is not, or too large."""
        if self._close or self._force_close:
            return b""
        held = self._held + data
        end = held.find(_END, max(0, len(self._held) - len(_END) + 1))
        if (end if end >= 0 else len(held) - len(_END)) + len(_END) > self._head_size:
            self._load.closed["head_size"] += 1
            self._say_farewell(HEAD_TOO_LARGE, now)
            return b""
        if end < 0 and _POSSIBLE.match(held):
            self._held = held
            self._is_between = False
            self._watch.owes_head(self, now)
            return b""
        self._held = b""
        return held

    def _note(self, data: bytes, now: float) -> None:
        """Learn from what the parser made of the data."""
        self.is_plain = False
        # Not the messages that wait: one may be taken that has not begun.
        new = self._request_count - self._read
        if not new:
            if self._body is None:
                self._is_clean = self._is_between = False
                if data and not self._upgraded:
                    self._watch.owes_head(self, now)
            elif self._body.is_eof():
                self._body = None
            return
        if not self._queue.waiting:
            self._queue.starts(now)
        self._read += new
        self._queue.waiting += new
        self.queued += new
        self._watch.has_head(self)
        if not self._messages:
            return
        payload = self._messages[-1][1]
        self._body = None
        self._is_clean = self._is_between = payload is EMPTY_PAYLOAD and data[-4:] == _END
        if payload is not EMPTY_PAYLOAD and not payload.is_eof():
            self._body = payload
            self._since = now

    def _is_done(self, data: bytes, now: float) -> bool:
        """Whether a request is answered at once, or turned away because answering others took too long."""
        queue = self._queue
        if not queue.is_reading:
            queue.reads(now)
            self._loop.call_soon(queue.has_read)
        return (queue.has_read_long(now) and self._is_turned_away(data, now)) or self._is_answered(data)

    def _is_answered(self, data: bytes) -> bool:
        """Whether a request is answered now, as it is, because nothing else is under way."""
        if not self._is_clean or self._paused or self._is_last or not self.is_idle or self._at_once is None:
            return False
        if self._close or self._force_close:
            return False
        reply = self._at_once(data)
        if reply is None:
            return False
        if not self._is_between:
            self._is_between = True
            self._watch.has_head(self)
        self._load.answered_at_once += 1
        self._wire.write(reply)
        return True

    def _is_turned_away(self, data: bytes, now: float) -> bool:
        """Whether a request comes when too many wait; then it is answered, or marked to be."""
        kind = Kind.REVERSE if data.startswith(REVERSE_QUESTION) else kind_of_bytes(data)
        if not self._queue.is_too_long(kind, now):
            return False
        form = self._watch.forms.form(data)
        if form is Form.OTHER or not self._is_clean or self._paused or not self.is_idle:
            self.is_refused = True
            return False
        if not self._is_between:
            self._is_between = True
            self._watch.has_head(self)
        self._load.shed["queue_lookup" if kind is Kind.LOOKUP else "queue"] += 1
        answer = BUSY[form is Form.CLOSES or self._is_last, data.startswith(b"GET ")]
        if form is Form.CLOSES or self._is_last:
            self._say_farewell(answer, now)
        else:
            self._wire.write(answer)
        return True

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

    def _end(self, answer: web.StreamResponse) -> None:
        """What is to be done at the end of some requests only."""
        if self._is_lookup:
            self._is_lookup = False
            self._load.lookups -= 1
            self.client.lookups -= 1
        if self._is_last:
            answer.force_close()
        self._has_end = self._is_last
        if not self.client.connections:
            self._watch.forget_client(self._address, self.client)

    def _leave(self, why: str) -> None:
        self._load.closed[why] += 1
        self.force_close()

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
