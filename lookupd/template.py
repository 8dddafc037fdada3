"""Templates of format_columns: `"{givenName} {sn}"` filled from a contact's fields; pure.

The syntax is that of Python's str.format with names and items only: `{cn}`, `{numbers[0]}`,
`{numbers_by_label[mobile]}`. A dot belongs to the name, so no attribute of an object is ever read.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(r"([^\[\]{}]+)((?:\[[^\[\]{}]+\])*)")
#: brackets in which nothing is
_HOLLOW = re.compile(r"\s*(?:\(\s*\)|\[\s*\]|<\s*>)")
#: no list is so long that its items need more digits
_DIGITS = 9
_ITEM = re.compile(r"\[([^\[\]{}]+)\]")


class Template:
    """One template, taken apart once and filled often."""

    def __init__(self, text: str) -> None:
        """Raises ValueError, saying what is wrong, when the text is no template."""
        self.text = text
        self._parts = tuple(_parts(text))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is filled from, each once."""
        return tuple(dict.fromkeys(name for _, name, _ in self._parts if name is not None))

    def fill(self, fields: Mapping[str, object]) -> str | None:
        """The text for these fields, stripped; None when nothing is in it, or an item does not exist.

        A name that is missing or None counts as empty, and brackets in which nothing is left go; of several
        values the first is taken.
        """
        filled = []
        is_partial = False
        for literal, name, items in self._parts:
            filled.append(literal)
            if name is None:
                continue
            value: object = fields.get(name)
            if isinstance(value, str) and not items:
                filled.append(value)
                continue
            for item in items:
                value = _item(value, item)
                if value is None:
                    return None
            text = shown(value)
            filled.append(text)
            is_partial = is_partial or not text
        whole = "".join(filled)
        return (_HOLLOW.sub("", whole) if is_partial else whole).strip() or None


def shown(value: object) -> str:
    """A value of a row as one text: of several the first, nothing as an empty text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return shown(value[0]) if value else ""
    return "" if value is None else str(value)


def _parts(text: str) -> list[tuple[str, str | None, tuple[str, ...]]]:
    parts: list[tuple[str, str | None, tuple[str, ...]]] = []
    for literal, field, spec, conversion in Formatter().parse(text):
        if field is None:
            parts.append((literal, None, ()))
            continue
        match = _FIELD.fullmatch(field)
        if match is None or spec or conversion:
            written = field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            msg = f"{{{written}}} is not a column, as in {{name}} or {{numbers[0]}}"
            raise ValueError(msg)
        parts.append((literal, match[1], tuple(_ITEM.findall(match[2]))))
    return parts


def _item(value: object, item: str) -> object:
    if isinstance(value, dict):
        return value.get(item)
    if isinstance(value, list | tuple) and item.isdecimal() and len(item) <= _DIGITS:
        return next(iter(value[int(item) :]), None)
    return None
