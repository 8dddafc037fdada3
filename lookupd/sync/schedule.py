"""When each source is pulled: at its interval or cron times, never twice at once, later after failures."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from lookupd.errors import IndexDamaged, LookupdError, SourceShrank, SourceTimeout, SyncRunning
from lookupd.source import State
from lookupd.sync.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from apscheduler.triggers.base import BaseTrigger

    from lookupd.config import SyncSettings
    from lookupd.source import Source
    from lookupd.sync.paths import Paths
    from lookupd.sync.plan import Plan

logger = logging.getLogger(__name__)

#: the first pause after a failed run; it doubles with each failure in a row, up to the interval itself
RETRY_FIRST = timedelta(seconds=15)
RETRY_LAST = timedelta(hours=1)
#: how soon after an index was made anew its sources are pulled
REFILL = timedelta(seconds=1)


class Schedule:
    """The sync jobs of every source that is synced at all."""

    def __init__(self, sources: Iterable[Source], paths: Paths) -> None:
        self._paths = paths
        self._failures: dict[str, int] = {}
        #: the sources of which a good run was told, by uuid
        self._told: set[str] = set()
        #: the sources that are pulled, and their runs under way, both by uuid
        self._sources: dict[str, Source] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        for source in sources:
            self._add(source)

    def start(self) -> None:
        """Begin: what is to run at start runs now."""
        self._scheduler.start()

    async def follow(self, sources: Iterable[Source]) -> None:
        """Pull these sources from now on. Those that were pulled before go on, others are broken off."""
        wanted = {*sources}
        others = [uuid for uuid, source in self._sources.items() if source not in wanted]
        broken_off = [run for uuid in others if (run := self._running.get(uuid)) is not None]
        for uuid in others:
            del self._sources[uuid]
            self._failures.pop(uuid, None)
            self._told.discard(uuid)
            self._scheduler.remove_job(uuid)
        for run in broken_off:
            run.cancel()
        await asyncio.gather(*broken_off, return_exceptions=True)
        for source in sources:
            if source.uuid not in self._sources:
                self._add(source)

    async def stop(self) -> None:
        """No further runs; one that is under way is broken off, and its source keeps its old contacts."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    def refill(self) -> None:
        """Pull every source again soon: the index was made anew. Runs under way are lost with the old one."""
        for run in self._running.values():
            run.cancel()
        self._all_soon()

    def _add(self, source: Source) -> None:
        settings = source.settings.sync
        if settings is None:
            return
        self._sources[source.uuid] = source
        start = {"next_run_time": datetime.now(UTC)} if settings.at_start else {}
        self._scheduler.add_job(
            self._run,
            _trigger(settings),
            args=(source, settings),
            id=source.uuid,
            name=f"sync {source.name}",
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
            **start,
        )

    async def _run(self, source: Source, settings: SyncSettings) -> None:
        """The job of a source. It ends as if all were well, as everything is told here."""
        run = asyncio.create_task(self._sync(source, settings), name=f"sync-{source.name}")
        self._running[source.uuid] = run
        try:
            await run
        except asyncio.CancelledError:
            logger.info("sync of source %r is broken off, the old contacts stay", source.name)
        finally:
            if self._running.get(source.uuid) is run:
                del self._running[source.uuid]

    async def _sync(self, source: Source, settings: SyncSettings) -> None:
        try:
            plan = await _opened_run(source, settings, self._paths)
        except SyncRunning as error:
            logger.info("%s", error)
        except IndexDamaged as error:
            logger.error("%s", error)  # noqa: TRY400 - the message says all, a traceback nothing
            self._all_soon()
        except SourceShrank as error:
            logger.error("%s", error)  # noqa: TRY400 - the message says all, a traceback nothing
        except LookupdError as error:
            self._failed(source, settings, error)
        except Exception as error:
            logger.exception("sync of source %r", source.name)
            self._failed(source, settings, error)
        else:
            if self._failures.pop(source.uuid, 0):
                logger.warning("sync of source %r succeeds again", source.name)
            logger.log(
                self._level(source, plan),
                "synced source %r: %d contacts, %d added, %d changed, %d removed",
                *(source.name, plan.after, plan.added, plan.changed, plan.removed),
            )

    def _level(self, source: Source, plan: Plan) -> int:
        """How loudly a run is told: that nothing has changed once, and that nobody is left in any case."""
        is_first = source.uuid not in self._told
        self._told.add(source.uuid)
        if plan.removed and not plan.after:
            return logging.WARNING
        return logging.INFO if is_first or plan.is_change else logging.DEBUG

    def _all_soon(self) -> None:
        """Pull every source again, once the run that asks for it has ended."""
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=datetime.now(UTC) + REFILL)

    def _failed(self, source: Source, settings: SyncSettings, error: Exception) -> None:
        """Say so once, and try again sooner than the schedule would, but later each time."""
        failures = self._failures[source.uuid] = self._failures.get(source.uuid, 0) + 1
        level = logging.ERROR if failures == 1 else logging.DEBUG
        logger.log(level, "sync of source %r failed, the old contacts stay: %s", source.name, error)
        job = self._scheduler.get_job(source.uuid)
        retry_at = datetime.now(UTC) + pause(failures, settings.every)
        if job is not None and (job.next_run_time is None or retry_at < job.next_run_time):
            job.modify(next_run_time=retry_at)


async def _opened_run(source: Source, settings: SyncSettings, paths: Paths) -> Plan:
    if source.state is not State.LOADED:
        try:
            async with asyncio.timeout(settings.timeout.total_seconds()):
                await source.open()
        except TimeoutError:
            raise SourceTimeout(source.name, settings.timeout) from None
    return await Run(source, settings, paths).run()


def pause(failures: int, every: timedelta | None) -> timedelta:
    """How long to wait after so many failures in a row."""
    longest = min(every or RETRY_LAST, RETRY_LAST)
    doubled: timedelta = RETRY_FIRST * 2 ** min(failures - 1, 16)
    return min(doubled, longest)


def _trigger(settings: SyncSettings) -> BaseTrigger:
    jitter = settings.jitter.total_seconds() or None
    if settings.cron is not None:
        trigger = CronTrigger.from_crontab(settings.cron)
        trigger.jitter = jitter
        return trigger
    every = settings.every or timedelta(minutes=15)
    return IntervalTrigger(seconds=every.total_seconds(), jitter=jitter, timezone=UTC)
