"""What shows that a contact is still what was stored: SQLite keeps no checksums; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Sequence


def checksum(source_id: int, stored: Sequence[Any]) -> int:
    """The CRC-32 of all that is served or found of a contact, and of whose it is.

    `stored` has its uid, display, body, numbers and terms, in this order.
    """
    texts = "\0".join(["\1" if text is None else str(text) for text in stored])
    return crc32(f"{source_id}\0{texts}".encode())
