"""One pass over one source: pull, plan, write. It succeeds, fails, or is held; it never changes half."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from lookupd.errors import (
    CursorExpired,
    LookupdError,
    SourceShrank,
    SourceTimeout,
    SyncError,
    SyncRunning,
)
from lookupd.principal import Principal
from lookupd.sync.stage import End, Outcome, Stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from lookupd.config import SyncSettings
    from lookupd.plugins import Changes
    from lookupd.source import Batch, Source
    from lookupd.sync.plan import Plan

logger = logging.getLogger(__name__)

#: reasons kept of rows that were left out
REASONS = 10
#: what confirms that contacts are gone is asked this many at a time
CONFIRM = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where a run works."""

    index: Path
    #: folder of stages and locks
    staging: Path


@dataclass(kw_only=True)
class _Pulled:
    """What a pull has brought so far."""

    rows: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    is_full: bool = True
    cursor: str | None = None


class Run:
    """One sync run of one source."""

    def __init__(
        self,
        source: Source,
        settings: SyncSettings,
        paths: Paths,
        *,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._source = source
        self._settings = settings
        self._paths = paths
        self._progress = progress
        self._pulled = _Pulled()

    async def run(self, *, accept_loss: bool = False) -> Plan:
        """Do it, and say what changed. `accept_loss` writes what would be held.

        Raises SourceShrank when the run is held, SyncRunning when another one is under way, SourceError or
        another SyncError when it failed; each is noted in the index, except SyncRunning.
        """
        started_at, begun = datetime.now(UTC), time.monotonic()
        with _only_one(self._paths.staging, self._source):
            stage = await asyncio.to_thread(
                Stage.open, self._paths.index, self._paths.staging, self._source.shape
            )
            plan = None
            deadline = asyncio.timeout(self._settings.timeout.total_seconds())
            try:
                async with deadline:
                    plan = await self._pull(stage, full=self._is_full_due(stage, started_at))
                self._hold(plan, accept_loss=accept_loss)
                end = self._end(Outcome.SUCCEEDED, started_at, begun, stage)
                await asyncio.to_thread(stage.apply, plan, end)
            except Exception as error:
                told = self._told(error, is_late=deadline.expired())
                outcome = Outcome.HELD if isinstance(told, SourceShrank) else Outcome.FAILED
                end = self._end(outcome, started_at, begun, stage, str(told))
                await asyncio.to_thread(stage.fail, end, plan if outcome is Outcome.HELD else None)
                if told is error:
                    raise
                raise told from error
            finally:
                await asyncio.to_thread(stage.close)
        return plan

    def _is_full_due(self, stage: Stage, now: datetime) -> bool:
        full_at = stage.synced.full_at
        return full_at is None or stage.synced.cursor is None or now - full_at >= self._settings.full_every

    def _hold(self, plan: Plan, *, accept_loss: bool) -> None:
        if not accept_loss and plan.loses_too_much(self._settings.max_loss):
            raise SourceShrank(self._source.name, removed=plan.removed, before=plan.before)

    async def _pull(self, stage: Stage, *, full: bool) -> Plan:
        if self._source.reports_changes:
            return await self._pull_changes(stage, None if full else stage.synced.cursor)
        await self._take(stage, self._source.pull())
        await asyncio.to_thread(stage.find_gone)
        if not self._source.lists_all:
            await self._confirm(stage)
        return await asyncio.to_thread(stage.plan)

    async def _pull_changes(self, stage: Stage, cursor: str | None) -> Plan:
        try:
            changes = await self._source.changes(cursor)
        except CursorExpired:
            if cursor is None:
                raise
            cursor, changes = None, await self._source.changes(None)
        self._pulled.is_full = cursor is None
        await self._take(stage, self._source.changed(changes))
        if cursor is None:
            await asyncio.to_thread(stage.find_gone)
        else:
            await asyncio.to_thread(stage.remove, list(changes.gone))
        self._pulled.cursor = _cursor(changes)
        return await asyncio.to_thread(stage.plan)

    async def _take(self, stage: Stage, batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            await asyncio.to_thread(stage.add, batch.rows)
            self._pulled.rows += len(batch.rows)
            self._pulled.refused += len(batch.refused)
            self._pulled.reasons += batch.refused[: REASONS - len(self._pulled.reasons)]
            self._progress(self._pulled.rows)

    async def _confirm(self, stage: Stage) -> None:
        """A search may leave something out: what seems gone is asked for by its id."""
        if not self._source.finds_by_id:
            return
        gone = iter(await asyncio.to_thread(stage.gone))
        nobody = Principal(tenant=self._source.settings.tenant_uuid)
        while uids := list(islice(gone, CONFIRM)):
            known = await self._source.by_uid(uids, nobody, self._settings.timeout)
            await asyncio.to_thread(stage.keep, [contact.uid for contact in known])

    def _end(
        self, outcome: Outcome, started_at: datetime, begun: float, stage: Stage, error: str | None = None
    ) -> End:
        return End(
            started_at=started_at,
            seconds=time.monotonic() - begun,
            outcome=outcome,
            is_full=self._pulled.is_full,
            cursor=self._pulled.cursor,
            refused=self._pulled.refused,
            oddities=(*stage.oddities(), *self._pulled.reasons),
            error=error,
        )

    def _told(self, error: Exception, *, is_late: bool) -> Exception:
        """An error of a run in our words; a bug stays what it is."""
        if is_late and isinstance(error, TimeoutError):
            return SourceTimeout(self._source.name, self._settings.timeout)
        if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, LookupdError):
            return SyncError(f"source {self._source.name!r}: the index could not be written: {error}")
        return error


def _cursor(changes: Changes) -> str | None:
    return (changes.cursor() if callable(changes.cursor) else changes.cursor) or None


@contextmanager
def _only_one(folder: Path, source: Source) -> Iterator[None]:
    """One run of a source at a time, in whichever process. Raises SyncRunning."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{source.uuid}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SyncRunning(source.name) from None
        yield
