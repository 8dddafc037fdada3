"""Any attributes with any bytes: a row that a contact can be made of, without what must not be in an index.

Input: a digit that chooses the source's settings; then a value each line, as `attribute:value`.
"""

from __future__ import annotations

from typing import Final

from fuzz import given, strict
from fuzz.index import shape
from lookupd import MultiValue
from lookupd.backends.ldap.entry import Columns, EntryReader
from lookupd.backends.ldap.settings import Settings

_SERVER: Final = {"ldap_uri": "ldap://127.0.0.1", "ldap_base_dn": "dc=example"}
_COLUMNS: Final = {"searched_columns": ["cn", "CN", "mail"], "first_matched_columns": ["telephoneNumber"]}
_SETTINGS: Final = tuple(
    Settings.model_validate({**_SERVER, **more})
    for more in (
        {"unique_column": "entryUUID", **_COLUMNS},
        {"unique_column": "objectGUID", "unique_column_format": "binary_uuid", **_COLUMNS},
        {"unique_column": "uid", "format_columns": {"reverse": "{givenName} {sn;lang-de}"}},
        {"ldap_attributes": ["userPassword", "jpegPhoto"]},
    )
)
_SHAPES: Final = tuple(
    shape(
        "staff",
        unique_column=settings.unique_column,
        searched_columns=settings.searched_columns,
        first_matched_columns=settings.first_matched_columns,
        format_columns=settings.format_columns,
    )
    for settings in _SETTINGS
)


def run(data: bytes) -> None:
    """Check one input."""
    first, *rest = data.split(b"\n")
    choice = given.number(given.text(first), len(_SETTINGS) - 1)
    attributes: dict[str, list[bytes]] = {}
    for line in rest:
        attribute, _, value = line.partition(b":")
        attributes.setdefault(attribute.decode("utf-8", "replace"), []).append(value.replace(b"\\n", b"\n"))
    columns = Columns(_SETTINGS[choice])
    row = EntryReader(columns, "staff").row("cn=somebody", attributes)
    assert row.keys() >= set(_SETTINGS[choice].columns)
    for column, cell in row.items():
        assert cell is None or (isinstance(cell, str) and cell.strip()), row
        assert not isinstance(cell, MultiValue) or all(text.strip() for text in cell.all), row
        assert columns.is_named(column) or column.lower() not in {"userpassword", "unicodepwd"}, row
    checked = _SHAPES[choice].checked(row)
    strict.reply(_SHAPES[choice].contact(checked).body)


TARGET = run
