"""Contacts in a CSV file, read again whenever the file changes.

The file is never trusted half: where it is being written, cut off or garbled, asking it is an error.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
import threading
import unicodedata
from collections import Counter
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lookupd import BaseSourcePlugin, Changes, CursorExpired, QueryArgs, Row, SourceArgs, SourceError
from lookupd.backends.csv_encoding import encoding_of
from lookupd.backends.csv_stamp import Stamp, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Cells: TypeAlias = dict[str, str | None]

_VERSION = 1  # of how a file is read: with another one, a file counts as changed
_SEPARATORS = ",;\t|"
_NOT_DIGITS = re.compile(r"[^0-9+*#]")
_BETWEEN_NUMBERS = re.compile(r"[;/,]")
_FOLDS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i"}
)


class Settings(BaseModel):
    """The section of one CSV source."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

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
    """Asks a CSV file; it is kept in memory once a question was asked that is not about all of it."""

    config_model = Settings
    depends_on_caller = False
    asks_live_when_synced = False  # the index is as good as the file it was read from

    def load(self, args: SourceArgs, /) -> None:
        """Get ready, without a look at the file: it may come later."""
        self._settings = Settings.model_validate(args["config"])
        folder = Path(args["main_config"].get("config_dir") or Path.cwd())
        self._path = folder / self._settings.file
        self._lock = threading.Lock()
        self._table: Table | None = None

    def unload(self) -> None:
        """Forget the file."""
        with self._lock:
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
        return _read(self._path, self._settings, Stamp.settled(self._path))

    def changes(self, cursor: str | None, /) -> Changes:
        """Nothing while the file is what it was; a file that is not read costs nothing."""
        stamp = Stamp.settled(self._path) if cursor is None else Stamp.of(self._path)
        now = self._cursor(stamp)
        if cursor is None:
            return Changes(rows=_read(self._path, self._settings, stamp), cursor=now)
        if cursor != now:
            raise CursorExpired(f"{self._path}: is not the file that was read; everything is listed")
        return Changes(rows=(), cursor=now)

    def _cursor(self, stamp: Stamp) -> str:
        """A digest of a state of the file, and of all that its rows depend on beside it."""
        read_as = self._settings.model_dump_json()
        state = f"{_VERSION} {self._path} {stamp} {read_as}"
        return blake2b(state.encode(), digest_size=16).hexdigest()

    def _current(self) -> Table:
        """The file as it is now: one thread reads it, the others wait for that."""
        with self._lock:
            if self._table is None or self._table.stamp != Stamp.of(self._path):
                stamp = Stamp.settled(self._path)
                self._table = Table(stamp, _read(self._path, self._settings, stamp), self._settings)
            return self._table


class Table:
    """The rows of one state of the file, ready to be asked."""

    def __init__(self, stamp: Stamp, rows: Iterable[Cells], settings: Settings) -> None:
        self.stamp = stamp
        self._rows = list(rows)
        self._searched = settings.searched_columns
        self.by_uid: dict[str, Cells] = {}
        self.by_number: dict[str, Cells] = {}
        for row in self._rows:
            uid = row[settings.unique_column] if settings.unique_column else None
            if uid:
                self.by_uid.setdefault(uid, row)
            for column in settings.first_matched_columns:
                for number in _numbers(row[column]):
                    self.by_number.setdefault(number, row)

    def search(self, term: str) -> Sequence[Row]:
        """The rows that have every word of a text in a searched column."""
        words = _fold(term).split()
        if not self._searched:
            return []
        return [
            row for row, text in zip(self._rows, self._texts, strict=True) if all(w in text for w in words)
        ]

    @cached_property
    def _texts(self) -> Sequence[str]:
        """What is searched of each row; made for the first search, since many sources never see one."""
        return [_fold("\n".join(row[column] or "" for column in self._searched)) for row in self._rows]


