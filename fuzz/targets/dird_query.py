"""Any query string: what the resources read from it, or a refusal; every reply is one line of ASCII JSON.

Input: the query string.
"""

from __future__ import annotations

from typing import Final

from yarl import URL

from fuzz import given, strict
from lookupd.errors import QuestionTooLarge, UnknownProfile, UnknownSource
from lookupd.rest import Refused, json_response, told
from lookupd.views.dird import parameter

_ITEMS: Final = [
    {"uuid": "1", "name": "Staff", "backend": "ldap"},
    {"uuid": "2", "name": "partners", "backend": "csv"},
    {"uuid": "3", "name": "Élan", "backend": "csv"},
]


def run(data: bytes) -> None:
    """Check one input."""
    query = URL.build(path="/", query_string=given.text(data), encoded=True).query
    assert isinstance(parameter.flag(query, "explain"), bool)
    for name in ("term", "limit", "offset", "exten"):
        try:
            required, natural = parameter.required(query, name), parameter.natural(query, name)
        except Refused as refused:
            check(refused.body, refused.status)
        else:
            assert natural is None or (0 <= natural < 10**9 and required.isascii())
            check({"term": required}, 200)
            for error in (
                UnknownProfile(required),
                UnknownSource(required, [required]),
                QuestionTooLarge(required),
            ):
                for is_legacy in (False, True):
                    status, body = told(error, {"invalid_token": required}, is_legacy=is_legacy)
                    check(body, status)
    try:
        page = parameter.Paging(query, orders=("name", "backend"), filters=("uuid", "name")).page(
            _ITEMS, searched=("name",)
        )
    except Refused as refused:
        check(refused.body, refused.status)
    else:
        assert len(page["items"]) <= page["filtered"] <= page["total"] == len(_ITEMS)
        check(page, 200)


def check(body: object, status: int) -> None:
    """What holds for every reply."""
    reply = json_response(body, status)
    assert isinstance(reply.body, bytes)
    assert strict.reply(reply.body.decode().removesuffix("\n")) == body


TARGET = run
