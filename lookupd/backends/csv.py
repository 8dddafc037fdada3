# ruff: noqa: A005 - absolute imports tell it from the standard library's csv
"""Contacts in a CSV file, read again whenever the file changes.

The file is never trusted half: one that is being written, cut off or garbled is an error, and the old contacts stay.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import stat
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from charset_normalizer import from_bytes
from pydantic import BaseModel, ConfigDict, Field, field_validator

from lookupd import BaseSourcePlugin, QueryArgs, Row, SourceArgs, SourceError

#: what tells one state of a file from another: inode, size, time of the last change in ns
Stamp: TypeAlias = tuple[int, int, int]
Cells: TypeAlias = dict[str, str | None]

_BLOCK = 1 << 20
_SAMPLE = 1 << 16  # bytes of non-ASCII lines that are looked at to guess an encoding
_SEPARATORS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What people have besides cp1252; more would only make the guess worse.
_ENCODINGS = [
    "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "cp866", "cp850", "mac_roman",
    "cp932", "euc_jp", "gb18030", "big5", "cp949",
]  # fmt: skip
# What no Western text has: three accents in a row, a capital after a small letter, a symbol glued before a letter.
_NOT_WESTERN = re.compile(r"[À-ÿŒœŠšŽžŸƒ]{3}|[a-zß-ÿ][À-ÞŒŠŽŸ]|[¢-¦¨©¬®¯±-¶¸¹¼-¾‚„†‡ˆ‰˜™×÷][A-Za-zÀ-ÿ]")
_FOLDS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"})


class Settings(BaseModel):
    """The section of one CSV source."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    file: Path = Field(description="the file; a relative path starts at the folder of the configuration")
    separator: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="what stands between two cells; found out among , ; tab and | if not given",
    )
    encoding: str | None = Field(default=None, description="the file's encoding; found out if not given")
    unique_column: str | None = None
    searched_columns: tuple[str, ...] = ()
    first_matched_columns: tuple[str, ...] = ()

    @field_validator("searched_columns", "first_matched_columns", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return value or ()

    @field_validator("separator")
    @classmethod
    def _can_separate(cls, value: str | None) -> str | None:
        if value and value in '"\r\n':
            raise ValueError("a quote or the end of a line cannot separate cells")
        return value

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        try:
            "".encode(value or "utf-8")
        except LookupError:
            raise ValueError(f"{value!r} is not an encoding; write for example utf-8 or cp1252") from None
        return value


class CsvBackend(BaseSourcePlugin):
    """Asks a CSV file; it is kept in memory once a question other than `list_all` was asked."""

    config_model = Settings

    def load(self, args: SourceArgs, /) -> None:
        """Get ready, without a look at the file: it may come later."""
        self._settings = Settings.model_validate(args["config"])
        folder = Path(args["main_config"].get("config_dir") or Path.cwd())
        self._path = folder / self._settings.file
        self._lock = threading.Lock()
        self._table: Table | None = None

    def unload(self) -> None:
        """Forget the file."""
        self._table = None

    def search(self, term: str, _: QueryArgs, /) -> Sequence[Row]:
        """The rows that have every word somewhere in their searched columns, whatever the accents."""
        return self._current().search(term)

    def first_match(self, exten: str, _: QueryArgs, /) -> Row | None:
        """The first row of the file with these digits in a number column."""
        return self._current().by_number.get(_digits(exten))

    def match_all(self, extens: Sequence[str], _: QueryArgs, /) -> Mapping[str, Row]:
        """The first rows with these numbers."""
        numbers = self._current().by_number
        return {exten: numbers[_digits(exten)] for exten in extens if _digits(exten) in numbers}

    def list(self, uids: Sequence[str], _: QueryArgs, /) -> Sequence[Row]:
        """The rows with these unique ids."""
        rows = self._current().by_uid
        return [rows[uid] for uid in dict.fromkeys(uids) if uid in rows]

    def list_all(self) -> Iterator[Row]:
        """Every row, one in memory at a time. A SourceError at the very end says that the file changed."""
        with _opened(self._path) as file:
            yield from self._rows(file)

    def _current(self) -> Table:
        """The file as it is now. One thread reads it, the others wait for that."""
        with self._lock:
            if self._table is None or self._table.stamp != _stamp_of(self._path):
                with _opened(self._path) as file:
                    self._table = Table(file.stamp, self._rows(file), self._settings)
            return self._table
