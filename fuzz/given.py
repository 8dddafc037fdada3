"""Bytes that somebody made up -> what a target is asked with. Total: every input means something.

Inputs are texts of lines, so that those kept in `corpus` can be read and written by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from lookupd import MultiValue

#: levels that values nest: more than Python's own recursion survives
DEEPEST: Final = 1500
_OPENING: Final = "{[(<*"
_CLOSING: Final = "]"


def text(data: bytes) -> str:
    """The bytes as UTF-8; others become lone surrogates, as they do in arguments and headers."""
    return data.decode("utf-8", "surrogateescape")


def lines(data: bytes, count: int) -> list[str]:
    """So many texts: the first lines, and all that follows as the last one. Missing ones are empty."""
    found = text(data).split("\n", count - 1)
    return found + [""] * (count - len(found))


def number(written: str, most: int) -> int:
    """A whole number up to a bound, whatever is written."""
    return (
        int(written) % (most + 1) if written.isascii() and written.isdecimal() else len(written) % (most + 1)
    )


def values(data: bytes) -> list[object]:
    r"""Values of all kinds, one a line; `\n` in one is the end of a line.

    `{`, `[`, `(`, `<` and `*` begin a mapping, list, tuple, set and MultiValue, and `]` ends any of them.
    `-` is None, `#` a number (`#^70` is 2 to the power of 70), `!` bytes, `?` an object. `"` and all else
    is a text.
    """
    open_ = [_Open("[")]
    for line in text(data).split("\n"):
        kind, rest = line[:1], line[1:]
        if kind and kind in _OPENING and len(open_) < DEEPEST:
            open_.append(_Open(kind))
        elif kind == _CLOSING and len(open_) > 1:
            closed = open_.pop().value()
            open_[-1].items.append(closed)
        else:
            open_[-1].items.append(_plain(kind, rest.replace("\\n", "\n")))
    while len(open_) > 1:
        closed = open_.pop().value()
        open_[-1].items.append(closed)
    return open_[0].items


def row(data: bytes) -> dict[object, object]:
    """One row: the first mapping among the values, else all of them as the columns a, b, c ..."""
    found = values(data)
    mapping = next((value for value in found if isinstance(value, dict)), None)
    return mapping if mapping is not None else dict(zip("abcdefghijklmnopqrstuvwxyz", found, strict=False))


@dataclass
class _Open:
    """Something that holds values, not ended yet."""

    kind: str
    items: list[object] = field(default_factory=list)

    def value(self) -> object:
        match self.kind:
            case "{":
                keys = [key if _hashes(key) else type(key).__name__ for key in self.items[::2]]
                return dict(zip(keys, [*self.items[1::2], None], strict=False))
            case "(":
                return tuple(self.items)
            case "<":
                return {item for item in self.items if _hashes(item)}
            case "*":
                return _several(self.items)
            case _:
                return self.items


class _Mute:
    """An object that cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("there is no text")


def _plain(kind: str, rest: str) -> object:
    match kind:
        case "-":
            return None
        case "#":
            return _number(rest)
        case "!":
            return rest.encode("utf-8", "surrogateescape")
        case "?":
            return {"": _Mute(), "d": date(2026, 1, 1), "n": Decimal(1), "t": True, "f": False}.get(rest, 1j)
        case '"':
            return rest
        case _:
            return kind + rest


def _number(written: str) -> object:
    if written[:1] == "^":
        return 1 << number(written[1:], 19_999)
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            pass
    return -len(written)


def _several(items: list[object]) -> MultiValue:
    """What a back-end could make of these, though its first value should be a text, and all others too."""
    try:
        return MultiValue(items or [""])  # type: ignore[arg-type]
    except (RuntimeError, ValueError):
        return MultiValue([""])


def _hashes(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
