"""Room that is kept back on the disk: a daemon that starts when there is no other can still answer.

SQLite makes small files beside each database that it opens. A daemon that runs has them; one that is started
on a full disk gets the room for them from here.
"""

from __future__ import annotations

import logging
import os
import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

NAME: Final = "ballast"
#: bytes that are kept back, and how many must be free before they are taken
SIZE, PLENTY = 1 << 20, 1 << 24


def give(folder: Path) -> None:
    """Make room in a folder of data, if there is hardly any. Does not raise."""
    try:
        if shutil.disk_usage(folder).free < SIZE and (folder / NAME).exists():
            (folder / NAME).unlink()
            logger.warning("the disk of %s is full: what was kept back is used to start", folder)
    except OSError as error:
        logger.debug("no room is made in %s: %s", folder, error)


def keep(folder: Path) -> None:
    """Keep room back, unless it is or there is too little. Does not raise."""
    try:
        if (folder / NAME).exists() or shutil.disk_usage(folder).free < PLENTY:
            return
        new = folder / f"{NAME}.new"
        with new.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, SIZE)
        new.replace(folder / NAME)
    except OSError as error:
        logger.debug("no room is kept back in %s: %s", folder, error)
