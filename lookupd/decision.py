"""Which source's word counts for a number: the order of the profile decides, never speed; pure.

For each source of the profile one of five things is known. What to ask next and the answer follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lookupd.answer import Failure
from lookupd.freshness import Freshness
from lookupd.number import ITSELF, Tier, match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from lookupd.answer import Known
    from lookupd.contact import Contact
    from lookupd.memory import Remembered
    from lookupd.number import Number


class Word(StrEnum):
    """What a source says about a number."""

    HAS = "has"  #: it has a contact, now or as far as is known
    ABSENT = "absent"  #: it was asked, and has none
    NOT_INDEXED = "not indexed"  #: it is synced, and the index has none; it may have got one since
    UNASKED = "unasked"  #: it is only ever asked live, and has not been
    FAILED = "failed"  #: it could not be asked


@dataclass(slots=True, kw_only=True)
class Standing:
    """One source in one decision."""

    source: str
    #: whether it may be asked now
    asks_live: bool
    word: Word
    known: Known | None = None
    reason: str = ""
    was_asked: bool = False

    def has(self, known: Known) -> None:
        """It was asked, and has a contact."""
        self.word, self.known, self.was_asked = Word.HAS, known, True

    def lacks(self) -> None:
        """It was asked, and has none: whatever was known before is over."""
        self.word, self.known, self.was_asked = Word.ABSENT, None, True

    def failed(self, reason: str, *, keep: bool) -> None:
        """It could not be asked; `keep` what was known before, however old."""
        self.was_asked, self.reason = True, reason
        if self.known is None or not keep:
            self.word, self.known = Word.FAILED, None


class Decision:
    """The sources of a profile, in its order, and what each says about one number."""

    def __init__(self, standings: Sequence[Standing]) -> None:
        self.standings = standings

    @property
    def best(self) -> Known | None:
        """The contact of the first source that has one."""
        return next((standing.known for standing in self.standings if standing.known is not None), None)

    def to_ask(self) -> Iterator[Standing]:
        """The sources to ask before the decision stands, all at once; none when it stands.

        Before a contact counts, sources that stand before it and were never asked are asked, and its own
        source if it has expired. Where nobody has a contact, everyone who may be asked is.
        """
        best = next((standing for standing in self.standings if standing.known is not None), None)
        for standing in self.standings:
            if standing is best:
                if _has_expired(standing) and _can_ask(standing):
                    yield standing
                return
            if _can_ask(standing) and (standing.word is Word.UNASKED or best is None):
                yield standing

    def failures(self) -> tuple[Failure, ...]:
        """The sources that could not be asked, with the reason."""
        return tuple(
            Failure(source=standing.source, reason=standing.reason)
            for standing in self.standings
            if standing.reason
        )


def tier_of(contact: Contact, number: Number) -> Tier:
    """How well a contact answers that its directory found by the number itself."""
    tiers = [match(number, listed.number) for listed in contact.numbers]
    return Tier.EXTENSION if tiers and Tier.EXACT not in tiers else Tier.EXACT


def takes_back(absence: Remembered, known: Known, settled_at: datetime) -> bool:
    """Whether an absence ends what the index has, as it is settled since then.

    Directories are asked for exact numbers only.
    """
    return absence.at >= settled_at and known.tier in ITSELF


def _can_ask(standing: Standing) -> bool:
    return standing.asks_live and not standing.was_asked and standing.word is not Word.ABSENT


def _has_expired(standing: Standing) -> bool:
    return standing.known is not None and standing.known.freshness is Freshness.EXPIRED
