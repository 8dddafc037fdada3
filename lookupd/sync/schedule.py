"""When each source is pulled: at its interval or cron times, never twice at once, later after failures."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from lookupd.datafile import SQLITE
from lookupd.errors import IndexDamaged, LookupdError, SourceShrank, SourceTimeout, SyncRunning
from lookupd.source import State
from lookupd.sync import past, stuck
from lookupd.sync.clock import Clock
from lookupd.sync.run import Run
from lookupd.sync.trigger import after_step, trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
#: how often it is looked whether the clock was set
WATCH_EVERY = timedelta(seconds=1)


class Schedule:
    """The sync jobs of every source that is synced at all."""

    def __init__(
        self,
        sources: Iterable[Source],
        paths: Paths,
        clock: Clock | None = None,
        *,
        replace: Callable[[], None] = lambda: None,
    ) -> None:
        """`replace` is called when this process must be replaced by another: a source's threads all hang."""
        self._paths = paths
        self._replace = replace
        self._replacing: asyncio.Task[None] | None = None
        self._begun = time.monotonic()
        self._clock = clock or Clock()
        self._watching: asyncio.Task[None] | None = None
        self._failures: dict[str, int] = {}
        #: the sources of which a good run was told, by uuid
        self._told: set[str] = set()
        #: the sources that are pulled, and their runs under way, both by uuid
        self._sources: dict[str, Source] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        #: those that are due once after a span, whatever their rule is, and which
        self._soon: dict[str, timedelta] = {}
        #: those that are pulled again soon after their run under way has ended, however long that takes
        self._again: set[str] = set()
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        for source in sources:
            self._add(source)

    async def start(self) -> None:
        """Begin: what is to run at start runs now."""
        await self._go_on(self._sources.values())
        self._scheduler.start()
        self._watching = asyncio.create_task(self._watch(), name="clock-watch")

    async def follow(self, sources: Iterable[Source]) -> None:
        """Pull these sources from now on. Those that were pulled before go on, others are broken off."""
        wanted = {*sources}
        others = [uuid for uuid, source in self._sources.items() if source not in wanted]
        broken_off = [run for uuid in others if (run := self._running.get(uuid)) is not None]
        for uuid in others:
            del self._sources[uuid]
            self._failures.pop(uuid, None)
            self._told.discard(uuid)
            self._soon.pop(uuid, None)
            self._again.discard(uuid)
            self._scheduler.remove_job(uuid)
        for run in broken_off:
            run.cancel()
        await asyncio.gather(*broken_off, return_exceptions=True)
        added = [source for source in sources if source.uuid not in self._sources]
        for source in added:
            self._add(source)
        await self._go_on(added)

    async def stop(self) -> None:
        """No further runs; one that is under way is broken off, and its source keeps its old contacts."""
        for task in (self._watching, self._replacing):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
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
        start = {}
        if settings.at_start:
            start["next_run_time"] = datetime.now(UTC)
            self._soon[source.uuid] = timedelta(0)
        self._scheduler.add_job(
            self._run,
            trigger(settings),
            args=(source, settings),
            id=source.uuid,
            name=f"sync {source.name}",
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
            **start,
        )

    async def _go_on(self, sources: Iterable[Source]) -> None:
        """Plan by the last good runs: an interval goes on from there.

        What the index has by other settings is pulled at once, as it is served as fresh until then.
        """
        try:
            runs = await asyncio.to_thread(past.read, self._paths.index)
        except SQLITE as error:
            logger.debug("%s: %s", self._paths.index, error)  # whoever pulls meets it too, and says it
            return
        for source, settings in ((source, source.settings.sync) for source in sources):
            run = runs.get(source.uuid)
            if run is None or settings is None or settings.at_start:
                continue
            if run.settings != past.settings_of(source.shape):
                self._pull_in(timedelta(0), source.uuid)
            elif settings.cron is None and settings.every is not None:
                passed = datetime.now(UTC) - run.began_at
                left = settings.every - max(passed, timedelta(0))
                self._pull_in(max(left, timedelta(0)), source.uuid)

    async def _run(self, source: Source, settings: SyncSettings) -> None:
        """The job of a source. It ends as if all were well, as everything is told here."""
        self._soon.pop(source.uuid, None)
        run = asyncio.create_task(self._sync(source, settings), name=f"sync-{source.name}")
        self._running[source.uuid] = run
        try:
            await run
        except asyncio.CancelledError:
            logger.info("sync of source %r is broken off, the old contacts stay", source.name)
        finally:
            if self._running.get(source.uuid) is run:
                del self._running[source.uuid]
            if source.uuid in self._again:
                self._again.discard(source.uuid)
                self._pull_in(REFILL, source.uuid)

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
        """Pull every source again, once its run under way has ended: a job that still runs is not begun."""
        self._again |= self._sources.keys() & self._running.keys()
        for uuid in self._sources.keys() - self._again:
            self._pull_in(REFILL, uuid)

    def _pull_in(self, span: timedelta, uuid: str) -> None:
        """Pull a source after a span, if nothing has ended meanwhile; then its rule goes on from there."""
        if (job := self._scheduler.get_job(uuid)) is not None:
            job.modify(next_run_time=datetime.now(UTC) + span)
            self._soon[uuid] = span

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_EVERY.total_seconds())
            if (step := self._clock.step()) is not None:
                self._follow_clock(step)

    def _follow_clock(self, step: timedelta) -> None:
        """Plan by the wall clock as it was set: spans stay as long as they were."""
        if step:
            logger.warning("the clock was set by %+.0f s: runs are planned anew", step.total_seconds())
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            due, span = job.next_run_time, self._soon.get(job.id)
            at = job.trigger.after_step(due, step, now) if span is None else after_step(due, step, now, span)
            job.modify(next_run_time=at)
        self._scheduler.wakeup()  # its timer counts the time awake

    def _failed(self, source: Source, settings: SyncSettings, error: Exception) -> None:
        """Say so once, and try again sooner than the schedule would, but later each time."""
        failures = self._failures[source.uuid] = self._failures.get(source.uuid, 0) + 1
        level = logging.ERROR if failures == 1 else logging.DEBUG
        logger.log(level, "sync of source %r failed, the old contacts stay: %s", source.name, error)
        job = self._scheduler.get_job(source.uuid)
        span = pause(failures, settings.every)
        if job is not None and (job.next_run_time is None or datetime.now(UTC) + span < job.next_run_time):
            self._pull_in(span, source.uuid)
        if source.is_stuck and self._replacing is None:
            logger.error(
                "source %r: all its threads hang in its back-end, nothing can be pulled from it any more; "
                "the sync process is replaced",
                source.name,
            )
            self._replacing = asyncio.create_task(self._give_up(), name="sync-replacement")

    async def _give_up(self) -> None:
        """Have this process replaced, not too soon after its start, once the runs of others have ended."""
        lived = timedelta(seconds=time.monotonic() - self._begun)
        await asyncio.sleep(max(stuck.REPLACE_AFTER - lived, timedelta(0)).total_seconds())
        end = time.monotonic() + stuck.patience(self._at_work()).total_seconds()
        while (others := self._at_work().values()) and (left := end - time.monotonic()) > 0:
            await asyncio.wait(others, timeout=left)
        if any(source.is_stuck for source in self._sources.values()):
            self._replace()
        self._replacing = None

    def _at_work(self) -> dict[Source, asyncio.Task[None]]:
        """The runs under way that may end well, by source."""
        return {
            source: self._running[uuid]
            for uuid, source in self._sources.items()
            if uuid in self._running and not source.is_stuck
        }


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
