"""What comes back for a question: a contact or its known absence, with its origin and its age."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from lookupd.contact import Contact
    from lookupd.freshness import Freshness
    from lookupd.number import Number, Tier


#: how the index is called among those that could not be asked
INDEX = "index"


class Origin(StrEnum):
    """Where an answer was taken from."""

    INDEX = "index"  #: synced earlier
    LIVE = "live"  #: the source was asked just now
    REMEMBERED = "remembered"  #: the source was asked earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A source that could not be asked, or the index: so its absence from an answer says nothing."""

    source: str
    reason: str


class Story:
    """How an answer was decided: steps, which become texts only if somebody reads them."""

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: list[tuple[str, tuple[object, ...]]] = []

    def add(self, text: str, *values: object) -> None:
        """A step, as a text with a `{}` for each value."""
        self._steps.append((text, values))

    def lines(self) -> list[str]:
        """The steps as texts, in order."""
        return [text.format(*values) for text, values in self._steps]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A contact one source has for a number, and how we know."""

    contact: Contact
    backend: str
    tier: Tier
    origin: Origin
    #: when this was true in the directory
    since: datetime
    freshness: Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to "who is calling?": `known` is None where nobody is known to have the number."""

    #: the number as it was understood; None when the text is no number
    number: Number | None
    known: Known | None
    #: how old `known` is
    age: timedelta | None
    failed: tuple[Failure, ...]
    #: how it was decided
    story: Story


class Hit(NamedTuple):
    """A contact that a lookup found; a tuple, as a page may hold a thousand of them."""

    contact: Contact
    backend: str
    origin: Origin
    since: datetime
    freshness: Freshness


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of what a lookup found."""

    hits: tuple[Hit, ...]
    #: how many were found in all, counted up to a bound
    total: int
    #: whether there are more than were counted
    is_cut: bool
    #: sources that could not be asked in time, and perhaps the index: what they hold is missing
    failed: tuple[Failure, ...] = ()
    #: whether time was up before the index was searched through, or a source that is asked live had replied
    is_partial: bool = False
