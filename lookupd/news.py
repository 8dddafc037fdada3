"""What the log says of a source: once that it fails, and once that it answers again.

That a source is down altogether says all about its text searches, too; that only they fail is another matter.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from lookupd.errors import SearchDown, SourceDown

if TYPE_CHECKING:
    from datetime import timedelta

    from lookupd.errors import SourceError

logger = logging.getLogger(__name__)


class SourceNews:
    """Tells whether a source answers questions about numbers, which is what it is there for."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.is_bad = False
        #: how many times it turned bad
        self.times = 0

    def fails(self, error: SourceError, pause: timedelta) -> None:
        """It does not answer."""
        if self.is_bad:
            return
        self.is_bad = True
        self.times += 1
        seconds = pause.total_seconds()
        logger.warning(
            "source %r does not answer, and is not asked for %.0f s: %s", self.source, seconds, error
        )

    def answers(self) -> None:
        """It answers."""
        if self.is_bad:
            self.is_bad = False
            logger.info("source %r answers again", self.source)

    def down(self, retry_in: timedelta) -> SourceDown:
        """The error for those who may not ask."""
        return SourceDown(self.source, retry_in)


class SearchNews:
    """Tells whether a source answers text searches, as far as it answers at all."""

    def __init__(self, whole: SourceNews) -> None:
        self.source = whole.source
        self._whole = whole
        #: how many times all was bad when it was told last that searches are; None when they are well
        self._told: int | None = None

    def fails(self, error: SourceError, pause: timedelta) -> None:
        """It does not answer searches."""
        if self._whole.is_bad or self._told == self._whole.times:
            return
        self._told = self._whole.times
        seconds = pause.total_seconds()
        logger.warning(
            "source %r does not answer text searches, and gets none for %.0f s: %s",
            self.source,
            seconds,
            error,
        )

    def answers(self) -> None:
        """It answers searches. What was told before all turned bad, that has overtaken."""
        if self._told == self._whole.times:
            logger.info("source %r answers text searches again", self.source)
        self._told = None

    def down(self, retry_in: timedelta) -> SearchDown:
        """The error for those who may not search."""
        return SearchDown(self.source, retry_in)
