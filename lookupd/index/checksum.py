"""What shows that a contact is still what was stored: SQLite keeps no checksums; pure."""

from __future__ import annotations

from zlib import crc32


class Damaged(Exception):
    """What was read was never stored so."""

    def __init__(self, fact: str, *, key: str | None = None, contact_id: int | None = None) -> None:
        super().__init__(fact)
        #: the number, or else the contact, that it was met at
        self.key = key
        self.contact_id = contact_id


def shown(source_id: int, display: str | None, body: str) -> int:
    """The CRC-32 of what is shown of a contact when its number calls, and of whose it is.

    Values of other types, as damage gives them, have a sum as well.
    """
    name = "\1" if display is None else display
    return crc32(f"{source_id}\0{name}\0{body}".encode())


def checksum(shown_sum: int, uid: str, numbers: str, terms: str) -> int:
    """The CRC-32 of all that is served or found of a contact; what is shown of it is known by its sum."""
    return crc32(f"{uid}\0{numbers}\0{terms}".encode(), shown_sum)
