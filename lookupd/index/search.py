"""A page of what somebody typed: the first candidates are collected, the best of them are shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lookupd.index import ranking, record
from lookupd.index.record import Damaged, Found
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lookupd.contact import Contact
    from lookupd.index.record import Synced
    from lookupd.index.texts import Turn

_SQL = statements("lookupd.index", "queries.sql")
#: contacts that are ranked at most for one search: as many as are ever returned
CANDIDATES = 1000
#: what is found when there was no time at all
LATE = Found(contacts=(), total=0, is_cut=False, is_partial=True)


class Page:
    """A page of what a term finds in the sources with these uuids, in this order."""

    def __init__(self, term: str, *, sources: Sequence[str], limit: int, offset: int) -> None:
        self._term = term
        self._sources = sources
        self._limit = limit
        self._offset = offset

    async def read(self, turn: Turn) -> Found:
        """What is found in the time of this turn. Raises Damaged."""
        read = [record.synced(row) for row in await turn.rows(_SQL["sources"], ())]
        by_uuid = {synced.uuid: synced for synced in read}
        known = {by_uuid[uuid].id: by_uuid[uuid] for uuid in self._sources if uuid in by_uuid}
        if not self._term.strip():
            return await self._browsed(turn, known)
        expression = ranking.match_expression(self._term)
        if expression is None:
            return Found(contacts=(), total=0, is_cut=False)
        return await self._best(turn, known, expression)

    async def _best(self, turn: Turn, known: Mapping[int, Synced], expression: str) -> Found:
        wanted = {"match": expression, "sources": json.dumps([*known]), "candidates": CANDIDATES + 1}
        rows = await turn.collect(_SQL["candidates"], wanted)
        order = await turn.aside(_ranked, rows, self._term, [*known])
        ids = order[self._offset : self._offset + self._limit]
        page = await turn.rows(_SQL["page"], (json.dumps(ids),)) if ids else []
        return Found(
            contacts=await turn.aside(_contacts, page, known),
            total=min(len(rows), CANDIDATES),
            is_cut=len(rows) > CANDIDATES,
            is_partial=turn.is_partial,
        )

    async def _browsed(self, turn: Turn, known: Mapping[int, Synced]) -> Found:
        """Everybody, in the order in which they are stored."""
        wanted = {"sources": json.dumps([*known]), "limit": self._limit, "offset": self._offset}
        rows = await turn.collect(_SQL["browse"], wanted)
        return Found(
            contacts=await turn.aside(_contacts, rows, known),
            total=sum(synced.contacts for synced in known.values()),
            is_cut=False,
            is_partial=turn.is_partial,
        )


def _ranked(rows: Sequence[Sequence[Any]], term: str, sources: Sequence[int]) -> list[int]:
    """The ids of the candidates, the best first. Raises Damaged."""
    words = ranking.query_words(term)
    position = {id_: place for place, id_ in enumerate(sources)}
    order: list[tuple[int, int, str, str, int]] = []
    for id_, source_id, uid, terms in rows:
        if not isinstance(uid, str) or not isinstance(terms, str):
            raise Damaged(f"contact {id_} is not what was stored", contact_id=id_)
        distance, has_all = ranking.measured(terms, words)
        if not has_all and not ranking.is_found(terms, term):
            raise Damaged(f"contact {id_} does not have the words that led to it", contact_id=id_)
        order.append((distance, position[source_id], terms, uid, id_))
    return [entry[-1] for entry in sorted(order)]


def _contacts(
    rows: Sequence[Sequence[Any]], known: Mapping[int, Synced]
) -> tuple[tuple[Contact, Synced], ...]:
    """Rows as contacts, each with its source. Raises Damaged."""
    return tuple((record.contact(row, known[row[1]]), known[row[1]]) for row in rows)
