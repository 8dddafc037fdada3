"""The sync process: pulls every source on its schedule and writes the index, apart from those who answer.

Started by the daemon as `python -m lookupd.sync.process CONFIG`. It reads its configuration again at SIGHUP
and for each line on its standard input, and ends when that ends, so that it never outlives the one that
started it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lookupd import checkup, configfile, log
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
#: how long contacts of a source that is no longer configured to be synced are kept, in case it comes back
KEEP_ABANDONED = timedelta(days=7)


async def serve(config: Config, file: Path) -> None:
    """Sync until told to end, and as the configuration in `file` says whenever told to read it again."""
    where = paths(config)
    wishes = Wishes()
    sources = Sources(config, Loader())
    schedule = Schedule(sources, where)

    async def begin() -> None:
        try:
            await asyncio.to_thread(forget_abandoned, config, where.index, datetime.now(UTC))
        except SQLITE as error:
            logger.error("what is no longer synced is not removed now: %s", error)  # noqa: TRY400 - it says all
        schedule.start()

    keeper = Keeper(where.index, begin=begin, refill=schedule.refill)
    # Without a keeper nothing would be pulled: the process ends then, and is started again.
    keeper.start().add_done_callback(lambda _: wishes.put(Wish.END))
    try:
        while await wishes.next() is not Wish.END:
            sources = await _reloaded(file, sources, schedule)
    finally:
        try:
            await keeper.stop()  # first, since it is the one that starts the schedule
        finally:
            await schedule.stop()
            await sources.close()


async def _reloaded(file: Path, former: Sources, schedule: Schedule) -> Sources:
    """The sources to go on with: those that have not changed go on as they are."""
    try:
        config = await asyncio.to_thread(checkup.read, file)
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
    """Remove contacts of sources that have not been synced for a while, and are not configured to be."""
    connection = writer.connect(index)
    try:
        configured = json.dumps([source.uuid for source in config.sources if source.sync is not None])
        oldest = (now - KEEP_ABANDONED).timestamp()
        for id_, name in connection.execute(_SQL["abandoned"], (configured, oldest)).fetchall():
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
        file = Path(sys.argv[1])
        config = configfile.read(file)
        log.configure(config.log.level)
        step_back()
        database.prepare(paths(config).index)
        asyncio.run(serve(config, file))
    except LookupdError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message says all, a traceback nothing
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
