"""The sync process: pulls every source on its schedule and writes the index, apart from those who answer.

Started by the daemon as `python -m lookupd.sync.process CONFIG ACCEPTED`: it inherits the configuration that
the daemon accepted, whatever the file says meanwhile. Without it the file is read. It reads its configuration
again at SIGHUP and for each line on its standard input, and ends when that ends, so that it never outlives
the one that started it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lookupd import accepted, checkup, configfile, log
from lookupd.datafile import SQLITE
from lookupd.errors import ConfigError, LookupdError
from lookupd.index import database, writer
from lookupd.loader import Loader
from lookupd.sources import Sources
from lookupd.sql import statements
from lookupd.sync import callers
from lookupd.sync.behind import step_back
from lookupd.sync.keeper import Keeper
from lookupd.sync.paths import paths
from lookupd.sync.schedule import Schedule
from lookupd.wish import Wish, Wishes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.config import Config

logger = logging.getLogger(__name__)

_SQL = statements("lookupd.index", "queries.sql") | statements("lookupd.sync", "apply.sql")
_ABANDON = (
    "abandon_words",
    "abandon_numbers",
    "abandon_contacts",
    "abandon_runs",
    "abandon_source",
)
#: the exit code of one that must be replaced, as sysexits.h has it for what another try may mend
STUCK = 75
#: how long contacts of a source that is no longer configured to be synced are kept, in case it comes back
KEEP_ABANDONED = timedelta(days=7)


async def serve(config: Config, read: Callable[[], Config]) -> bool:
    """Sync until told to end, and as the configuration that `read` gives says whenever told to read.

    Says whether it ends since it must be replaced.
    """
    where = paths(config)
    wishes = Wishes()
    sources = Sources(config, Loader())
    is_stuck = False

    def replace() -> None:
        nonlocal is_stuck
        is_stuck = True
        wishes.put(Wish.END)

    schedule = Schedule(sources, where, replace=replace)

    async def begin() -> None:
        try:
            await asyncio.to_thread(forget_abandoned, config, where.index, datetime.now(UTC))
        except SQLITE as error:
            logger.error("what is no longer synced is not removed now: %s", error)  # noqa: TRY400 - it says all
        await schedule.start()

    keeper = Keeper(where.index, begin=begin, refill=schedule.refill)
    # Without a keeper nothing would be pulled: the process ends then, and is started again.
    keeper.start().add_done_callback(lambda _: wishes.put(Wish.END))
    try:
        while await wishes.next() is not Wish.END:
            sources = await _reloaded(read, sources, schedule)
    finally:
        try:
            await keeper.stop()  # first, since it is the one that starts the schedule
        finally:
            await schedule.stop()
            await sources.close()
    return is_stuck


async def _reloaded(read: Callable[[], Config], former: Sources, schedule: Schedule) -> Sources:
    """The sources to go on with: those that have not changed go on as they are."""
    try:
        config = await asyncio.to_thread(read)
    except ConfigError as error:
        logger.debug("the configuration is not used: %s", error)  # the daemon says so aloud
        return former
    log.configure(config.log.level)
    sources = Sources(config, Loader(), former)
    sources.take_over(former)
    await schedule.follow(sources)
    await former.close()
    return sources


def forget_abandoned(config: Config, index: Path, now: datetime) -> None:
    """Remove contacts of sources that have not been synced for a while, and are not configured to be.

    One that was synced long after `now`, by a clock that was ahead, has not been for nobody knows how long.
    """
    connection = writer.connect(index)
    try:
        configured = json.dumps([source.uuid for source in config.sources if source.sync is not None])
        kept = (now - KEEP_ABANDONED).timestamp(), (now + KEEP_ABANDONED).timestamp()
        for id_, name in connection.execute(_SQL["abandoned"], (configured, *kept)).fetchall():
            logger.warning("source %r is no longer configured to be synced: its contacts are removed", name)
            with writer.transaction(connection, "IMMEDIATE"):
                callers.forget(connection)
                for statement in _ABANDON:
                    connection.execute(_SQL[statement], {"source_id": id_})
    finally:
        connection.close()


def main() -> int:
    """Run as a process; returns its exit code."""
    try:
        file, *handed_down = sys.argv[1:]
        read = partial(accepted.read, int(*handed_down)) if handed_down else partial(checkup.read, Path(file))
        config = read() if handed_down else configfile.read(Path(file))
        log.configure(config.log.level)
        step_back()
        database.prepare(paths(config).index)
        is_stuck = asyncio.run(serve(config, read))
    except LookupdError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message says all, a traceback nothing
        return 1
    return STUCK if is_stuck else 0


if __name__ == "__main__":
    sys.exit(main())
