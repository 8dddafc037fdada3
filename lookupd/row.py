"""A row as a back-end returned it -> one that can be stored, or a refusal that says why; pure.

What is too large for a contact, such as a picture, is left out of its row: who calls has a name all the same.
Sizes are looked at before anything else is done, so that no row holds up the loop.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from lookupd.plugins import MultiValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: characters in a cell, and in all cells of a row; and in the names of all its columns
LONGEST_CELL, LONGEST_ROW, LONGEST_NAMES = 65_536, 262_144, 65_536
#: columns of a row, and what all its lists and mappings may hold
MOST_COLUMNS, MOST_VALUES = 1_000, 5_000
#: how deep the values of a row may nest, and how large whole numbers may be, in bits
DEEPEST = 20
LARGEST = 4096
#: the types that most rows have: their own, of their columns, and of their values
_ROWS = frozenset({dict})
_COLUMNS = frozenset({str})
_VALUES = frozenset({str, type(None)})


class RowRefused(ValueError):
    """A row holds something no contact can: the message names column and remedy."""


class _TooLarge(Exception):
    """There is no room for something."""


class _Room:
    """How much may still be stored."""

    __slots__ = ("characters", "values")

    def __init__(self, characters: int, values: int) -> None:
        self.characters = characters
        self.values = values

    def take(self, characters: int, values: int = 0) -> None:
        """Use some of it. Raises _TooLarge, and uses none, when there is less."""
        if characters > self.characters or values > self.values:
            raise _TooLarge
        self.characters -= characters
        self.values -= values


def checked(row: object, needed: Iterable[str] = (), left_out: list[str] | None = None) -> dict[str, object]:
    """A row made safe to store. Raises RowRefused.

    Cells that are too large become None, and `left_out` gets their columns; `needed` ones have room first.
    """
    if not isinstance(row, Mapping):
        raise RowRefused(f"a row must be a mapping of columns, not {type(row).__name__}")
    if are_clean((row,)):
        return dict(row)
    if len(row) <= MOST_COLUMNS and _COLUMNS.issuperset(map(type, row)):
        texts = "".join([*row, *(value for value in row.values() if type(value) is str)])
        if len(texts) <= LONGEST_CELL and _is_sound(texts):
            with suppress(_TooLarge):
                return _small(row)
    return _fitted(row, needed, [] if left_out is None else left_out)


def are_clean(rows: Sequence[Any]) -> bool:
    """Whether rows hold nothing but texts that are stored as they are: quick to tell of many at once."""
    if not _ROWS.issuperset(map(type, rows)):
        return False
    columns = set(chain.from_iterable(rows))
    if len(columns) > MOST_COLUMNS or not _COLUMNS.issuperset(map(type, columns)):
        return False
    values = [*chain.from_iterable(map(dict.values, rows))]
    if not _VALUES.issuperset(map(type, values)):
        return False
    filled = [*filter(None, values)]
    texts = _joined([*columns, *filled])
    # A row stands in three of these at most, so it is not too large where none of them is.
    if max(map(len, texts)) > LONGEST_CELL and not _fit(columns, rows):
        return False
    if "" in values or any(map(str.isspace, filled)):
        return False
    return all(map(_is_sound, texts))


def texts_of(value: object) -> Sequence[str]:  # noqa: PLR0911 - one line a kind
    """Every text in a cell, whatever holds it."""
    if isinstance(value, MultiValue):
        return value.all
    if isinstance(value, str):
        return (value,)
    if value is None or isinstance(value, bool):
        return ()
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item)]
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts_of(item)]
    if isinstance(value, float) and value.is_integer():
        return (str(int(value)),)
    return (str(value),)


def _joined(texts: list[str]) -> Sequence[str]:
    """Some texts, so many in one as a row may have."""
    if len(texts) <= MOST_COLUMNS:
        return ("".join(texts),)
    return ["".join(texts[at : at + MOST_COLUMNS]) for at in range(0, len(texts), MOST_COLUMNS)]


def _is_sound(text: str) -> bool:
    """Whether a text has no NUL and no half characters."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fit(columns: Iterable[str], rows: Iterable[Mapping[str, str | None]]) -> bool:
    """Whether no row of texts is too large."""
    sizes = ([*map(len, filter(None, row.values()))] for row in rows)
    return sum(map(len, columns)) <= LONGEST_NAMES and all(
        max(cells, default=0) <= LONGEST_CELL and sum(cells) <= LONGEST_ROW for cells in sizes
    )


