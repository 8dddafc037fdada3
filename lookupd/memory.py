"""What sources said when they were asked live: hits and absences, each for its time. Failures never enter."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from lookupd.contact import Contact
    from lookupd.number import Number
    from lookupd.principal import Principal
    from lookupd.source import Source

#: answers kept in memory; the ones not used for longest go first
CAPACITY = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a source said."""

    #: the contact, or None for: nobody has this number
    contact: Contact | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to one source, as far as its answer depends on it."""

    source: str
    number: Number
    #: tenant, user and token where the directory's answer depends on the caller, else None
    caller: tuple[str | None, ...] | None


def asked(source: Source, number: Number, principal: Principal) -> Asked:
    """The key of a question: an answer made for one caller never serves another."""
    caller = (principal.tenant, principal.user, principal.token) if source.depends_on_caller else None
    return Asked(source.uuid, number, caller)


class Memory:
    """Remembered answers of this process."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._answers: OrderedDict[Asked, Remembered] = OrderedDict()

    def get(self, question: Asked) -> Remembered | None:
        """What was said, however long ago."""
        remembered = self._answers.get(question)
        if remembered is not None:
            self._answers.move_to_end(question)
        return remembered

    def put(self, question: Asked, contact: Contact | None, now: datetime) -> None:
        """A source said so at `now`."""
        self._answers[question] = Remembered(contact=contact, at=now)
        self._answers.move_to_end(question)
        if len(self._answers) > self._capacity:
            self._answers.popitem(last=False)
