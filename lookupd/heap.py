"""What lives as long as the process is not looked through for garbage again and again."""

from __future__ import annotations

import gc


def settle() -> None:
    """Call once all that stays is made: questions would wait some 50 ms while it is looked through."""
    gc.collect()
    gc.freeze()
