"""The first contacts that fit a term, and which of them are the best: never all of them are read.

Contacts come in the order of their ids. Whole words are looked for first: contacts whose words only begin so
might fill the bound before them.
"""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from lookupd.index import ranking
from lookupd.index.checksum import Damaged
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lookupd.index.ranking import Needles
    from lookupd.index.texts import Turn

_CANDIDATES = statements("lookupd.index", "queries.sql")["candidates"]
#: contacts that are ranked at most for one search: who wants others types more of a name
CANDIDATES = 500
#: the longest beginnings that FTS5 keeps lists for; for a longer one it first merges those of all its words
LISTED = 5
#: how many of such a list are looked through for a longer beginning, as long as this share of them has it
SCANNED, SHARE = 1500, 0.3


class Candidates:
    """What was found for a term in the sources with these ids, in this order."""

    def __init__(self, term: str, sources: Sequence[int]) -> None:
        self._term = term
        words = ranking.query_words(term)
        self._needles = ranking.needles(words)
        self._listed = ranking.needles([[word[:LISTED] for word in spellings] for spellings in words])
        self._has_groups = bool(ranking.whole_groups(term))
        self._position = {id_: place for place, id_ in enumerate(sources)}
        self._sources = json.dumps([*sources])
        #: by id: distance, position of the source, terms, uid
        self._found: dict[int, tuple[int, int, str, str]] = {}

    @property
    def is_cut(self) -> bool:
        """Whether there are more than are ranked."""
        return len(self._found) > CANDIDATES

    @property
    def count(self) -> int:
        """How many are ranked."""
        return min(len(self._found), CANDIDATES)

    def collect(self, turn: Turn) -> None:
        """Find them, as far as there is time. Raises Damaged."""
        whole, begun = ranking.whole_expression(self._term), ranking.match_expression(self._term)
        if whole is None or begun is None:
            return
        self._add(turn.collect(_CANDIDATES, self._wanted(whole, CANDIDATES + 1)))
        listed = ranking.match_expression(self._term, LISTED)
        if listed is not None and listed != begun and not self.is_cut and self._are_all_in(turn, listed):
            return
        if not self.is_cut:
            self._add(turn.collect(_CANDIDATES, self._wanted(begun, CANDIDATES + 1)))

    def best(self, limit: int, offset: int) -> list[int]:
        """The ids of a page of them, the best first."""
        ranked = [(*measures, id_) for id_, measures in self._found.items()][:CANDIDATES]
        return [entry[-1] for entry in sorted(ranked)[offset : offset + limit]]

    def _are_all_in(self, turn: Turn, listed: str) -> bool:
        """Look through those that begin with the first letters; whether no more need to be looked for."""
        read = fit = 0
        with closing(turn.chunks(_CANDIDATES, self._wanted(listed, SCANNED))) as chunks:
            for chunk in chunks:
                read += len(chunk)
                fit += self._add(chunk, self._listed)
                if self.is_cut:
                    return True
                if fit < SHARE * read:
                    break
            else:
                return read < SCANNED
        return False

    def _add(self, rows: Sequence[Sequence[Any]], led_by: Needles | None = None) -> int:
        """How many of these fit the term; the others must at least have the words that led to them."""
        needles, position, found = self._needles, self._position, self._found
        fit = 0
        for id_, source_id, uid, terms in rows:
            if not isinstance(uid, str) or not isinstance(terms, str):
                raise Damaged(f"contact {id_} is not what was stored", contact_id=id_)
            distance, has_all = ranking.measured(terms, needles)
            if has_all or (self._has_groups and ranking.is_found(terms, self._term)):
                found[id_] = (distance, position[source_id], terms, uid)
                fit += 1
            elif led_by is None or not ranking.measured(terms, led_by)[1]:
                raise Damaged(f"contact {id_} does not have the words that led to it", contact_id=id_)
        return fit

    def _wanted(self, expression: str, most: int) -> Mapping[str, object]:
        return {"match": expression, "sources": self._sources, "candidates": most}
