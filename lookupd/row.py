"""A row as a back-end returned it -> one that can be stored, or a refusal that says why; pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from lookupd.plugins import MultiValue

if TYPE_CHECKING:
    from collections.abc import Sequence

#: how deep the values of a row may nest, and how large whole numbers may be, in bits
DEEPEST = 20
LARGEST = 4096
#: the types that most rows have: their own, of their columns, and of their values
_ROWS = frozenset({dict})
_COLUMNS = frozenset({str})
_VALUES = frozenset({str, type(None)})


class RowRefused(ValueError):
    """A row holds something no contact can: the message names column and remedy."""


def checked(row: object) -> dict[str, object]:
    """A row made safe to store. Raises RowRefused."""
    if not isinstance(row, Mapping):
        raise RowRefused(f"a row must be a mapping of columns, not {type(row).__name__}")
    if are_clean((row,)):
        return dict(row)
    return {_column(column): _value(column, value) for column, value in row.items()}


def are_clean(rows: Sequence[Any]) -> bool:
    """Whether rows hold nothing but texts that are stored as they are: quick to tell of many at once."""
    if not _ROWS.issuperset(map(type, rows)):
        return False
    columns = set(chain.from_iterable(rows))
    values = [*chain.from_iterable(map(dict.values, rows))]
    if not (_COLUMNS.issuperset(map(type, columns)) and _VALUES.issuperset(map(type, values))):
        return False
    filled = [*filter(None, values)]
    if "" in values or any(map(str.isspace, filled)):
        return False
    text = "".join([*columns, *filled])
    return "\0" not in text and _is_whole(text)


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


def _is_whole(text: str) -> bool:
    """Whether a text has no half characters."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
