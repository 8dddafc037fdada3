"""A stranger's distribution, installed on the spot as pip would: one module and its entry points."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: each module has a name of its own, as Python imports a name once
_NUMBERS = itertools.count(1)


def install(folder: Path, code: str, *, kind: str = "backend", **entry_points: str) -> Path:
    """Write a distribution whose plugins are `name="Class"` of this code; a folder for Python's path."""
    module = f"stranger_{next(_NUMBERS)}"
    place = folder / module
    place.mkdir()
    (place / f"{module}.py").write_text(textwrap.dedent(code), encoding="utf-8")
    info = place / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    lines = [f"{name} = {value.replace('MODULE', module)}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[lookupd.{kind}s]", *lines, ""]), encoding="utf-8")
    return place
