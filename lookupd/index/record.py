"""Rows of the index -> what it holds; a row that was not stored so is damage, and never served."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, overload

from lookupd.contact import Contact, ListedNumber
from lookupd.index.checksum import Damaged, checksum, shown
from lookupd.number import Number, Tier, match_extension


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What the index knows about a source as a whole."""

    id: int
    uuid: str
    name: str
    #: how many runs changed something
    generation: int
    contacts: int
    #: when the last good pull began: what it holds was true then; None before the first
    synced_at: datetime | None
    #: when that was written: what a directory said before may be older than what the pull brought
    written_at: datetime | None
    #: when the last good pull of everything began
    full_at: datetime | None
    #: where the back-end goes on telling changes
    cursor: str | None
    #: why the last run was held, until one succeeds
    held: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One past sync run of a source."""

    started_at: datetime
    seconds: float
    #: succeeded, failed or held
    outcome: str
    is_full: bool
    added: int
    changed: int
    removed: int
    unchanged: int
    #: rows left out, as no contact can hold them
    refused: int
    #: what was odd about the rows, a text each
    oddities: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A contact of the index that a number led to."""

    contact: Contact
    synced: Synced
    tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A page of contacts that some words led to."""

    contacts: tuple[tuple[Contact, Synced], ...]
    #: how many match, counted up to a bound
    total: int
    #: whether more match than were counted and ranked
    is_cut: bool
    #: whether time was up before all were found
    is_partial: bool = False


def synced(row: Sequence[Any]) -> Synced:
    """A row of the statements `source` and `sources`. Raises Damaged."""
    try:
        return Synced(
            id=row[0],
            uuid=row[1],
            name=row[2],
            generation=row[3],
            contacts=row[4],
            synced_at=_instant(row[5]),
            written_at=None if row[5] is None else _instant(row[5] + (row[9] or 0)),
            full_at=_instant(row[6]),
            cursor=row[7],
            held=row[8],
        )
    except (OSError, OverflowError, TypeError, ValueError) as error:
        raise Damaged(f"source {row[0]} is not what was stored") from error


def run(row: Sequence[Any]) -> Run:
    """A row of the statement `runs`. Raises Damaged."""
    try:
        return Run(
            started_at=datetime.fromtimestamp(row[0], UTC),
            seconds=row[1],
            outcome=row[2],
            is_full=bool(row[3]),
            added=row[4],
            changed=row[5],
            removed=row[6],
            unchanged=row[7],
            refused=row[8],
            oddities=tuple(json.loads(row[9])),
            error=row[10],
        )
    except (OSError, OverflowError, TypeError, ValueError) as error:
        raise Damaged("a past run is not what was stored") from error


def candidate(row: Sequence[Any], tier: Tier, asked: Number, source: Synced) -> Candidate | None:
    """A row of `number` or `blocks`; None for another person's extension. Raises Damaged."""
    key, _, extension, rank, contact_id, uid, display, body, numbers, terms, stored_sum = row
    if checksum(shown(source.id, display, body), uid, numbers, terms) != stored_sum:
        raise Damaged(f"contact {contact_id} is not what was stored", key=key)
    if f'["{key}", "{extension}", {rank}]' not in numbers:  # as JSON was written; numbers need no escapes
        raise Damaged(f"contact {contact_id} does not have the number that led to it", key=key)
    if tier is Tier.EXACT and (extension or asked.extension is not None):
        exact = match_extension(asked.extension, extension or None)
        if exact is None:  # the same line, but another person's extension
            return None
        tier = exact
    return Candidate(contact=_contact(row[5:], source), synced=source, tier=tier)


def contact(row: Sequence[Any], source: Synced) -> Contact:
    """A row of the statements `page` and `browse`. Raises Damaged."""
    uid, display, body, numbers, terms, stored_sum = row[2:]
    if checksum(shown(source.id, display, body), uid, numbers, terms) != stored_sum:
        raise Damaged(f"contact {row[0]} is not what was stored", contact_id=row[0])
    return _contact(row[2:], source)


def _contact(stored: Sequence[Any], source: Synced) -> Contact:
    uid, display, body, numbers, terms, _ = stored
    return Contact(
        source=source.name, uid=uid, body=body, display=display, numbers=_Listed(numbers), terms=terms
    )


class _Listed(Sequence[ListedNumber]):
    """The numbers of a contact, read when somebody looks at them: few who ask for its name do."""

    __slots__ = ("_numbers", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._numbers: tuple[ListedNumber, ...] | None = None

    @overload
    def __getitem__(self, index: int) -> ListedNumber: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ListedNumber, ...]: ...
    def __getitem__(self, index: int | slice) -> ListedNumber | tuple[ListedNumber, ...]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[ListedNumber, ...]:
        if self._numbers is None:
            self._numbers = tuple(
                ListedNumber(number=Number(key=key, extension=extension or None), rank=rank)
                for key, extension, rank in json.loads(self._text)
                if not key.startswith("~")
            )
        return self._numbers


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
