"""What shows that a contact is still what was stored: SQLite keeps no checksums; pure."""

from __future__ import annotations

from zlib import crc32


def checksum(  # noqa: PLR0913, PLR0917 - a row, which is not worth a record
    source_id: int, uid: str, display: str | None, body: str, numbers: str, terms: str
) -> int:
    """The CRC-32 of all that is served or found of a contact, and of whose it is.

    Values of other types, as damage gives them, have a sum as well.
    """
    shown = "\1" if display is None else display
    return crc32(f"{source_id}\0{uid}\0{shown}\0{body}\0{numbers}\0{terms}".encode())
