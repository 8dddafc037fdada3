"""A row of a directory -> a contact as it is stored, searched and served; pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from lookupd.fold import index_terms
from lookupd.number import NumberRules, national_digits, parse_cell, suffix_key
from lookupd.plugins import MultiValue
from lookupd.template import Template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookupd.config import SourceSettings
    from lookupd.number import Number

#: part of every fingerprint: raise it when the same row is to be stored differently
SHAPE_VERSION = 1
#: the formatted column that is shown as the caller's name
CALLER_NAME = "reverse"
#: how deep the values of a row may nest, and how large whole numbers may be, in bits
DEEPEST = 20
LARGEST = 4096
#: stands before the part of a uid that we made: the unit separator, which no directory's id holds
_MADE = "\x1f"


class RowRefused(ValueError):
    """A row holds something no contact can: the message names column and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedNumber:
    """A number of a contact, and where it stands."""

    number: Number
    #: position of its column in first_matched_columns
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One person or company, as one source knows it."""

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


class Shape:
    """How rows of one source become contacts."""

    def __init__(self, source: SourceSettings, rules: NumberRules, *, with_suffix: bool = False) -> None:
        self.source = source
        self.rules = rules
        self._with_suffix = with_suffix
        self._formats = {name: Template(text) for name, text in source.format_columns.items()}
        settled = [
            SHAPE_VERSION,
            source.unique_column,
            source.searched_columns,
            source.first_matched_columns,
            source.format_columns,
            rules.region,
            with_suffix,
        ]
        self._seed = json.dumps(settled).encode()

    def is_like(self, other: Shape) -> bool:
        """Whether both stand for the same source under the same settings."""
        # Which keys were given counts too: `live: {}` is not the same as no `live`.
        return (self.source, self.source.model_fields_set, self.rules, self._with_suffix) == (
            *(other.source, other.source.model_fields_set, other.rules, other._with_suffix),
        )

    def checked(self, row: object) -> dict[str, object]:
        """A row as its back-end returned it, made safe to store. Raises RowRefused."""
        if not isinstance(row, Mapping):
            raise RowRefused(f"a row must be a mapping of columns, not {type(row).__name__}")
        return {_column(column): _value(column, value) for column, value in row.items()}

    def fingerprint(self, row: Mapping[str, object]) -> int:
        """64 bits that differ when the stored contact would: for a checked row."""
        digest = blake2b(self._seed, digest_size=8)
        digest.update(json.dumps(list(_flat(row)), default=str).encode())
        return int.from_bytes(digest.digest(), "big", signed=True)

    def uid(self, row: Mapping[str, object]) -> str | None:
        """The value of the unique column as text, or None where the row has none."""
        value = row.get(self.source.unique_column) if self.source.unique_column else None
        return None if value is None else str(value).replace(_MADE, "\N{REPLACEMENT CHARACTER}")

    def contact(self, row: Mapping[str, object], uid: str | None = None) -> Contact:
        """The contact a checked row stands for; `uid` where it is known already."""
        fields = dict(row)
        for name, template in self._formats.items():
            fields[name] = template.fill(fields)
        numbers = tuple(self._numbers(row))
        return Contact(
            source=self.source.name,
            uid=uid or self.uid(row) or anonymous_uid(self.fingerprint(row)),
            body=json.dumps(fields),
            display=_text(fields.get(CALLER_NAME)),
            numbers=numbers,
            terms=self._terms(fields, numbers),
        )

    def _numbers(self, row: Mapping[str, object]) -> Iterator[ListedNumber]:
        seen = set()
        for rank, column in enumerate(self.source.first_matched_columns):
            for cell in _texts(row.get(column)):
                for number in parse_cell(cell, self.rules):
                    if number not in seen:
                        seen.add(number)
                        yield ListedNumber(number=number, rank=rank)

    def _terms(self, fields: Mapping[str, object], numbers: tuple[ListedNumber, ...]) -> str:
        lines = [
            " ".join(term for text in _texts(fields.get(column)) for term in index_terms(text))
            for column in self.source.searched_columns
        ]
        digits = dict.fromkeys(digits for listed in numbers for digits in self._digits(listed.number))
        return "\n".join([*lines, " ".join(digits)])

    def _digits(self, number: Number) -> Iterator[str]:
        """The digits somebody may type to find a number: international, and as dialled at home."""
        if number.is_block:
            return
        yield number.key.lstrip("+")
        if self.rules.region and number.is_international:
            yield national_digits(number, self.rules)

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


def _column(column: object) -> str:
    if not isinstance(column, str):
        raise RowRefused(f"a column's name must be a text, not {type(column).__name__}")
    return _storable(column)


def _value(column: str, value: object, depth: int = 0) -> object:  # noqa: PLR0911 - one line a kind
    """A cell as JSON can say it; nothing as None."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, MultiValue):
        return _several(column, value, depth)
    if isinstance(value, str):
        return _filled(value)
    if isinstance(value, int | float):
        return _number(column, value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise RowRefused(f"column {column!r} holds bytes; its back-end must decode them")
    if depth == DEEPEST:
        raise RowRefused(
            f"column {column!r} nests deeper than {DEEPEST} levels; its back-end must flatten it"
        )
    if isinstance(value, list | tuple):
        return [_value(column, item, depth + 1) for item in value]
    if isinstance(value, set | frozenset):  # in an order that is the same each time
        return sorted((_value(column, item, depth + 1) for item in value), key=json.dumps)
    if isinstance(value, Mapping):
        return {_storable(_said(column, key)): _value(column, item, depth + 1) for key, item in value.items()}
    return _filled(_said(column, value))


def _several(column: str, value: MultiValue, depth: int) -> object:
    """The values that are not empty; further down, where nobody would look for more, as a list."""
    said: tuple[object, ...] = value.all  # texts, if its back-end keeps to the contract
    texts = (_filled(_said(column, one)) for one in said if one is not None)
    filled = [text for text in texts if text is not None]
    if depth:
        return filled
    return MultiValue(filled) if filled else None


def _filled(text: str) -> str | None:
    return _storable(str.__str__(text)) if text and not text.isspace() else None


def _number(column: str, value: float) -> float | None:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value.bit_length() > LARGEST:
        raise RowRefused(f"column {column!r} holds a number too large to be meant; it may be a text")
    return value


def _said(column: str, value: object) -> str:
    try:
        return str(value)
    except Exception as error:
        name = type(value).__name__
        raise RowRefused(
            f"column {column!r} holds a {name} that is no text; its back-end must convert it"
        ) from error


def _storable(text: str) -> str:
    """What SQLite can hold: no half characters, and no NUL, at which its functions end a text."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _flat(row: Mapping[str, object]) -> Iterator[tuple[object, ...]]:
    for column, value in row.items():
        yield (column, value, value.all) if isinstance(value, MultiValue) else (column, value)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: object) -> Iterator[str]:
    """Every text in a cell, whatever holds it."""
    if isinstance(value, MultiValue):
        yield from value.all
    elif isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif value is not None and not isinstance(value, bool):
        yield str(value)
