"""Who is shown when a number calls: of each source one contact, ready on one page of the index; pure.

A row's id is the number and the source, so that those of a number lie side by side: `number << 13 | source`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lookupd.index.checksum import Damaged, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lookupd.index.record import Synced

#: the part of an id that is the source; sources of a higher id have no rows here
SOURCE = (1 << 13) - 1
#: how long a key is at most: a plus and the 15 digits of E.164, so that an id has 63 bits
LONGEST = 16


class Caller(NamedTuple):
    """What is shown of a contact of the index when its number calls."""

    #: the caller's name
    display: str | None
    #: all fields as a JSON object, ready to send
    body: str
    synced: Synced


def span(key: str) -> tuple[int, int] | None:
    """The lowest and the highest id that rows of a key may have.

    None for a key that has none, though contacts may have it: an internal number, a block, or one that is
    too long. The view `callable` in `schema.sql` chooses the same.
    """
    if key[0] == "+" and key[1:2] > "0" and key[-1] != "x" and len(key) <= LONGEST:
        first = int(key) << 13
        return first, first | SOURCE
    return None


def caller(key: str, row: Sequence[Any], source: Synced) -> Caller:
    """A row of the statement `callers`, found by a key. Raises Damaged."""
    id_, display, body, stored_sum = row
    if shown(source.id, display, body) + id_ != stored_sum:
        raise Damaged(f"who calls from a number of source {source.id} is not what was stored", key=key)
    return Caller(display, body, source)
