"""A row of a directory -> a contact as it is stored, searched and served; pure."""

from __future__ import annotations

import json
import marshal
import re
import struct
from functools import lru_cache, partial
from hashlib import blake2b
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, NamedTuple

from lookupd.fold import index_terms
from lookupd.number import Number, NumberRules, national_digits, parse_cell, suffix_key
from lookupd.oversize import Oversize
from lookupd.plugins import MultiValue
from lookupd.row import checked, texts_of
from lookupd.template import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lookupd.config import SourceSettings

#: part of every fingerprint: raise it when the same row is to be stored differently
SHAPE_VERSION = 4
#: the formatted column that is shown as the caller's name
CALLER_NAME = "reverse"
#: so many numbers may be the same
MANY = 2
#: cells whose numbers are all looked at; of more, those in so many characters, each cell counted as some more
FEW, LONGEST_NUMBERS, SEPARATOR = 4, 8_000, 10
#: characters of a searched column whose words are found
LONGEST_SEARCHED = 4_096
#: rows of so many sets of columns are written without looking at each name again: a source has one, or some
LAYOUTS = 256
#: the format of marshal that depends on nothing but the value: no references, nothing about interned texts
_MARSHAL = 2
_DIGITS = re.compile("[0-9]+")
_INT64 = struct.Struct(">q")
#: stands before the part of a uid that we made: the unit separator, which no directory's id holds
_MADE = "\x1f"


class ListedNumber(NamedTuple):
    """A number of a contact, and where it stands; a tuple, as a sync makes as many as there are numbers."""

    number: Number
    #: position of its column in first_matched_columns
    rank: int


class Contact(NamedTuple):
    """One person or company, as one source knows it; a tuple for the same reason."""

    #: name of the source
    source: str
    #: identity within the source: its unique column, else made of the row's fingerprint
    uid: str
    #: all raw and formatted fields, as the text of a JSON object, ready to send
    body: str
    #: what is shown when this contact calls: the formatted column `reverse`
    display: str | None
    numbers: Sequence[ListedNumber] = ()
    #: folded words of each searched column, a line each, then the digits of the numbers
    terms: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """All raw and formatted fields."""
        fields: dict[str, Any] = json.loads(self.body)
        return fields

    @property
    def entry_id(self) -> str | None:
        """The identity to show clients: None where the directory gave none."""
        return self.uid.partition(_MADE)[0] or None

    @property
    def has_own_id(self) -> bool:
        """Whether the directory finds it by its uid, which is not made, wholly or in part."""
        return _MADE not in self.uid


