"""Any body of a bulk question: its texts or a refusal; each text comes back in its answer as it was sent.

Input: the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fuzz import strict
from fuzz.targets.dird_query import check
from lookupd.answer import Answer, Story
from lookupd.number import NumberRules, parse
from lookupd.rest import Refused
from lookupd.views.dird import parameter, shape

if TYPE_CHECKING:
    from aiohttp import web

_RULES = NumberRules(region="FR")
_MOST = 20


class _Request:
    """A request that has come already."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        """The body."""
        return self._body


def run(data: bytes) -> None:
    """Check one input."""
    reading = parameter.texts(cast("web.Request", _Request(data)), "extens", most=_MOST)
    try:
        reading.send(None)
    except StopIteration as end:
        _check_answers(end.value)
    except Refused as refused:
        check(refused.body, refused.status)


def _check_answers(texts: list[str]) -> None:
    assert len(texts) <= _MOST
    for text in texts:
        answer = Answer(number=parse(text, _RULES), known=None, age=None, failed=(), story=Story())
        reply = strict.reply(shape.reverse(answer, text))
        assert reply == {"display": None, "exten": text, "fields": {}, "source": None}


TARGET = run
