"""Any text or number as a span, a region, a cron expression or a format: taken or refused, soon.

Input: one value as a line of `given.values`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from fuzz import given
from lookupd.setting import Cron, Format, Region, Span, SpanOrZero, hint

_KINDS: Final = tuple(TypeAdapter(kind) for kind in (Span, SpanOrZero, Region, Cron, Format))


def run(data: bytes) -> None:
    """Check one input."""
    # YAML has no halves of characters: the reader of the file refuses them.
    value = given.values(data.decode("utf-8", "replace").encode())[0]
    for kind in _KINDS:
        try:
            taken = kind.validate_python(value)
        except ValidationError:
            continue
        assert not isinstance(taken, timedelta) or timedelta(0) <= taken <= timedelta(days=36525)
    if isinstance(value, str):
        hint(value, {"timeout", "sources", value[:3]})


TARGET = run