class Shape:
    """How rows of one source become contacts."""

    def __init__(self, source: SourceSettings, rules: NumberRules, *, with_suffix: bool = False) -> None:
        self.source = source
        self.rules = rules
        self._with_suffix = with_suffix
        self._formats = {name: Template(text) for name, text in source.format_columns.items()}
        shown = [column for template in self._formats.values() for column in template.columns]
        unique = [source.unique_column] if source.unique_column else []
        #: the columns that a large row keeps before others
        self._needed = (*unique, *source.first_matched_columns, *shown, *source.searched_columns)
        self._oversize = Oversize(source.name)
        settled = [
            SHAPE_VERSION,
            source.unique_column,
            source.searched_columns,
            source.first_matched_columns,
            source.format_columns,
            rules.region,
            with_suffix,
        ]
        self._seed = blake2b(json.dumps(settled).encode(), digest_size=8)

    def __reduce__(self) -> tuple[Callable[..., Shape], tuple[object, ...]]:
        """Made anew in another process."""
        return partial(Shape, with_suffix=self._with_suffix), (self.source, self.rules)

    def is_like(self, other: Shape) -> bool:
        """Whether both stand for the same source under the same settings."""
        # Which keys were given counts too: `live: {}` is not the same as no `live`.
        return (self.source, self.source.model_fields_set, self.rules, self._with_suffix) == (
            *(other.source, other.source.model_fields_set, other.rules, other._with_suffix),
        )

    def checked(self, row: object, left_out: list[str] | None = None) -> dict[str, object]:
        """A row as its back-end returned it, made safe to store. Raises RowRefused.

        The columns that were too large are logged once, and `left_out` gets them.
        """
        too_large: list[str] = []
        made = checked(row, self._needed, too_large)
        if too_large:
            self._oversize.note(too_large)
            if left_out is not None:
                left_out += too_large
        return made

    def fingerprint(self, row: Mapping[str, object]) -> int:
        """64 bits that differ when the stored contact would: for a checked row."""
        digest = self._seed.copy()
        try:
            digest.update(marshal.dumps(row, _MARSHAL))  # type: ignore[arg-type] # what it cannot take it refuses
        except ValueError:  # a MultiValue, which is more than its text
            digest.update(json.dumps(list(_flat(row)), default=str).encode())
        fingerprint: int = _INT64.unpack(digest.digest())[0]
        return fingerprint

    def uid(self, row: Mapping[str, object]) -> str | None:
        """The value of the unique column as text, or None where the row has none."""
        value = row.get(self.source.unique_column) if self.source.unique_column else None
        return None if value is None else str(value).replace(_MADE, "\N{REPLACEMENT CHARACTER}")

    def contact(self, row: Mapping[str, object], uid: str | None = None) -> Contact:
        """The contact a checked row stands for; `uid` where it is known already."""
        fields = dict(row)
        for name, template in self._formats.items():
            fields[name] = template.fill(fields)
        numbers = self._numbers(row)
        return Contact(
            source=self.source.name,
            uid=uid or self.uid(row) or anonymous_uid(self.fingerprint(row)),
            body=_json(fields),
            display=_text(fields.get(CALLER_NAME)),
            numbers=numbers,
            terms=self._terms(fields, numbers),
        )

    def _numbers(self, row: Mapping[str, object]) -> tuple[ListedNumber, ...]:
        """Each number once, where it stands first."""
        cells = [
            (rank, cell)
            for rank, column in enumerate(self.source.first_matched_columns)
            if (value := row.get(column)) is not None
            for cell in texts_of(value)
        ]
        listed = [
            ListedNumber(number=number, rank=rank)
            for rank, cell in (cells if len(cells) <= FEW else _first(cells))
            for number in parse_cell(cell, self.rules)
        ]
        if len(listed) < MANY:
            return tuple(listed)
        first: dict[Number, ListedNumber] = {}
        for one in listed:
            first.setdefault(one.number, one)
        return tuple(first.values())

    def _terms(self, fields: Mapping[str, object], numbers: tuple[ListedNumber, ...]) -> str:
        lines = [_searched(fields.get(column)) for column in self.source.searched_columns]
        digits = dict.fromkeys([digits for listed in numbers for digits in self._digits(listed.number)])
        return "\n".join([*lines, " ".join(digits)])

    def _digits(self, number: Number) -> Sequence[str]:
        """The digits somebody may type to find a number: international, and as dialled at home."""
        if number.is_block:
            return ()
        if not number.is_international:
            return _DIGITS.findall(number.key)  # of "*21#" what is a word
        digits = number.key[1:]
        return (digits, national_digits(number, self.rules)) if self.rules.region else (digits,)

    def index_numbers(self, contact: Contact) -> str:
        """What the index finds a contact by, as JSON: [[key, extension or "", rank], ...], each once.

        As `json.dumps` says it, which takes five times as long; keys and extensions need no escapes.
        """
        keys = dict.fromkeys(self.index_keys(contact))
        items = [f'["{key}", "{extension}", {rank}]' for key, extension, rank in keys]
        return f"[{', '.join(items)}]"

    def index_keys(self, contact: Contact) -> Iterator[tuple[str, str, int]]:
        """What the index finds a contact by: (key, extension or "", rank) for each number."""
        for listed in contact.numbers:
            extension = listed.number.extension or ""
            yield listed.number.key, extension, listed.rank
            if self._with_suffix and (key := suffix_key(listed.number)):
                yield key, extension, listed.rank


def anonymous_uid(fingerprint: int) -> str:
    """An identity for a row without one."""
    return f"{_MADE}{fingerprint & 0xFFFFFFFFFFFFFFFF:016x}"


def twin_uid(uid: str, fingerprint: int) -> str:
    """An identity for a second, different row with the same unique value, so that neither is lost."""
    return f"{uid}{_MADE}{fingerprint & 0xFFFFFFFFFFFFFFFF:016x}"


def twins_among(uids: Sequence[str]) -> Sequence[int]:
    """Where those stand that are identities of a second row with the same unique value."""
    if _MADE not in "".join(uids):
        return ()
    return [at for at, uid in enumerate(uids) if uid.find(_MADE) > 0]


def _first(cells: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """As many cells as numbers are looked for in."""
    room = LONGEST_NUMBERS
    for rank, cell in cells:
        room -= len(cell) + SEPARATOR
        if room < 0:
            return
        yield rank, cell


def _searched(value: object) -> str:
    """The words that a cell is found by."""
    if isinstance(value, str) and not isinstance(value, MultiValue):
        return " ".join(index_terms(value[:LONGEST_SEARCHED]))
    texts = texts_of(value)
    if len(texts) == 1:
        return " ".join(index_terms(texts[0][:LONGEST_SEARCHED]))
    return " ".join([term for text in _beginnings(texts) for term in index_terms(text)])


def _beginnings(texts: Sequence[str]) -> Iterator[str]:
    """The texts of a cell, as far as their words are found."""
    room = LONGEST_SEARCHED
    for text in texts:
        if room <= 0:
            return
        yield text[:room]
        room -= len(text) + 1


def _json(fields: Mapping[str, object]) -> str:
    """The same as `json.dumps` says, which takes twice as long for texts."""
    values = [
        encode_basestring_ascii(value)
        if isinstance(value, str)
        else "null"
        if value is None
        else json.dumps(value)
        for value in fields.values()
    ]
    return _layout(tuple(fields)) % tuple(values)


@lru_cache(maxsize=LAYOUTS)
def _layout(columns: tuple[str, ...]) -> str:
    """An object with these columns, and a place for the value of each."""
    items = [f"{encode_basestring_ascii(column)}: ".replace("%", "%%") + "%s" for column in columns]
    return f"{{{', '.join(items)}}}"


def _flat(row: Mapping[str, object]) -> Iterator[tuple[object, ...]]:
    for column, value in row.items():
        yield (column, value, value.all) if isinstance(value, MultiValue) else (column, value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
