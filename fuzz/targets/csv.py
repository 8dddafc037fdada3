"""Any bytes as a CSV file: rows or a SourceError, and what was listed is found again.

Input: the file.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from fuzz import folder
from lookupd import SourceError

# The back-end itself waits until a file that was just written has settled; here all are.
from lookupd.backends.csv import Settings, Table, _read
from lookupd.backends.csv_stamp import Stamp

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lookupd.backends.csv import Cells


_KNOWN = "name,phone\nAnn,01\n"


class Csv:
    """The target, with a folder for the file."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        if self._folder is None:
            self._folder = folder.made()
            self._check_known(self._folder / "known.csv")
        file = self._folder / "people.csv"
        file.write_bytes(data)
        settings = Settings(file=file)
        try:
            rows = list(_read(file, settings, Stamp.of(file)))
        except SourceError as error:
            assert "people.csv" in str(error)
            return
        for row in rows:
            assert row.keys() == rows[0].keys()
            assert all(value is None or value.strip() for value in row.values())
            assert any(row.values())
        if rows:
            _check_found(file, rows)

    def _check_known(self, file: Path) -> None:
        """Fail unless a plain file has what it says: no rows at all would keep every other promise."""
        file.write_text(_KNOWN, encoding="ascii")
        rows = list(_read(file, Settings(file=file), Stamp.of(file)))
        assert rows == [{"name": "Ann", "phone": "01"}], rows
        _check_found(file, rows)

    def close(self) -> None:
        """Delete the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None


def _check_found(file: Path, rows: Sequence[Cells]) -> None:
    columns = tuple(rows[0])
    settings = Settings(
        file=file, searched_columns=columns, first_matched_columns=columns, unique_column=columns[0]
    )
    stamp = Stamp.of(file)
    table = Table(stamp, _read(file, settings, stamp), settings)
    assert table.search("") == rows
    for row in rows[:3]:
        for value in filter(None, row.values()):
            assert row in table.search(value), value
        assert not row[columns[0]] or table.by_uid[row[columns[0]] or ""][columns[0]] == row[columns[0]]
    assert all(row in rows for row in list(table.by_number.values())[:3])


TARGET = Csv()
