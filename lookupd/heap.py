"""How the interpreter is set for a process that answers: no long look for garbage, and quick turns."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: how long a thread that searches may keep the loop from answering, in seconds
TURN = 0.0005


@contextmanager
def growing() -> Iterator[None]:
    """Make in the block what stays: it has little garbage, and to look for that would delay a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """Call once all that stays is made: questions would wait some 50 ms while it is looked through."""
    gc.freeze()
    sys.setswitchinterval(TURN)
