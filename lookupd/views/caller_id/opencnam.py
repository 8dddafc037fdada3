"""`/v2/phone` and `/v3/phone`: the shape of OpenCNAM, so that modules for it need another host name only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from aiohttp import web

from lookupd.rest import json_response
from lookupd.views.caller_id.name import clean
from lookupd.views.caller_id.plain import text
from lookupd.views.caller_id.question import Question
from lookupd.views.dird.shape import answer_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lookupd.views.caller_id.caller import Caller, Callers
    from lookupd.views.caller_id.settings import Settings

#: what the header Accept says, and the format that is meant
_ACCEPTED: Final = {"text/pbx": "pbx", "text/plain": "text", "application/xml": "xml", "text/xml": "xml"}
_PRICE: Final = 0


class OpenCnam:
    """A name in the formats of OpenCNAM."""

    def __init__(self, callers: Callers, settings: Settings) -> None:
        self._callers = callers
        self._settings = settings

    async def get(self, request: web.Request) -> web.Response:
        """JSON, XML or text. Where nobody is known, text is empty, and of version 2 the rest is a 404."""
        question = Question.of(request, self._settings)
        if question.secret is None:
            question = replace(question, secret=request.query.get("auth_token") or None)
        caller = await self._callers.find(request, question)
        headers = answer_headers(caller.answer)
        format_ = request.query.get("format") or _ACCEPTED.get(request.headers.get("Accept", ""), "json")
        if format_ in {"pbx", "text"}:
            return text(caller.name, headers)
        version = request.match_info["version"]
        if version == "v2" and not caller.name:
            return text("", headers, 404)
        found = _found(caller, version)
        return _xml(found, headers) if format_ == "xml" else json_response(found, headers=headers)


def _found(caller: Caller, version: str) -> dict[str, str | int]:
    uri = f"/{version}/phone/{quote(caller.number, safe='')}"
    return {"name": caller.name, "number": caller.number, "price": _PRICE, "uri": uri}


def _xml(found: Mapping[str, str | int], headers: Mapping[str, str] | None) -> web.Response:
    root = ET.Element("object")
    for name, value in found.items():
        ET.SubElement(root, name).text = clean(str(value))
    body = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return web.Response(body=body, headers=headers, content_type="application/xml", charset="utf-8")
