"""One pass over one source: pull, plan, write. It succeeds, fails, or is held; it never changes half."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sqlite3
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from lookupd.datafile import SQLITE, is_disk_full
from lookupd.errors import (
    CursorExpired,
    IndexDamaged,
    LookupdError,
    SourceShrank,
    SourceTimeout,
    SyncError,
    SyncRunning,
)
from lookupd.index import database
from lookupd.oversize import oddities
from lookupd.principal import Principal
from lookupd.sync import callers
from lookupd.sync.behind import step_back
from lookupd.sync.end import End, Outcome
from lookupd.sync.stage import Stage
from lookupd.threads import Threads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from lookupd.config import SyncSettings
    from lookupd.source import Batch, Source
    from lookupd.sync.paths import Paths
    from lookupd.sync.plan import Plan

logger = logging.getLogger(__name__)

#: reasons kept of rows that were left out
REASONS = 10
#: what confirms that contacts are gone is asked this many at a time
CONFIRM = 100


@dataclass(kw_only=True)
class _Pulled:
    """What a pull has brought so far."""

    rows: int = 0
    refused: int = 0
    reasons: list[str] = field(default_factory=list)
    #: how often each column was left out
    left_out: Counter[str] = field(default_factory=Counter)
    is_full: bool = True
    cursor: str | None = None


class Run:
    """One sync run of one source, begun when it is made. It works on its stage in a thread of its own."""

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
        #: whether everything is pulled, though changes would do
        self._is_full = False
        self._thread = Threads(f"sync-{source.name}", 1)
        self._stage: Stage | None = None
        #: whether nobody waits any more
        self._is_over = False
        self._started_at, self._begun = datetime.now(UTC), time.monotonic()

    async def run(self, *, accept_loss: bool = False, full: bool = False) -> Plan:
        """Do it, and say what changed. `accept_loss` writes what would be held, `full` pulls everything.

        Raises SourceShrank when the run is held, SyncRunning when another one is under way, IndexDamaged when
        every source must be pulled again, SourceError or another SyncError when it failed. Each is noted in
        the index, but for SyncRunning and where that cannot be.
        """
        self._is_full = full
        try:
            with _only_one(self._paths.staging, self._source):
                plan = await self._run(accept_loss=accept_loss)
            await self._renew_callers()
        except SQLITE as error:
            if await self._thread.run(partial(database.replace_if_damaged, self._paths.index, error)):
                raise IndexDamaged(str(self._paths.index)) from error
            raise self._told(error, is_late=False) from error
        except OSError as error:
            raise self._told(error, is_late=False) from error
        finally:
            self._thread.close()
        return plan

    async def _renew_callers(self) -> None:
        """The run has succeeded: what comes of the file of callers does not change that."""
        try:
            await self._thread.run(partial(callers.renew, self._paths.index, lambda: self._is_over))
        except asyncio.CancelledError:
            self._is_over = True
            raise

    async def _run(self, *, accept_loss: bool) -> Plan:
        try:
            return await self._on(await self._thread.run(self._open), accept_loss=accept_loss)
        except asyncio.CancelledError:
            if self._stage is not None:
                self._stage.interrupt()
            raise
        finally:
            await self._thread.run(self._close)

    def _open(self) -> Stage:
        step_back()
        self._stage = Stage.open(self._paths.index, self._paths.staging, self._source.shape)
        return self._stage

    def _close(self) -> None:
        """Runs in the same thread, so after whatever that had in hand when nobody waited any more."""
        if self._stage is not None:
            self._stage.close()

    async def _on(self, stage: Stage, *, accept_loss: bool) -> Plan:
        plan = None
        deadline = asyncio.timeout(self._settings.timeout.total_seconds())
        try:
            async with deadline:
                plan = await self._pull(stage)
            self._hold(plan, accept_loss=accept_loss)
            end = self._end(Outcome.SUCCEEDED, stage)
            await self._thread.run(partial(stage.apply, plan, end))
        except Exception as error:
            stage.stop_making()  # a note of the run waits for what its thread has in hand
            told = self._told(error, is_late=deadline.expired())
            outcome = Outcome.HELD if isinstance(told, SourceShrank) else Outcome.FAILED
            await self._note(stage, self._end(outcome, stage, str(told)), plan)
            if isinstance(told, SourceTimeout):
                raise told from error
            raise
        return plan

    async def _note(self, stage: Stage, end: End, plan: Plan | None) -> None:
        """Note a run that changed nothing; when even that fails, the reason of the run still counts."""
        try:
            await self._thread.run(partial(stage.fail, end, plan if end.outcome is Outcome.HELD else None))
        except SQLITE as error:
            level = logging.DEBUG if is_disk_full(error) else logging.ERROR  # a full disk is told by the run
            logger.log(level, "source %r: the index does not take a note: %s", self._source.name, error)

    def _last_cursor(self, stage: Stage) -> str | None:
        """Where to go on; None when everything is to be pulled.

        Without a unique column nobody knows which contact a changed row was before. When everything was last
        pulled while the clock was ahead, nobody knows how long ago that is.
        """
        full_at = stage.synced.full_at
        if self._is_full or full_at is None or self._source.settings.unique_column is None:
            return None
        age = self._started_at - full_at
        return stage.synced.cursor if timedelta(0) <= age < self._settings.full_every else None

    def _hold(self, plan: Plan, *, accept_loss: bool) -> None:
        if not accept_loss and plan.loses_too_much(self._settings.max_loss):
            cause = "they were pulled under other settings" if plan.is_resettled else None
            raise SourceShrank(self._source.name, removed=plan.lost, before=plan.before, cause=cause)

    async def _pull(self, stage: Stage) -> Plan:
        if not self._source.reports_changes:
            await self._pull_all(stage)
        elif (cursor := self._last_cursor(stage)) is None:
            await self._start_series(stage)
        else:
            try:
                await self._pull_changes(stage, cursor)
            except CursorExpired:
                await self._thread.run(stage.clear)
                self._pulled = _Pulled()
                await self._start_series(stage)
        return await self._thread.run(stage.plan)

    async def _pull_all(self, stage: Stage) -> None:
        await self._take(self._source.pull(), stage.add)
        await self._thread.run(stage.find_gone)
        if not self._source.lists_all:
            await self._confirm(stage)

    async def _start_series(self, stage: Stage) -> None:
        """Everything, and where its changes begin."""
        changes = await self._source.changes(None)
        await self._take(self._source.changed(changes), stage.add)
        await self._thread.run(stage.find_gone)
        self._pulled.cursor = await self._source.cursor(changes)

    async def _pull_changes(self, stage: Stage, cursor: str) -> None:
        self._pulled.is_full = False
        changes = await self._source.changes(cursor)
        await self._take(self._source.changed(changes), stage.update)
        async for uids in self._source.gone(changes):
            await self._thread.run(partial(stage.remove, uids))
        self._pulled.cursor = await self._source.cursor(changes)

    async def _take(
        self, batches: AsyncIterator[Batch], take: Callable[[list[dict[str, object]]], None]
    ) -> None:
        async for batch in batches:
            await self._thread.run(partial(take, batch.rows))
            self._pulled.rows += len(batch.rows)
            self._pulled.refused += len(batch.refused)
            self._pulled.reasons += batch.refused[: REASONS - len(self._pulled.reasons)]
            self._pulled.left_out.update(batch.left_out)
            self._progress(self._pulled.rows)

    async def _confirm(self, stage: Stage) -> None:
        """A search may leave something out: what seems gone is asked for by its id."""
        if not self._source.finds_by_id:
            return
        gone = iter(await self._thread.run(stage.gone))
        nobody = Principal(tenant=self._source.settings.tenant_uuid)
        while uids := list(islice(gone, CONFIRM)):
            known = await self._source.by_uid(uids, nobody, self._settings.timeout)
            await self._thread.run(partial(stage.keep, [contact.uid for contact in known]))

    def _end(self, outcome: Outcome, stage: Stage, error: str | None = None) -> End:
        return End(
            started_at=self._started_at,
            lasted=lambda: time.monotonic() - self._begun,
            outcome=outcome,
            is_full=self._pulled.is_full,
            cursor=self._pulled.cursor,
            refused=self._pulled.refused,
            oddities=(*stage.oddities(), *oddities(self._pulled.left_out), *self._pulled.reasons),
            error=error,
        )

    def _told(self, error: Exception, *, is_late: bool) -> Exception:
        """An error of a run in our words; a bug stays what it is."""
        if is_late and isinstance(error, TimeoutError):
            return SourceTimeout(self._source.name, self._settings.timeout)
        if is_disk_full(error):
            return SyncError(
                f"source {self._source.name!r}: the disk of {self._paths.index.parent} is full; "
                f"make room there, and it is pulled again"
            )
        if isinstance(error, sqlite3.Error | OSError) and not isinstance(error, LookupdError):
            return SyncError(f"source {self._source.name!r}: the index could not be written: {error}")
        return error


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
