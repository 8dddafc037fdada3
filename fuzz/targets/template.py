"""Any template, any fields: a ValueError when it is made, or a text or None each time it is filled.

Input: a template; then the fields, as lines of `given.values`.
"""

from __future__ import annotations

from string import Formatter

from fuzz import given
from fuzz.index import shape
from lookupd.row import RowRefused
from lookupd.template import Template, shown

_SHAPE = shape("made-up")


def run(data: bytes) -> None:
    """Check one input."""
    first, rest = (*data.split(b"\n", 1), b"")[:2]
    try:
        template = Template(given.text(first))
    except ValueError as error:
        assert str(error)
        return
    try:
        fields = _SHAPE.checked(given.row(rest))
    except RowRefused:
        return
    assert not any(spec or conversion for _, _, spec, conversion in Formatter().parse(template.text))
    filled = template.fill(fields)
    assert filled is None or (filled and filled == filled.strip())
    for column, value in fields.items():
        if column and not set(column) & set("[]{}!:"):
            assert Template(f"{{{column}}}").fill(fields) == (shown(value).strip() or None), column


TARGET = run
