"""`/cid`: the name and nothing else, as one line of text; or as pairs for Asterisk's hashcompat."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from lookupd.views.caller_id.caller import written
from lookupd.views.caller_id.question import Question
from lookupd.views.dird.shape import answer_headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lookupd.views.caller_id.caller import Caller, Callers
    from lookupd.views.caller_id.settings import Settings


class Plain:
    """Text for a number."""

    def __init__(self, callers: Callers, settings: Settings) -> None:
        self._callers = callers
        self._settings = settings

    async def get(self, request: web.Request) -> web.Response:
        """The name; an empty body, or the fallback of the request, where nobody is known."""
        question = Question.of(request, self._settings)
        caller = await self._callers.find(request, question)
        headers = answer_headers(caller.answer) if question.has_number else {"X-Lookupd-Failed": "question"}
        if request.query.get("format") == "hash":
            return text(_encoded(dict(self._pairs(caller, question))), headers)
        return text(caller.name or written(question.fallback, question), headers)

    def _pairs(self, caller: Caller, question: Question) -> Iterator[tuple[str, str]]:
        """What is known, by name; nothing where there is neither a name nor a fallback."""
        name = caller.name or written(question.fallback, question)
        if not name:
            return
        yield "name", name
        yield "number", caller.number
        if caller.name and caller.answer.known is not None:
            contact = caller.answer.known.contact
            yield "source", contact.source
            fields = contact.fields if self._settings.fields else {}
            for column in self._settings.fields:
                if fields.get(column) is not None:
                    yield column, written(str(fields[column]), question)


def text(body: str, headers: Mapping[str, str] | None = None, status: int = 200) -> web.Response:
    """A reply whose body is this text, without the end of a line."""
    return web.Response(text=body, status=status, headers=headers, content_type="text/plain", charset="utf-8")


def _encoded(pairs: Mapping[str, str]) -> str:
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs.items())
