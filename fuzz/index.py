"""A real index on disk, for the targets that write or ask one."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fuzz import folder
from lookupd.config import SourceSettings
from lookupd.contact import Shape
from lookupd.index import database
from lookupd.index.reader import Reader
from lookupd.number import NumberRules
from lookupd.sync.end import End, Outcome
from lookupd.sync.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from lookupd.index.reader import Found
    from lookupd.sync.plan import Plan

FRANCE: Final = NumberRules(region="FR")


def shape(name: str, **settings: object) -> Shape:
    """How the rows of a source of this name become contacts."""
    usual: dict[str, Any] = {
        "unique_column": "id",
        "searched_columns": ("name", "company"),
        "first_matched_columns": ("number", "mobile"),
        "format_columns": {"reverse": "{name}"},
    }
    return Shape(SourceSettings(name=name, backend="made-up", **{**usual, **settings}), FRANCE)


class Index:
    """An index in a temporary folder, one reader of it, and the loop on which that one reads."""

    def __init__(self) -> None:
        self._folder = folder.made()
        self.path = self._folder / "index.db"
        database.prepare(self.path)
        self._loop = asyncio.new_event_loop()
        self.reader: Reader = self._wait(Reader.open(self.path))

    def close(self) -> None:
        """Close and delete it."""
        self._wait(self.reader.close())
        self._loop.close()
        shutil.rmtree(self._folder)

    def search(self, term: str, sources: Sequence[str], *, limit: int = 1000, offset: int = 0) -> Found:
        """What the reader finds."""
        found: Found = self._wait(self.reader.search(term, sources, limit=limit, offset=offset))
        return found

    def turn(self) -> None:
        """The reader sees what was written up to now."""
        self._wait(asyncio.sleep(0))

    def sync(self, shape: Shape, *batches: Sequence[dict[str, object]]) -> Plan:
        """One run that pulls these rows, already checked; what it changed."""
        stage = Stage.open(self.path, self._folder / "staging", shape)
        try:
            for batch in batches:
                stage.add(batch)
            stage.find_gone()
            plan = stage.plan()
            started_at = datetime(2026, 1, 1, tzinfo=UTC)
            stage.apply(
                plan, End(started_at=started_at, lasted=lambda: 0, outcome=Outcome.SUCCEEDED, is_full=True)
            )
        finally:
            stage.close()
        return plan

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - as it returns it
        return self._loop.run_until_complete(coroutine)
