"""Any bytes as a CSV file: rows or a SourceError, and what was listed is found again.

Input: the file.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from fuzz import folder
from lookupd import Row, SourceError
from lookupd.backends.csv import CsvBackend

if TYPE_CHECKING:
    from pathlib import Path


class Csv:
    """The target, with a folder for the file."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        if self._folder is None:
            self._folder = folder.made()
        (self._folder / "people.csv").write_bytes(data)
        try:
            rows = list(self._backend([]).list_all())
        except SourceError as error:
            assert "people.csv" in str(error)
            return
        for row in rows:
            assert row.keys() == rows[0].keys()
            assert all(value is None or (isinstance(value, str) and value.strip()) for value in row.values())
            assert any(row.values())
        if rows:
            self._check_found(rows)

    def close(self) -> None:
        """Delete the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    def _backend(self, columns: list[str]) -> CsvBackend:
        backend = CsvBackend()
        config = {
            "file": "people.csv",
            "searched_columns": columns,
            "first_matched_columns": columns,
            "unique_column": columns[0] if columns else None,
        }
        backend.load({"config": config, "main_config": {"config_dir": str(self._folder)}})
        return backend

    def _check_found(self, rows: list[Row]) -> None:
        columns = list(rows[0])
        backend = self._backend(columns)
        assert backend.search("", {}) == rows
        for row in rows[:3]:
            for value in (str(value) for value in row.values() if value):
                assert row in backend.search(value, {}), value
                found = backend.first_match(value, {})
                assert found is None or found in rows
                assert backend.match_all([value], {}) == ({value: found} if found else {})
            if uid := row[columns[0]]:
                [named] = backend.list([str(uid), str(uid)], {})
                assert named[columns[0]] == uid


TARGET = Csv()
