"""What a directory said about numbers, row by row: whose row counts, and which say nothing; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lookupd.contact import Contact
from lookupd.errors import SourceFailed
from lookupd.number import Tier, match
from lookupd.row import RowRefused

if TYPE_CHECKING:
    from lookupd.contact import Shape
    from lookupd.errors import SourceError
    from lookupd.number import Number

#: what a source says about each number it has something to say about: the contact, or why it cannot tell
Heard: TypeAlias = "dict[Number, Contact | SourceError]"


class Hearing:
    """Takes in the rows that one method of a source found for numbers."""

    def __init__(self, source: str, shape: Shape, method: str) -> None:
        self.method = method
        self.heard: Heard = {}
        self._source = source
        self._shape = shape

    def knows(self, number: Number) -> bool:
        """Whether a contact with this number has been found."""
        return isinstance(self.heard.get(number), Contact)

    def take(self, number: Number, row: object) -> None:
        """Take in a row found for a number: the first that really has it counts.

        A row that cannot be read is no absence: where nothing better is found, it is a failure.
        """
        if self.knows(number):
            return
        try:
            contact = self._shape.contact(self._shape.checked(row))
        except RowRefused as error:
            self.heard[number] = SourceFailed(self._source, self.method, error)
        else:
            if _has(contact, number):
                self.heard[number] = contact


def _has(contact: Contact, number: Number) -> bool:
    """Whether a contact found live is the one: a directory that matched loosely must not name a stranger."""
    tiers = [match(number, listed.number) for listed in contact.numbers]
    return not tiers or Tier.EXACT in tiers or Tier.EXTENSION in tiers
