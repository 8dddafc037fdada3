"""What a PBX asks, however it asks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from aiohttp import web

    from lookupd.views.caller_id.settings import Settings

#: longest name that can be asked for, in characters
LONGEST: Final = 200
_ON: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A number, and how its name is to look."""

    number: str
    #: whether there is one at all, though it may be empty, as that of an anonymous caller
    has_number: bool
    #: None where the request names none
    profile: str | None
    #: the user in whose name it is asked, if any
    user: str | None
    #: a device's secret in the URL, if any
    secret: str | None
    #: what to say where nobody is known
    fallback: str
    length: int
    is_ascii: bool

    @classmethod
    def of(cls, request: web.Request, settings: Settings) -> Self:
        """The question of a request. What makes no sense in it counts as not sent: names are best effort."""
        query, path = request.query, request.match_info
        return cls(
            number=_number(path.get("number") or query.get("number", "")),
            has_number="number" in path or "number" in query,
            profile=query.get("profile") or None,
            user=query.get("user") or query.get("xivo_user_uuid") or None,
            secret=path.get("secret"),
            fallback=query.get("fallback", ""),
            length=_length(query.get("max", ""), settings.length),
            is_ascii=settings.ascii if "ascii" not in query else query["ascii"].lower() in _ON,
        )


def _number(text: str) -> str:
    """The number, with the plus that became a blank on its way."""
    return "+" + text.lstrip() if text[:1] == " " and text.lstrip()[:1].isdigit() else text


def _length(text: str, default: int) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 9  # noqa: PLR2004 - more is a mistake
    return min(int(text), LONGEST) if is_number and int(text) else default
