"""What clients send along: checked, and refused in the words they know."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from lookupd.rest import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiohttp import web

Item = dict[str, Any]


def required(query: Mapping[str, str], name: str) -> str:
    """A parameter that may be empty, but not missing."""
    if name not in query:
        raise Refused(400, {"message": {name: f"{name} is missing"}})
    return query[name]


def natural(query: Mapping[str, str], name: str) -> int | None:
    """A whole number from 0, or None when it is not sent."""
    if name not in query:
        return None
    text = query[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):  # noqa: PLR2004 - more is a mistake
        raise invalid({name: _problem("a whole number from 0", "range", {"min": 0, "max": 999_999_999})})
    return int(text)


def flag(query: Mapping[str, str], name: str) -> bool:
    """Whether a switch is on, in any of the spellings clients use."""
    return query.get(name, "").lower() in {"true", "1", "yes", "on"}


async def texts(request: web.Request, name: str, *, most: int) -> list[str]:
    """The texts in a JSON body `{name: [text, ...]}`, whatever its Content-Type says."""
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise Refused(400, {"message": "the body is not JSON"}) from None
    wanted = body.get(name) if isinstance(body, dict) else None
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        raise invalid({name: _problem("a list of texts", "type", "list")})
    if len(wanted) > most:
        raise invalid({name: _problem(f"at most {most} at once", "length", {"max": most})})
    return wanted


def invalid(details: Mapping[str, object]) -> Refused:
    """Parameters that make no sense: each with what it must be."""
    return Refused(
        400,
        {
            "message": "Sent data is invalid",
            "error_id": "invalid-data",
            "details": details,
            "timestamp": time.time(),
        },
    )


class Paging:
    """Order, filters and page of a list, as every list of this interface takes them."""

    def __init__(
        self, query: Mapping[str, str], *, orders: Sequence[str], filters: Sequence[str] = ()
    ) -> None:
        self._order = _choice(query, "order", orders) or orders[0]
        self._descending = (_choice(query, "direction", ("asc", "desc")) or "asc") == "desc"
        self._limit = natural(query, "limit")
        self._offset = natural(query, "offset") or 0
        self._search = query.get("search", "").lower()
        self._filters = {name: query[name] for name in filters if name in query}

    def page(self, items: Sequence[Item], *, searched: Sequence[str]) -> dict[str, Any]:
        """The page: `total` counts all items, `filtered` those that fit, before paging."""
        fitting = [item for item in items if self._fits(item, searched)]
        fitting.sort(key=lambda item: str(item[self._order]).casefold(), reverse=self._descending)
        end = None if self._limit is None else self._offset + self._limit
        return {"total": len(items), "filtered": len(fitting), "items": fitting[self._offset : end]}

    def _fits(self, item: Item, searched: Sequence[str]) -> bool:
        is_named = all(item[name] == value for name, value in self._filters.items())
        return is_named and (
            not self._search or any(self._search in str(item[name]).lower() for name in searched)
        )


def _choice(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str | None:
    value = query.get(name)
    if value is not None and value not in choices:
        raise invalid({name: _problem(f"one of {', '.join(choices)}", "enum", list(choices))})
    return value


def _problem(must_be: str, constraint_id: str, constraint: object) -> dict[str, object]:
    return {"message": f"must be {must_be}", "constraint_id": constraint_id, "constraint": constraint}
