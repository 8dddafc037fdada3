"""What sync needs of a source: all that it holds, or what has changed, in batches of checked rows."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lookupd.method import Method
from lookupd.plugins import Changes, QueryArgs
from lookupd.row import RowRefused, are_clean

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from lookupd.boundary import Boundary
    from lookupd.config import SourceSettings
    from lookupd.contact import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows of a pull, checked; and what had to be refused."""

    rows: list[dict[str, object]]
    #: why, one text for each row that was left out
    refused: list[str]
    #: columns that a row was kept without, as they were too large; one for each time
    left_out: list[str] = field(default_factory=list)


class Pullable:
    """A directory that can be read whole. No deadline here is ours: the run that pulls has one."""

    def __init__(self, settings: SourceSettings, shape: Shape, boundary: Boundary) -> None:
        self.settings = settings
        self.shape = shape
        self.name = settings.name
        self.uuid = settings.uuid
        self._boundary = boundary

    @property
    def lists_all(self) -> bool:
        """Whether the back-end lists its whole directory, so that what it leaves out is gone."""
        return self._boundary.has("list_all")

    @property
    def finds_by_id(self) -> bool:
        """Whether the back-end can be asked for contacts by their unique ids."""
        return self._boundary.has("list")

    @property
    def reports_changes(self) -> bool:
        """Whether the back-end can tell what changed since a cursor."""
        return self._boundary.has("changes")

    async def pull(self) -> AsyncIterator[Batch]:
        """Every row of the directory in batches. Raises SourceError; the caller sets the deadline."""
        if self.lists_all:
            async for batch in self._batches("list_all", await self._ask("list_all")):
                yield batch
            return
        sync = self.settings.sync
        for term in sync.search_terms if sync is not None else ("",):
            async for batch in self._batches("search", await self._ask("search", term, QueryArgs())):
                yield batch

    async def changes(self, cursor: str | None) -> Changes:
        """What changed since a cursor. Raises SourceError, CursorExpired among them."""
        async with self._boundary.asking("changes"):
            changes = await self._boundary.call("changes", cursor)
            if not isinstance(changes, Changes):
                raise TypeError(f"returned {type(changes).__name__}, not Changes")
            return changes

    def changed(self, changes: Changes) -> AsyncIterator[Batch]:
        """The rows of some changes, in batches."""
        return self._batches("changes", changes.rows)

    async def gone(self, changes: Changes) -> AsyncIterator[list[str]]:
        """The unique ids that some changes took away, in batches; after the rows. Raises SourceError."""
        async for batch in self._lists("changes", changes.gone, "ids"):
            yield [str(uid) for uid in batch]

    async def cursor(self, changes: Changes) -> str | None:
        """Where to go on after some changes; after the rows. Raises SourceError."""
        cursor = changes.cursor
        async with self._boundary.asking("changes"):
            if callable(cursor):
                function = Method(function=cursor, is_async=inspect.iscoroutinefunction(cursor), arity=0)
                cursor = await self._boundary.run(function)
            if not isinstance(cursor, str | None):
                raise TypeError(f"gave {type(cursor).__name__} as its cursor, not a text")
            return cursor or None

    async def _ask(self, method: str, *args: object) -> Any:  # noqa: ANN401 - checked by the caller
        """Call a method of the plugin without a deadline of our own."""
        async with self._boundary.asking(method):
            return await self._boundary.call(method, *args)

    async def _lists(self, method: str, things: object, what: str) -> AsyncIterator[list[object]]:
        """What a plugin returned as rows or ids, in lists, each read as a question of its own."""
        async with self._boundary.asking(method):
            batches = self._boundary.batches(things, what)
        while True:
            async with self._boundary.asking(method):
                batch = await anext(batches, None)
            if batch is None:
                return
            yield batch

    async def _batches(self, method: str, rows: object) -> AsyncIterator[Batch]:
        async for batch in self._lists(method, rows, "rows"):
            async with self._boundary.asking(method):
                checked = self._checked(batch)
            yield checked

    def _checked(self, rows: Sequence[Any]) -> Batch:
        if are_clean(rows):
            return Batch(rows=[dict(row) for row in rows], refused=[])
        batch = Batch(rows=[], refused=[])
        for row in rows:
            try:
                batch.rows.append(self.shape.checked(row, batch.left_out))
            except RowRefused as error:
                batch.refused.append(str(error))
        return batch
