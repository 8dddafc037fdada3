"""What tells one state of a file from another."""

from __future__ import annotations

import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from lookupd import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_TICK = 0.02  # seconds; a file system's clock may stand still for a hundredth (Linux before 6.13)
_TICKS = 10  # that many, then a file that goes on changing is being written


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """One state of a file."""

    inode: int
    size: int
    #: when its content changed, and when anything about it did, which nobody can set; in ns
    mtime: int
    ctime: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises SourceError when there is no file."""
        try:
            status = path.stat()
        except OSError as error:
            raise unreadable(path, error) from error
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{path}: is not a file that can be read twice; set file to a regular file")
        return cls(
            inode=status.st_ino, size=status.st_size, mtime=status.st_mtime_ns, ctime=status.st_ctime_ns
        )

    @classmethod
    def settled(cls, path: Path, clock: Callable[[], int] = time.time_ns) -> Self:
        """A stamp that no later change can share, as one could before the clock of the file system ticks.

        Raises SourceError when there is no file, or one that goes on changing.
        """
        for _ in range(_TICKS):
            stamp = cls.of(path)
            if abs(clock() - stamp.ctime) > _TICK * 1e9:
                return stamp
            time.sleep(_TICK)
        raise SourceError(f"{path}: is being written at this moment; it is read again next time")


def unreadable(path: Path, error: OSError) -> SourceError:
    """The error of a file that cannot be read."""
    return SourceError(f"{path}: {error.strerror}; check file, and that lookupd may read it")
