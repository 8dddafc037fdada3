"""What sources said when they were asked live: hits and absences, each for its time. Failures never enter."""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from datetime import datetime

    from lookupd.contact import Contact
    from lookupd.number import Number
    from lookupd.principal import Principal
    from lookupd.source import Source

#: answers kept; the ones not used for longest go first
CAPACITY = 50_000
#: what was said so long after now was said by a clock that has been set back, and nobody knows when it was
AHEAD = timedelta(minutes=1)


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
    #: stands for tenant, user and token where the directory's answer depends on the caller; else empty
    caller: str


def asked(source: Source, number: Number, principal: Principal) -> Asked:
    """The key of a question: an answer made for one caller never serves another."""
    return Asked(source.uuid, number, _caller(principal) if source.depends_on_caller else "")


def _caller(principal: Principal) -> str:
    """Hashed, as it is written to disk, where no token may stand."""
    whole = json.dumps([principal.tenant, principal.user, principal.token])
    return blake2b(whole.encode(), digest_size=16).hexdigest()


class Memory:
    """Remembered answers of this process."""

    def __init__(
        self,
        clock: Callable[[], datetime],
        capacity: int = CAPACITY,
        keep: Callable[[Asked, Remembered], None] = lambda *_: None,
    ) -> None:
        """`keep` is told of each new answer, to keep it for longer than the process lives."""
        self._clock = clock
        self._capacity = capacity
        self._keep = keep
        self._answers: OrderedDict[Asked, Remembered] = OrderedDict()
        #: how many answers there are about each number
        self._about: Counter[Number] = Counter()

    def knows(self, number: Number) -> bool:
        """Whether anything was said about a number, by whatever source and however long ago."""
        return number in self._about

    def get(self, question: Asked) -> Remembered | None:
        """What was said, however long ago."""
        remembered = self._answers.get(question)
        if remembered is None:
            return None
        if self._is_ahead(remembered):
            self._drop(question)
            return None
        self._answers.move_to_end(question)
        return remembered

    def put(self, question: Asked, contact: Contact | None, now: datetime) -> None:
        """A source said so at `now`."""
        remembered = Remembered(contact=contact, at=now)
        self._take(question, remembered)
        self._keep(question, remembered)

    def learn(self, question: Asked, remembered: Remembered) -> None:
        """A source said so to another process, or before this one began."""
        known = self._answers.get(question)
        is_newer = known is None or known.at < remembered.at or self._is_ahead(known)
        if is_newer and not self._is_ahead(remembered):
            self._take(question, remembered)

    def forget(self, sources: Container[str]) -> None:
        """Nothing that the sources with these uuids said counts any more."""
        for question in [question for question in self._answers if question.source in sources]:
            self._drop(question)

    def _is_ahead(self, remembered: Remembered) -> bool:
        return remembered.at - self._clock() > AHEAD

    def _take(self, question: Asked, remembered: Remembered) -> None:
        if question not in self._answers:
            self._about[question.number] += 1
        self._answers[question] = remembered
        self._answers.move_to_end(question)
        if len(self._answers) > self._capacity:
            self._drop(next(iter(self._answers)))

    def _drop(self, question: Asked) -> None:
        del self._answers[question]
        self._about[question.number] -= 1
        if not self._about[question.number]:
            del self._about[question.number]
