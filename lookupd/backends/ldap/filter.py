"""Filters as RFC 4515 writes them; nothing else in the back-end puts a value into a filter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: no entry at all
NOTHING = "(!(objectClass=*))"
#: entries that may have others below them; Active Directory knows only the classes
BRANCHES = "(|(hasSubordinates=TRUE)(objectClass=organizationalUnit)(objectClass=container))"

_WILDCARDS = re.compile(r"\*{2,}")
_SPECIAL = str.maketrans({character: f"\\{ord(character):02x}" for character in "\\*()\0"})


def escape(value: str | bytes) -> str:
    """A value that means itself in a filter: text with its special characters, bytes all of them escaped."""
    if isinstance(value, bytes):
        return "".join(f"\\{byte:02x}" for byte in value)
    return value.translate(_SPECIAL)


def any_of(filters: Iterable[str]) -> str:
    """A filter that holds where one of at least one does."""
    return _joined("|", list(filters))


def all_of(filters: Iterable[str]) -> str:
    """A filter that holds where all of at least one do."""
    return _joined("&", list(filters))


def equals(column: str, value: str | bytes) -> str:
    """Where a column has exactly this value, as the directory compares them."""
    return f"({column}={escape(value)})"


def contains(column: str, text: str) -> str:
    """Where a column has this text in it; an empty text is in every value."""
    return f"({column}=*{escape(text)}*)" if text else present(column)


def present(column: str) -> str:
    """Where a column has a value."""
    return f"({column}=*)"


def at_least(column: str, value: str) -> str:
    """Where a column has this value or one that the directory sorts behind it."""
    return f"({column}>={escape(value)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The filters of one source; None where its configuration leaves nothing to ask."""

    #: holds for every contact; `%Q` in it stands for what was asked
    custom: str | None
    searched_columns: Sequence[str]
    first_matched_columns: Sequence[str]
    unique_column: str | None

    def search(self, term: str) -> str | None:
        """For contacts with a text in a searched column."""
        term = term.strip()
        generated = [contains(column, term) for column in self.searched_columns]
        return self._with_custom(term, generated) if generated or self._asks else None

    def match(self, extens: Sequence[str]) -> str | None:
        """For contacts with one of these numbers."""
        if not self.first_matched_columns or not extens:
            return None
        if self._asks:
            return any_of(self._with_custom(exten, self._equal([exten])) for exten in extens)
        return self._with_custom("", self._equal(extens))

    def ids(self, values: Sequence[str | bytes]) -> str | None:
        """For contacts with one of these unique ids."""
        column = self.unique_column
        if not column or not values:
            return None
        found = [equals(column, value) for value in values]
        return any_of(found) if self._asks else self._with_custom("", found)

    def everything(self) -> str:
        """For all contacts: the custom filter if it asks nothing, else those that could be found."""
        if self.custom and not self._asks:
            return self.custom
        # Every entry has an entryUUID or objectGUID, the folders too: it counts only where nothing else does.
        columns = [*self.searched_columns, *self.first_matched_columns] or [
            self.unique_column or "objectClass"
        ]
        return any_of(present(column) for column in dict.fromkeys(columns))

    @property
    def _asks(self) -> bool:
        return self.custom is not None and "%Q" in self.custom

    def _equal(self, extens: Sequence[str]) -> list[str]:
        return [equals(column, exten) for exten in extens for column in self.first_matched_columns]

    def _with_custom(self, asked: str, generated: Sequence[str]) -> str:
        parts = [any_of(generated)] if generated else []
        if self.custom:
            # An empty %Q between two wildcards leaves one: `**` is no filter. An asked `*` is escaped.
            parts.insert(0, _WILDCARDS.sub("*", self.custom.replace("%Q", escape(asked))))
        return all_of(parts)


def _joined(operator: str, filters: list[str]) -> str:
    return filters[0] if len(filters) == 1 else f"({operator}{''.join(filters)})"