def _read(path: Path, settings: Settings, stamp: Stamp) -> Iterator[Cells]:
    """The rows of one state of a file. Raises SourceError when they cannot be read, or were of another."""
    encoding = settings.encoding
    try:
        with path.open("rb") as raw:
            encoding = encoding or encoding_of(raw, path)
            raw.seek(0)
            with io.TextIOWrapper(raw, encoding, newline="") as text:
                yield from _parse(text, path, settings)
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeError as error:
        remedy = "correct encoding, or leave it out" if settings.encoding else "set encoding"
        raise SourceError(f"{path}: is not in the encoding {encoding} ({error}); {remedy}") from error
    if Stamp.of(path) != stamp:
        raise SourceError(f"{path}: was changed while it was read; it is read again next time")


def _parse(text: TextIO, path: Path, settings: Settings) -> Iterator[Cells]:
    first = text.readline().removeprefix("\ufeff")
    lines = _Lines(itertools.chain([first], text))
    reader = csv.reader(lines, delimiter=settings.separator or _separator_of(first), strict=True)
    try:
        header = _header(next(reader, []), path, settings)
        for cells in reader:
            if len(cells) > len(header):
                raise SourceError(
                    f"{path}, line {lines.number}: has {len(cells)} cells under {len(header)} names; "
                    f"the separator may be wrong (it is {reader.dialect.delimiter!r})"
                )
            if 0 < len(cells) < len(header) and not lines.is_whole:
                raise _half_written(path, lines.number)
            values = [cell if cell and not cell.isspace() else None for cell in cells]
            if any(values):
                missing = len(header) - len(values)
                yield dict(zip(header, values + [None] * missing if missing else values, strict=True))
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise _half_written(path, lines.number) from error
        raise SourceError(f"{path}, line {lines.number}: {error}; the file must be repaired") from error


class _Lines:
    """The lines of a text; it knows the last one that was read, and its number."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = text
        self._last = ""
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self._last = line
            self.number += 1
            if "\0" in line:
                raise csv.Error("there are NUL bytes (UTF-16 needs its mark, or the key encoding)")
            yield line

    @property
    def is_whole(self) -> bool:
        """Whether the last one was ended."""
        return self._last.endswith(("\n", "\r"))


def _header(cells: Sequence[str], path: Path, settings: Settings) -> Sequence[str]:
    names = [cell.strip() for cell in cells]
    if not any(names):
        raise SourceError(f"{path}: is empty, or its first line has no column names")
    nameless = [str(number) for number, name in enumerate(names, 1) if not name]
    if nameless:
        raise SourceError(f"{path}: column {', '.join(nameless)} has no name; name it in the first line")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SourceError(f"{path}: two columns are called {', '.join(map(repr, twice))}; rename one")
    wanted = [*settings.searched_columns, *settings.first_matched_columns]
    wanted += [settings.unique_column] if settings.unique_column else []
    missing = [name for name in dict.fromkeys(wanted) if name not in names]
    if missing:
        raise SourceError(
            f"{path}: has no column {', '.join(map(repr, missing))} (it has: {', '.join(names)}); "
            f"check the columns of this source, and its separator"
        )
    return names


def _separator_of(header: str) -> str:
    """What makes the most columns of the header; of equals, the first."""
    return max(_SEPARATORS, key=lambda separator: len(next(csv.reader([header], delimiter=separator), [])))


def _half_written(path: Path, line: int) -> SourceError:
    return SourceError(f"{path}, line {line}: the file ends within a row, so it is half-written")


def _digits(number: str) -> str:
    return _NOT_DIGITS.sub("", number)


def _numbers(cell: str | None) -> Iterable[str]:
    """What a cell can be found by: all of it, and each of several numbers in it."""
    if not cell:
        return ()
    return filter(None, map(_digits, (cell, *_BETWEEN_NUMBERS.split(cell))))


def _fold(text: str) -> str:
    """Text without case and accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part)).translate(_FOLDS)
