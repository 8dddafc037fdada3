"""The documents in `golden/`, one file for each kind of phone and situation.

`python -m tests.views.phones.golden` writes them anew: on purpose, and to be read before they are committed.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.views.phones.situations import shown

if TYPE_CHECKING:
    from tests.views.phones.conftest import Reply

FOLDER = Path(__file__).with_name("golden")


def golden(reply: Reply) -> str:
    """A reply as its file has it: what it says about itself, then each element in a line of its own."""
    head = f"{reply.status} {reply.headers['Content-Type']}\n\n"
    return head + re.sub(r"(?<=>)(?=<[A-Za-z])", "\n", reply.body.decode())


async def written() -> dict[str, str]:
    """Every file that there should be, by its path in the folder."""
    with tempfile.TemporaryDirectory() as folder:
        return {f"{word}/{name}.txt": golden(reply) async for word, name, reply in shown(Path(folder))}


def main() -> None:
    """Write them."""
    files = asyncio.run(written())
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name, text in files.items():
        file = FOLDER / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(files)} files in {FOLDER}\n")


if __name__ == "__main__":
    main()
