"""An entry of the directory -> a row, with the column names that the configuration uses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from lookupd import MultiValue, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lookupd.backends.ldap.settings import Settings

logger = logging.getLogger(__name__)

#: what nobody wants in an index of contacts unless the configuration names it, in lower case
_SECRET = frozenset({"userpassword", "unicodepwd", "sambantpassword", "sambalmpassword"})


class Columns:
    """Which attributes one source fetches, and what they are called in its rows."""

    def __init__(self, settings: Settings) -> None:
        self.unique = settings.unique_column
        self._is_binary = settings.unique_column_format == "binary_uuid"
        self._named = settings.columns
        self._by_lower: dict[str, list[str]] = {}
        for column in self._named:
            self._by_lower.setdefault(column.lower(), []).append(column)
        #: what to ask the server for; without formats nobody knows what will be read
        self.requested = [*([] if settings.format_columns and self._named else ["*"]), *self._named]

    def names_of(self, attribute: str) -> Sequence[str]:
        """What an attribute of the server is called: names differ in case, options belong to a name."""
        return self._by_lower.get(attribute.lower()) or [attribute]

    def is_named(self, attribute: str) -> bool:
        """Whether the configuration names this attribute."""
        return attribute.lower() in self._by_lower

    def is_uuid(self, attribute: str) -> bool:
        """Whether its values are the 16 bytes of a UUID."""
        return self._is_binary and self.unique is not None and attribute.lower() == self.unique.lower()

    def empty_row(self) -> dict[str, object]:
        """A row that has nothing yet."""
        return dict.fromkeys(self._named)

    def id_value(self, uid: str) -> str | bytes | None:
        """What the directory holds for a unique id; None where none of its ids can look like this."""
        if not self._is_binary or self.unique is None:
            return uid or None
        try:
            parsed = UUID(uid)
        except ValueError:
            return None
        return parsed.bytes_le if self._is_little_endian else parsed.bytes

    def uuid_text(self, value: bytes) -> str:
        """The usual writing of a binary UUID. Raises ValueError when it is none."""
        return str(UUID(bytes_le=value) if self._is_little_endian else UUID(bytes=value))

    @property
    def _is_little_endian(self) -> bool:
        # Active Directory stores the first three fields of a GUID in the byte order of its processors.
        return self.unique is not None and self.unique.lower() == "objectguid"


class EntryReader:
    """Makes the rows of one question or pull, and tells once what it could not read."""

    def __init__(self, columns: Columns, source: str) -> None:
        self._columns = columns
        self._source = source
        self._has_told = False

    def row(self, dn: str, attributes: Mapping[str, Sequence[bytes]]) -> Row:
        """The row of an entry; what cannot be read is left out of it."""
        columns = self._columns
        row = columns.empty_row()
        for attribute, values in attributes.items():
            if not columns.is_named(attribute) and attribute.lower() in _SECRET:
                continue
            texts = self._texts(dn, attribute, values)
            if not texts and not columns.is_named(attribute):
                continue
            for name in columns.names_of(attribute):
                row[name] = MultiValue(texts) if len(texts) > 1 else texts[0] if texts else None
        return row

    def _texts(self, dn: str, attribute: str, values: Sequence[bytes]) -> Sequence[str]:
        decode = self._columns.uuid_text if self._columns.is_uuid(attribute) else bytes.decode
        texts = []
        for value in values:
            try:
                text = decode(value)
            except ValueError:
                self._tell(dn, attribute)
            else:
                texts.append(text)
        return [text for text in texts if text.strip()]

    def _tell(self, dn: str, attribute: str) -> None:
        # Photographs and certificates that nobody asked for are not worth a line.
        if self._has_told or not self._columns.is_named(attribute):
            return
        self._has_told = True
        logger.warning(
            "source %r: %s: a value of %s is not readable and left out (told once for each pull or question)",
            self._source, dn, attribute,
        )  # fmt: skip
