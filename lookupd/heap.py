"""How the interpreter is set for a process that answers: no long look for garbage, and quick turns."""

from __future__ import annotations

import gc
import sys

#: how long a thread that searches may keep the loop from answering, in seconds
TURN = 0.0005


def settle() -> None:
    """Call once all that stays is made: questions would wait some 50 ms while it is looked through."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(TURN)
