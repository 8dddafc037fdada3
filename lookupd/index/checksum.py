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
    return crc32(text_shown(source_id, display, body))


def text_shown(source_id: int, display: str | None, body: str) -> bytes:
    """What that sum is of; `shown_in` reads it. JSON has no NUL in it, so a body has none."""
    return f"{source_id}\0{body}".encode() if display is None else f"{source_id}\0{display}\0{body}".encode()


def shown_in(text: bytes) -> tuple[str | None, str]:
    """Display and body."""
    _, *name, body = text.decode().split("\0")
    return "\0".join(name) if name else None, body


def checksum(shown_sum: int, uid: str, numbers: str, terms: str) -> int:
    """The CRC-32 of all that is served or found of a contact; what is shown of it is known by its sum."""
    return crc32(f"{uid}\0{numbers}\0{terms}".encode(), shown_sum)
