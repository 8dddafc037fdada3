"""A page of what somebody typed: of the candidates the best, or everybody where nothing was typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lookupd.index import record
from lookupd.index.candidates import Candidates
from lookupd.index.record import Found
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lookupd.contact import Contact
    from lookupd.index.record import Synced
    from lookupd.index.texts import Turn

_SQL = statements("lookupd.index", "queries.sql")
#: sources of so many contacts are read by an index, larger ones as they lie in the table
SMALL = 20_000
#: what is found when there was no time at all
LATE = Found(contacts=(), total=0, is_cut=False, is_partial=True)


class Page:
    """A page of what a term finds in the sources with these uuids, in this order."""

    def __init__(self, term: str, *, sources: Sequence[str], limit: int, offset: int) -> None:
        self._term = term
        self._sources = sources
        self._limit = limit
        self._offset = offset

    def read(self, turn: Turn) -> Found:
        """What is found in the time of this turn. Raises Damaged."""
        read = [record.synced(row) for row in turn.rows(_SQL["sources"], ())]
        by_uuid = {synced.uuid: synced for synced in read}
        known = {by_uuid[uuid].id: by_uuid[uuid] for uuid in self._sources if uuid in by_uuid}
        return self._best(turn, known) if self._term.strip() else self._browsed(turn, known)

    def _best(self, turn: Turn, known: Mapping[int, Synced]) -> Found:
        candidates = Candidates(self._term, [*known])
        candidates.collect(turn)
        ids = candidates.best(self._limit, self._offset)
        page = turn.rows(_SQL["page"], (json.dumps(ids),)) if ids else []
        return Found(
            contacts=_contacts(page, known),
            total=candidates.count,
            is_cut=candidates.is_cut,
            is_partial=turn.is_partial,
        )

    def _browsed(self, turn: Turn, known: Mapping[int, Synced]) -> Found:
        """Everybody, source by source, each in the order in which it is stored."""
        rows: list[Any] = []
        before = self._offset
        for synced in known.values():
            if before < synced.contacts and len(rows) < self._limit:
                wanted = {"source": synced.id, "limit": self._limit - len(rows), "offset": before}
                statement = "browse_small" if synced.contacts <= SMALL else "browse"
                rows += turn.collect(_SQL[statement], wanted)
            before = max(0, before - synced.contacts)
        return Found(
            contacts=_contacts(rows, known),
            total=sum(synced.contacts for synced in known.values()),
            is_cut=False,
            is_partial=turn.is_partial,
        )


def _contacts(
    rows: Sequence[Sequence[Any]], known: Mapping[int, Synced]
) -> tuple[tuple[Contact, Synced], ...]:
    """Rows as contacts, each with its source. Raises Damaged."""
    return tuple((record.contact(row, known[row[1]]), known[row[1]]) for row in rows)
