"""What is done with what a client sends: held until it is whole, answered at once, turned away, or parsed.

Heads are held back until they are complete, so a trickle never reaches the parser.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from aiohttp import EMPTY_PAYLOAD, web
from typing_extensions import override

from lookupd.front.bounded import Bounded
from lookupd.front.form import Form
from lookupd.front.kind import REVERSE_QUESTION, Kind, is_shown_bytes, kind_of_bytes
from lookupd.front.refusal import BUSY, BUSY_EMPTY, HEAD_TOO_LARGE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from lookupd.front.queue import Queue
    from lookupd.front.watch import Watch

_END: Final = b"\r\n\r\n"
#: the beginning of a request; anything else is for the parser to refuse at once
_POSSIBLE: Final = re.compile(rb"[A-Z\r\n]")
#: named here, since looking them up takes time with each request
_received: Final = web.RequestHandler.data_received
_finish: Final = web.RequestHandler.finish_response


class Connection(Bounded):
    """What a client and a front say to each other."""

    __slots__ = ("_at_once", "_head_size", "_is_between", "_is_lookup", "_read", "is_plain", "is_refused")

    def __init__(
        self, server: web.Server, watch: Watch, queue: Queue, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(server, watch, queue, loop)
        self._at_once = watch.at_once
        self._head_size = watch.limits.head
        #: how many requests have been read of it
        self._read = 0
        #: whether all that is queued is one reverse question without a body, and to be answered
        self.is_plain = False
        #: whether its next request is to be refused
        self.is_refused = False
        #: whether the request that is answered is a lookup
        self._is_lookup = False
        #: whether nobody has anything of a request: the parser has none, and no head is held or owed
        self._is_between = False

    @override
    def data_received(self, data: bytes) -> None:
        now = self.heard_at = self._clock()
        if not (self._is_between and data[-4:] == _END and len(data) <= self._head_size):
            self._part_received(data, now)
            return
        if self._is_settled(data, now):
            return
        _received(self, data)
        queue = self._queue
        messages = self._messages
        if len(messages) == 1 and not self.queued and messages[0][1] is EMPTY_PAYLOAD:
            if not queue.waiting:
                queue.measured_at = now
                queue.begun = 0
            queue.waiting += 1
            self.client.waiting += 1
            self.queued = 1
            self._read = self._request_count
            self.is_plain = data.startswith(REVERSE_QUESTION)
            if not self.is_plain and kind_of_bytes(data) is Kind.LOOKUP:
                self._waits_to_search(1)
        else:
            self._note(data, now)

    def begins(self) -> None:
        """A request of this connection that is not plain begins, or is refused: it waits no longer."""
        left = len(self._messages)
        self._queue.waiting += left - self.queued
        self.client.waiting += left - self.queued
        self.queued = left
        if self.searches_queued:
            self._waits_to_search(-1)

    def count_lookup(self) -> None:
        """The request that begins is a lookup."""
        self._is_lookup = self._has_end = True
        self._load.lookups += 1
        self.client.lookups += 1

    @override
    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        self._load.in_flight -= 1
        self.client.in_flight -= 1
        if self._has_end:
            self._end(resp)
        return _finish(self, request, resp, start_time)

    def _part_received(self, data: bytes, now: float) -> None:
        """A part of a head or of a body, or more than one request."""
        if self._body is not None or self._upgraded or not data:
            _received(self, data)
            self._note(data, now)
            return
        whole = self._whole(data, now)
        if not whole:
            return
        if self._is_settled(whole, now):
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
        self.client.waiting += new
        self.queued += new
        if self.queued == 1 and kind_of_bytes(data) is Kind.LOOKUP:
            self._waits_to_search(1)
        self._watch.has_head(self)
        payload = self._messages[-1][1]
        self._body = None
        self._is_clean = self._is_between = payload is EMPTY_PAYLOAD and data[-4:] == _END
        if payload is not EMPTY_PAYLOAD and not payload.is_eof():
            self._body = payload
            self._since = now

    def _is_settled(self, data: bytes, now: float) -> bool:
        """Whether a request is answered at once, or turned away.

        Where there is little room, only a reverse question is still looked up at once: others cost less so.
        """
        queue = self._queue
        is_tight = queue.waiting >= queue.alarm or self._is_full
        if is_tight and not data.startswith(REVERSE_QUESTION):
            return self._is_turned_away(data, now)
        if self._at_once is not None and self._is_done(data, now):
            return True
        return is_tight and self._is_turned_away(data, now)

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

    @property
    def _is_full(self) -> bool:
        """Whether no more text searches can begin when those that wait have; then none need be parsed."""
        room, client = self._watch.room, self.client
        return (
            self._load.lookups + room.waiting >= room.most
            or client.lookups + client.lookups_waiting >= room.each
        )

    def _is_turned_away(self, data: bytes, now: float) -> bool:
        """Whether a request comes when too many wait; then it is answered, or marked to be."""
        kind = Kind.REVERSE if data.startswith(REVERSE_QUESTION) else kind_of_bytes(data)
        is_one_too_many = kind is Kind.LOOKUP and self._is_full
        if not is_one_too_many and not self._queue.is_too_long(kind, now):
            return False
        form = self._watch.forms.form(data)
        if form is Form.OTHER or not self._is_clean or self._paused or not self.is_idle:
            self.is_refused = True
            return False
        if not self._is_between:
            self._is_between = True
            self._watch.has_head(self)
        queue = "queue_lookup" if kind is Kind.LOOKUP else "queue"
        self._load.shed["lookups" if is_one_too_many else queue] += 1
        closes = form is Form.CLOSES or self._is_last
        answer = BUSY_EMPTY[closes] if is_shown_bytes(data) else BUSY[closes, data.startswith(b"GET ")]
        if closes:
            self._say_farewell(answer, now)
        else:
            self._wire.write(answer)
        return True

    def _end(self, answer: web.StreamResponse) -> None:
        """What is to be done at the end of some requests only."""
        if self._is_lookup:
            self._is_lookup = False
            self._load.lookups -= 1
            self.client.lookups -= 1
            self._watch.room.measure()
        if self._is_last:
            answer.force_close()
        self._has_end = self._is_last
        if not self.client.connections:
            self._watch.forget_client(self._address, self.client)
