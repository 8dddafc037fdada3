"""Back-ends with the base class and full types, once in plain and once in async style."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd import BaseSourcePlugin, QueryArgs, Row, SourceArgs, SourceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

ROWS: list[dict[str, str]] = [{"id": "7", "name": "Carol Typed", "number": "+33199007707"}]


class SyncBackend(BaseSourcePlugin):
    """May block: runs in its source's threads."""

    def load(self, args: SourceArgs, /) -> None:
        self._file = str(args["config"].get("file", ""))

    def search(self, term: str, args: QueryArgs, /) -> list[dict[str, str]]:
        return [row for row in ROWS if term.casefold() in row["name"].casefold()]

    def first_match(self, exten: str, args: QueryArgs, /) -> Row | None:
        return next((row for row in ROWS if row["number"] == exten), None)

    def list(self, uids: Sequence[str], args: QueryArgs, /) -> Sequence[Row]:
        return [row for row in ROWS if row["id"] in uids]

    def list_all(self) -> Iterator[Row]:
        yield from ROWS


class AsyncBackend(BaseSourcePlugin):
    """Never blocks: runs on the loop."""

    async def load(self, args: SourceArgs, /) -> None:
        if args["config"].get("down"):
            raise SourceError("the directory is down; start it")

    async def unload(self) -> None:
        pass

    async def search(self, term: str, args: QueryArgs, /) -> list[dict[str, str]]:
        return [row for row in ROWS if term.casefold() in row["name"].casefold()]

    async def first_match(self, exten: str, args: QueryArgs, /) -> dict[str, str] | None:
        return next((row for row in ROWS if row["number"] == exten), None)

    async def match_all(self, extens: Sequence[str], args: QueryArgs, /) -> dict[str, dict[str, str]]:
        return {row["number"]: row for row in ROWS if row["number"] in extens}

    async def list(self, uids: Sequence[str], args: QueryArgs, /) -> list[dict[str, str]]:
        return [row for row in ROWS if row["id"] in uids]

    async def list_all(self) -> AsyncIterator[Row]:
        for row in ROWS:
            yield row
