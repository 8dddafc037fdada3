"""Whether a contact of the index is gone, whose directory contradicts it, or just not found by its number.

A number is asked for in some spellings, and a cell that was synced may hold it in another, or beside a second
one. And where two people share a number, the directory names one, and the index perhaps the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.answer import Origin
from lookupd.errors import SourceError
from lookupd.number import ITSELF, match

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from lookupd.answer import Known
    from lookupd.contact import Contact
    from lookupd.number import Number
    from lookupd.principal import Principal
    from lookupd.source import Heard, Source


async def confirmed(
    source: Source, heard: Heard, held: Mapping[Number, Known], principal: Principal, left: timedelta
) -> Heard:
    """What was heard, and a contact that was known where the directory still has it with its number.

    `held` are contacts by their numbers. They are looked for by their ids, within the time that is `left`;
    those of the index that have none of their own are gone only if their cells could have been found.
    """
    doubted = {
        number: known.contact
        for number, known in held.items()
        if _is_doubted(known.contact, heard.get(number))
    }
    if not doubted:
        return heard
    known = [contact.uid for contact in doubted.values() if source.finds_by_id and contact.has_own_id]
    try:
        found = await source.by_uid(known, principal, left) if known else []
    except SourceError as error:
        return {**heard, **{number: error for number in doubted if number not in heard}}
    now = {contact.uid: contact for contact in found}
    words = dict(heard)
    for number, contact in doubted.items():
        there = now.get(contact.uid)
        if there is not None and _has(there, number):
            words[number] = there
        elif (
            contact.uid not in known
            and number not in heard
            and held[number].origin is Origin.INDEX
            and not source.finds(number, contact)
        ):
            words[number] = SourceError(
                f"source {source.name!r} has no {number.key} in the spellings it was asked for, "
                f"and cannot be asked whether {contact.display or contact.uid} has it in another"
            )
    return words


def _is_doubted(contact: Contact, word: Contact | SourceError | None) -> bool:
    if isinstance(word, SourceError):
        return False
    return word is None or word.uid != contact.uid


def _has(contact: Contact, number: Number) -> bool:
    return any(match(number, listed.number) in ITSELF for listed in contact.numbers)
