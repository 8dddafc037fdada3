"""Taking callers from the file that the index names, while there is one and it can be read."""

from __future__ import annotations

import logging
from threading import Thread
from typing import TYPE_CHECKING

from lookupd.index.caller import ready
from lookupd.index.callerfile import CallerFile
from lookupd.index.checksum import Damaged
from lookupd.sql import statements

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from lookupd.index.caller import Ready
    from lookupd.index.callerfile import Shown

logger = logging.getLogger(__name__)

_SQL = statements("lookupd.index", "queries.sql")


class ReadyCallers:
    """The callers of an index, as far as they are ready. Used by one thread."""

    def __init__(self, index: Path) -> None:
        self._index = index
        self._file: CallerFile | None = None
        #: what the index last said about it, by its checksum
        self._told: object = None
        #: the name of a file that was damaged
        self._damaged = ""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def find(self, first: int, last: int) -> list[Shown] | None:
        """The callers whose ids are from `first` to `last`, those of one number; None: the index knows."""
        if self._file is None:
            return None
        try:
            return self._file.find(first, last)
        except (OSError, ValueError, Damaged) as error:
            self._do_without(self._file.path, error)
            return None

    def follow(self, connection: sqlite3.Connection, *, is_of_use: bool) -> None:
        """Turn to the file that the index names now; to none, unless it is of use."""
        now = connection.execute(_SQL["caller_file_sum"]).fetchone() if is_of_use else None
        if now != self._told or (now is not None and self._file is None):
            row = None if now is None else connection.execute(_SQL["caller_file"]).fetchone()
            self._turn_to(ready(row))
            self._told = now

    def _turn_to(self, told: Ready | None) -> None:
        name = told.name if told is not None and told.is_made else None
        if self._file is not None and self._file.path.name != name:
            self._leave(self._file)
        if told is None or name in {None, self._damaged}:
            return
        if self._file is not None:
            self._file.follow(told.changed)
            return
        path = self._index.with_name(told.name)
        try:
            self._file = CallerFile(path, told.changed)
        except FileNotFoundError:
            logger.debug("%s is not there: it is made again after the next sync", path)
        except (OSError, ValueError, Damaged) as error:
            self._do_without(path, error)

    def _do_without(self, path: Path, error: Exception) -> None:
        """Everything is in the index, too. A file that is damaged is deleted: the next sync makes another."""
        logger.warning("%s cannot be read (%s): the index is asked instead, which takes longer", path, error)
        if self._file is not None:
            self._leave(self._file)
        if not isinstance(error, OSError):
            self._damaged = path.name
            Thread(target=path.unlink, kwargs={"missing_ok": True}, name="callers-unlink").start()

    def _leave(self, file: CallerFile) -> None:
        """No more callers from this file. Closing one that is deleted already takes long: in a thread."""
        self._file = None
        Thread(target=file.close, name="callers-close").start()
