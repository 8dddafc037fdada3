"""Who calls, with a name that can be shown: the one way to it that every shape of answer takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookupd.views.caller_id.name import Junk, ascii_only, clean, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from lookupd.answer import Answer
    from lookupd.guest import Guests
    from lookupd.services.reverse import Reverse
    from lookupd.views.caller_id.question import Question
    from lookupd.views.caller_id.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What is known of the one who calls."""

    #: ready to show; empty where nobody is known
    name: str
    #: the number in its canonical form, or as it was asked where it has none
    number: str
    answer: Answer


class Callers:
    """Finds callers for guests."""

    def __init__(
        self, reverse: Reverse, guests: Guests, settings: Settings, complain: Callable[[str], None]
    ) -> None:
        self._reverse = reverse
        self._guests = guests
        self._settings = settings
        self._complain = complain
        self._junk = Junk(settings.junk)

    async def find(self, request: web.Request, question: Question) -> Caller:
        """The caller of a question. Raises GuestUnknown, Throttled, UnknownProfile, DataError."""
        guest = self._guests.admit(
            request, secret=question.secret, user=question.user, profile=question.profile
        )
        if not question.has_number:
            self._complain(f"{guest.name} asks without a number (it is sent as ?number=...)")
        profile = question.profile or guest.profile or self._settings.profile
        answer = self._reverse.at_once(guest.principal, profile, question.number)
        if answer is None:
            answer = await self._reverse.who(guest.principal, profile, question.number)
        number = question.number if answer.number is None else answer.number.key
        display = (answer.known.contact.display if answer.known else None) or ""
        is_junk = self._junk.has(display, (question.number, number))
        name = "" if is_junk else written(display, question)
        self._guests.told(guest, 1 if name else 0)
        return Caller(name=name, number=number, answer=answer)


def written(text: str, question: Question) -> str:
    """A text as the question wants names to look."""
    return cut(clean(ascii_only(text) if question.is_ascii else text), question.length)
