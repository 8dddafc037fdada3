"""What becomes of an index that a reader cannot read: looked at behind, and made anew if it is damaged."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from lookupd.datafile import SQLITE, which, words
from lookupd.index import database, scrub
from lookupd.index.checksum import Damaged
from lookupd.index.record import candidate, contact, synced
from lookupd.number import Number, Tier
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

logger = logging.getLogger(__name__)

_SQL = statements("lookupd.index", "queries.sql")
#: the shortest pause between two looks, in seconds
PAUSE = 1.0
#: how long a look may take to end when it is told to, in seconds
ENDING = 5.0


class Repair:
    """Looks at an index behind, in a thread of its own: once at a time, and not all the time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._thread: threading.Thread | None = None
        self._is_over = False
        self._next_at = clock()
        #: how many looks found nothing: it was wrong in memory, so the file is to be opened anew
        self.in_vain = 0

    def start(self, error: Exception) -> None:
        """Something was read that cannot be; whoever asks meanwhile does without. Does not wait."""
        if isinstance(error, SQLITE) and not database.is_damage(error):
            return
        file = which(self._path)
        if file is None or self._is_over or self._is_looking or self._clock() < self._next_at:
            return
        self._thread = threading.Thread(
            target=self._look, args=(error, file), name="index-repair", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End a look that is under way."""
        self._is_over = True
        if self._thread is not None:
            self._thread.join(ENDING)

    @property
    def _is_looking(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _look(self, error: Exception, file: int) -> None:
        try:
            problem = self._problem(error)
            if problem is not None:
                database.replace(self._path, file, problem)
            elif not self._is_over:
                logger.warning("%s: could not be read (%s), and is sound: opened anew", self._path, error)
                self.in_vain += 1
        except (OSError, *SQLITE) as failure:
            logger.error("%s is damaged (%s), and cannot be replaced: %s", self._path, error, failure)  # noqa: TRY400 - it says all
        finally:
            self._next_at = self._clock() + PAUSE

    def _problem(self, error: Exception) -> str | None:
        """What is damaged in the file, which was read wrong before."""
        if isinstance(error, Damaged) and (problem := _once_more(self._path, error)) is not None:
            return problem
        look = scrub.problem if database.is_garbled(error) else database.damage  # SQLite takes any text
        return look(self._path, lambda: self._is_over)


def _once_more(path: Path, error: Damaged) -> str | None:
    """What was read wrong, read again by a connection that has nothing in memory."""
    try:
        with closing(database.connect_reader(path)) as connection:
            connection.execute("BEGIN")
            sources = {row[0]: synced(row) for row in connection.execute(_SQL["sources"])}
            if error.key is not None:
                number = Number(key=error.key)
                for row in connection.execute(_SQL["number"], (error.key,)):
                    candidate(row, Tier.COMPANY, number, sources[row[1]])
            if error.contact_id is not None:
                for row in connection.execute(_SQL["page"], (f"[{error.contact_id}]",)):
                    contact(row, sources[row[1]])
    except (Damaged, KeyError) as again:
        return str(again)
    except SQLITE as again:
        return words(again) if database.is_damage(again) else None
    return None
