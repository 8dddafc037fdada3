"""Who is shown when a number calls: of each source one contact; pure.

A caller's id is the number and the source, `number << 13 | source`: those of a number lie side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lookupd.index.record import Synced

#: the part of an id that is the source; sources of a higher id have none
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


class Ready(NamedTuple):
    """What the index says about the file that has callers ready (`callerfile.py`)."""

    #: of the file, beside the index
    name: str
    #: else it is being made
    is_made: bool
    #: ids of callers that may be others than the file says, ascending, as bytes of an array
    changed: bytes

    def row(self) -> tuple[object, ...]:
        """What is stored of it."""
        return self.name, self.is_made, self.changed, _checksum(self.name, self.changed)


def ready(row: Sequence[Any] | None) -> Ready | None:
    """The row of the statement `caller_file`; None where there is none, or not what was stored."""
    if row is None:
        return None
    name, is_made, changed, stored_sum = row
    if not isinstance(name, str) or not isinstance(changed, bytes) or _checksum(name, changed) != stored_sum:
        return None
    return Ready(name, bool(is_made), changed)


def span(key: str) -> tuple[int, int] | None:
    """The lowest and the highest id that callers of a key may have.

    None for a key that has none, though contacts may have it: an internal number, a block, or one that is
    too long. The view `callable` in `schema.sql` chooses the same.
    """
    if key[0] == "+" and key[1:2] > "0" and key[-1] != "x" and len(key) <= LONGEST:
        first = id_of(int(key), 0)
        return first, first | SOURCE
    return None


def number_of(id_: int) -> int:
    """The digits of the number that a caller calls from."""
    return id_ >> SOURCE.bit_length()


def id_of(number: int, source_id: int) -> int:
    """The id of a caller."""
    return number << SOURCE.bit_length() | source_id


def _checksum(name: str, changed: bytes) -> int:
    return crc32(changed, crc32(name.encode()))
