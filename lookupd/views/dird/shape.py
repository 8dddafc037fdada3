"""Answers and pages as the JSON existing clients expect; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lookupd.glance import NOBODY, Seen
from lookupd.number import match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from lookupd.answer import Answer, Failure, Hit, Page
    from lookupd.config import Column
    from lookupd.services.status import SourceStatus

#: a text in JSON: what `json.dumps` ends in, without its way there
_text = json.encoder.encode_basestring_ascii
#: the same for `json.loads` of what is known to be JSON
_decoded = json.JSONDecoder().raw_decode
#: relations that only some back-ends know, in the order of the interface
_RELATIONS = ("xivo_id", "agent_id", "user_id", "user_uuid", "endpoint_id")
#: the beginning of an object that has none of them
_NO_RELATIONS = f"{json.dumps(dict.fromkeys(_RELATIONS))[:-1]}, "


def reverse(answer: Answer, exten: str) -> str:
    """A reverse object, as JSON text."""
    if answer.known is None:
        return seen(NOBODY, exten)
    contact = answer.known.contact
    return seen(Seen(contact.display, contact.body, contact.source), exten)


def seen(who: Seen, exten: str) -> str:
    """A reverse object, as JSON text: the contact's fields are stored ready and only set in."""
    display, body, source = who
    return (
        f'{{"display": {"null" if display is None else _text(display)}, "exten": {_text(exten)}, '
        f'"fields": {body}, "source": {"null" if source is None else _text(source)}}}'
    )


def explained(answer: Answer, exten: str) -> dict[str, Any]:
    """A reverse object with the whole story of the answer."""
    known = answer.known
    return {
        **json.loads(reverse(answer, exten)),
        "explain": {
            "number": answer.number.key if answer.number else None,
            "extension": answer.number.extension if answer.number else None,
            "source": known.contact.source if known else None,
            "backend": known.backend if known else None,
            "origin": known.origin if known else None,
            "tier": known.tier if known else None,
            "matched": _matched(answer),
            "as_of": _instant(known.since) if known else None,
            "age": answer.age.total_seconds() if answer.age is not None else None,
            "freshness": known.freshness if known else None,
            "failed": _failures(answer.failed),
            "steps": answer.story.lines(),
        },
    }


def answer_headers(answer: Answer) -> dict[str, str] | None:
    """What a reply says about itself when not all is well: its age if stale, and who could not be asked."""
    headers = {}
    if answer.known is not None and answer.known.freshness != "fresh":
        headers["X-Lookupd-Freshness"] = str(answer.known.freshness)
        headers["Age"] = str(int(answer.age.total_seconds() if answer.age else 0))
    headers |= _failed(answer.failed)
    return headers or None


def page_headers(page: Page) -> dict[str, str] | None:
    """The same for a page: who could not be asked, and whether time was up."""
    headers = {**_failed(page.failed), **({"X-Lookupd-Partial": "true"} if page.is_partial else {})}
    return headers or None


def headers(columns: Sequence[Column]) -> dict[str, Any]:
    """The headings of a lookup."""
    return {
        "column_headers": [column.title for column in columns],
        "column_types": [column.type for column in columns],
    }


def lookup(results: Iterable[str], columns: Sequence[Column], term: str, **more: object) -> str:
    """A lookup object with these results, as JSON text; what is told besides stands at its end."""
    head, end = json.dumps(headers(columns)), json.dumps({"term": term, **more})
    return f'{head[:-1]}, "results": [{", ".join(results)}], {end[1:]}'


def results(hits: Iterable[Hit], columns: Sequence[Column]) -> Iterator[str]:
    """What is shown of contacts, each as JSON text; what they share is made once, as there may be many."""
    cells = [_made(column) for column in columns]
    ends: dict[tuple[str, str], str] = {}
    for contact, backend, *_ in hits:
        fields = _decoded(contact.body)[0]
        values = [other if field is None else _cell(fields.get(field), other) for field, other in cells]
        entry_id = contact.entry_id
        by = contact.source, backend
        if by not in ends:
            ends[by] = f'}}, "source": {_text(contact.source)}, "backend": {_text(backend)}}}'
        yield (
            f'{{"column_values": [{", ".join(values)}], "relations": {_NO_RELATIONS}'
            f'"source_entry_id": {"null" if entry_id is None else _text(entry_id)}{ends[by]}'
        )


def page_story(page: Page) -> dict[str, Any]:
    """What is known about a page as a whole."""
    return {
        "total": page.total,
        "is_cut": page.is_cut,
        "is_partial": page.is_partial,
        "failed": _failures(page.failed),
        "results": [
            {"origin": hit.origin, "as_of": _instant(hit.since), "freshness": hit.freshness}
            for hit in page.hits
        ],
    }


def source_status(source: SourceStatus) -> dict[str, Any]:
    """How a source is doing, for `/status`."""
    run = source.last_run
    return {
        "status": "fail" if source.trouble else "ok",
        "trouble": source.trouble,
        "uuid": source.uuid,
        "backend": source.backend,
        "tenant_uuid": source.tenant_uuid,
        "state": source.state,
        "contacts": source.contacts,
        "generation": source.generation,
        "synced_at": _instant(source.synced_at),
        "freshness": source.freshness,
        "held": source.held,
        "live": {
            "breaker": source.condition.breaker,
            "retry_in": round(source.condition.retry_in.total_seconds(), 3),
            "patience": round(source.condition.patience.total_seconds(), 3),
            "in_flight": source.condition.in_flight,
            "stuck_threads": source.condition.stuck_threads,
            "search": {
                "breaker": source.condition.search.breaker,
                "retry_in": round(source.condition.search.retry_in.total_seconds(), 3),
                "in_flight": source.condition.search.in_flight,
            },
        },
        "last_run": None
        if run is None
        else {
            "started_at": _instant(run.started_at),
            "seconds": run.seconds,
            "outcome": run.outcome,
            "added": run.added,
            "changed": run.changed,
            "removed": run.removed,
            "unchanged": run.unchanged,
            "refused": run.refused,
            "oddities": list(run.oddities),
            "error": run.error,
        },
    }


def _made(column: Column) -> tuple[str | None, str]:
    """The field of a column, None where all have the same; and that, or what stands for nothing."""
    if column.type in {"favorite", "personal"}:
        return None, "false"
    return column.field, json.dumps(column.default)


def _cell(value: object, default: str) -> str:
    if isinstance(value, str):
        return _text(value)
    return default if value is None else json.dumps(value)


def _matched(answer: Answer) -> str | None:
    """The number of the contact that the question met, in its canonical form."""
    if answer.known is None or answer.number is None:
        return None
    tiers = ((answer.known.tier, listed.number) for listed in answer.known.contact.numbers)
    return next((number.key for tier, number in tiers if match(answer.number, number) is tier), None)


def _failed(failures: Sequence[Failure]) -> dict[str, str]:
    names = ",".join(quote(failure.source, safe=" ") for failure in failures)
    return {"X-Lookupd-Failed": names} if names else {}


def _failures(failures: Sequence[Failure]) -> list[dict[str, str]]:
    return [{"source": failure.source, "reason": failure.reason} for failure in failures]


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="seconds")
