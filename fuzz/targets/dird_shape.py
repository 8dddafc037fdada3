"""Any contact in any answer: its fields arrive as they are stored, in one line of ASCII JSON.

Input: a number that somebody asks; then the rows of a directory, as lines of `given.values`.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from fuzz import given, index, strict
from lookupd.answer import Answer, Failure, Hit, Known, Origin, Page, Story
from lookupd.config import Column
from lookupd.freshness import Freshness
from lookupd.number import Tier, parse
from lookupd.rest import json_response
from lookupd.row import RowRefused
from lookupd.views.dird import shape

if TYPE_CHECKING:
    from lookupd.contact import Contact

_SHAPE: Final = index.shape("made-up")
_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
_COLUMNS: Final = (
    Column(title="Name", field="name", type="name", default="?"),
    Column(field="numbers", type="number"),
    Column(type="favorite"),
    Column(field="reverse"),
)
_HEADER: Final = re.compile(r"[\x20-\x7e]+")


def run(data: bytes) -> None:
    """Check one input."""
    first, rest = (*data.split(b"\n", 1), b"")[:2]
    asked = given.text(first)
    contacts = []
    for row in [value for value in given.values(rest) if isinstance(value, dict)][:3]:
        try:
            contacts.append(_SHAPE.contact(_SHAPE.checked(row)))
        except RowRefused:
            continue
    # No name in the configuration holds half a character.
    name = asked.encode("utf-8", "replace").decode() or "-"
    failed = (Failure(source=name, reason=asked),)
    for contact in contacts:
        _check_answer(contact, asked, failed)
    hits = tuple(
        Hit(contact=one, backend=asked, origin=Origin.LIVE, since=_NOON, freshness=Freshness.FRESH)
        for one in contacts
    )
    page = Page(hits=hits, total=len(hits), is_cut=False, failed=failed)
    text = shape.lookup(shape.results(hits, _COLUMNS), _COLUMNS, asked, explain=shape.page_story(page))
    found = strict.reply(text)
    assert text == json.dumps(found)
    assert isinstance(found, dict)
    for result, contact in zip(found["results"], contacts, strict=True):
        shown = contact.fields.get("name")
        assert result["column_values"][0] == ("?" if shown is None else shown)


def _check_answer(contact: Contact, asked: str, failed: tuple[Failure, ...]) -> None:
    known = Known(
        contact=contact,
        backend="made-up",
        tier=Tier.EXACT,
        origin=Origin.INDEX,
        since=_NOON,
        freshness=Freshness.STALE,
    )
    story = Story()
    story.add("{} was asked: {}", asked, known)
    answer = Answer(
        number=parse(asked, index.FRANCE), known=known, age=timedelta(hours=1), failed=failed, story=story
    )
    reply = strict.reply(shape.reverse(answer, asked))
    assert reply == {
        "display": contact.display,
        "exten": asked,
        "fields": contact.fields,
        "source": contact.source,
    }
    _check_body(shape.explained(answer, asked))
    headers = shape.answer_headers(answer)
    assert headers is not None
    assert all(_HEADER.fullmatch(value) for value in headers.values()), headers


def _check_body(body: object) -> None:
    sent = json_response(body).body
    assert isinstance(sent, bytes)
    strict.reply(sent.decode().removesuffix("\n"))


TARGET = run