def _small(row: Mapping[str, object]) -> dict[str, object]:
    """A row whose texts are sound. Raises _TooLarge where other cells of it are larger than one may be."""
    room = _Room(LONGEST_CELL, MOST_VALUES)
    return {
        column: (value if value and not value.isspace() else None)
        if type(value) is str
        else _value(column, value, room)
        for column, value in row.items()
    }


def _fitted(row: Mapping[Any, object], needed: Iterable[str], left_out: list[str]) -> dict[str, object]:
    """As much of a large row as there is room for, in its own order."""
    some = [*islice(row, MOST_COLUMNS)]
    names, characters, values = _Room(LONGEST_NAMES, 0), LONGEST_ROW, MOST_VALUES
    made: dict[Any, object] = {}
    for column in dict.fromkeys([*(column for column in needed if column in row), *some]):
        name = _column(column)
        limit = min(LONGEST_CELL, characters)
        room = _Room(limit, values)
        try:
            names.take(len(name))
            made[column] = None
            made[column] = _value(name, row[column], room)
        except _TooLarge:
            left_out.append(name)
        characters, values = characters - (limit - room.characters), room.values
    others = (column for column in islice(row, MOST_COLUMNS, None) if column not in made)
    left_out += map(_column, islice(others, 1))  # the first stands for all of them
    return {_column(column): made[column] for column in dict.fromkeys([*some, *made]) if column in made}


def _column(column: object) -> str:
    if not isinstance(column, str):
        raise RowRefused(f"a column's name must be a text, not {type(column).__name__}")
    return _storable(column)


def _value(column: str, value: object, room: _Room, depth: int = 0) -> object:  # noqa: PLR0911 - one line a kind
    """A cell as JSON can say it; nothing as None. Raises _TooLarge."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, MultiValue):
        return _several(column, value, room, depth)
    if isinstance(value, str):
        return _filled(value, room)
    if isinstance(value, int | float):
        return _number(column, value, room)
    if isinstance(value, bytes | bytearray | memoryview):
        raise RowRefused(f"column {column!r} holds bytes; its back-end must decode them")
    if depth == DEEPEST:
        raise RowRefused(
            f"column {column!r} nests deeper than {DEEPEST} levels; its back-end must flatten it"
        )
    if isinstance(value, list | tuple):
        room.take(0, len(value))
        return [_value(column, item, room, depth + 1) for item in value]
    if isinstance(value, set | frozenset):  # in an order that is the same each time
        room.take(0, len(value))
        return sorted((_value(column, item, room, depth + 1) for item in value), key=json.dumps)
    if isinstance(value, Mapping):
        room.take(0, len(value))
        return {_key(column, key, room): _value(column, item, room, depth + 1) for key, item in value.items()}
    return _filled(_said(column, value), room)


def _several(column: str, value: MultiValue, room: _Room, depth: int) -> object:
    """The values that are not empty; further down, where nobody would look for more, as a list."""
    said: tuple[object, ...] = value.all  # texts, if its back-end keeps to the contract
    room.take(0, len(said))
    texts = [_said(column, one) for one in said if one is not None]
    if sum(map(len, texts)) > room.characters:
        raise _TooLarge
    filled = [text for one in texts if (text := _filled(one, room)) is not None]
    if depth:
        return filled
    return MultiValue(filled) if filled else None


def _filled(text: str, room: _Room) -> str | None:
    if not text:
        return None
    room.take(len(text))
    return None if text.isspace() else _storable(str.__str__(text))


def _number(column: str, value: float, room: _Room) -> float | None:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    bits = value.bit_length()
    if bits > LARGEST:
        raise RowRefused(f"column {column!r} holds a number too large to be meant; it may be a text")
    room.take(bits // 3)  # about as many digits
    return value


def _key(column: str, key: object, room: _Room) -> str:
    said = _said(column, key)
    room.take(len(said))
    return _storable(said)


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
