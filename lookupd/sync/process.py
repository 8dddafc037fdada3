"""The sync process: pulls every source on its schedule and writes the index, apart from those who answer.

Started by the daemon as `python -m lookupd.sync.process CONFIG`; ends when its standard input ends, so that
it never outlives the one that started it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lookupd import configfile, log
from lookupd.errors import LookupdError
from lookupd.index import database, writer
from lookupd.loader import Loader
from lookupd.sources import Sources
from lookupd.sql import statements
from lookupd.sync.run import Paths
from lookupd.sync.schedule import Schedule

if TYPE_CHECKING:
    from lookupd.config import Config

logger = logging.getLogger(__name__)

_SQL = statements("lookupd.index", "queries.sql") | statements("lookupd.sync", "apply.sql")
_ABANDON = ("abandon_words", "abandon_numbers", "abandon_contacts", "abandon_runs", "abandon_source")
#: how long contacts of a source that is no longer configured to be synced are kept, in case it comes back
KEEP_ABANDONED = timedelta(days=7)


def paths(config: Config) -> Paths:
    """Where the data of a configuration lie."""
    return Paths(index=config.data / "index.db", staging=config.data / "staging")


async def serve(config: Config) -> None:
    """Sync until told to end."""
    where = paths(config)
    await asyncio.to_thread(forget_abandoned, config, where.index, datetime.now(UTC))
    sources = Sources(config, Loader())
    schedule = Schedule(sources, where)
    schedule.start()
    try:
        await _end_asked()
    finally:
        await schedule.stop()
        await sources.close()


def forget_abandoned(config: Config, index: Path, now: datetime) -> None:
    """Remove contacts of sources that have not been synced for a while, and are not configured to be."""
    connection = writer.connect(index)
    try:
        configured = json.dumps([source.uuid for source in config.sources if source.sync is not None])
        oldest = (now - KEEP_ABANDONED).timestamp()
        for id_, name in connection.execute(_SQL["abandoned"], (configured, oldest)).fetchall():
            logger.warning("source %r is no longer configured to be synced: its contacts are removed", name)
            with writer.transaction(connection, "IMMEDIATE"):
                for statement in _ABANDON:
                    connection.execute(_SQL[statement], {"source_id": id_})
    finally:
        connection.close()


async def _end_asked() -> None:
    """Wait for SIGTERM, SIGINT, or the end of standard input."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    loop.add_reader(sys.stdin.fileno(), _read_end, loop, asked)
    await asked.wait()


def _read_end(loop: asyncio.AbstractEventLoop, asked: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        loop.remove_reader(sys.stdin.fileno())
        asked.set()


def main() -> int:
    """Run as a process; returns its exit code."""
    try:
        config = configfile.read(Path(sys.argv[1]))
        log.configure(config.log.level)
        database.prepare(paths(config).index)
        asyncio.run(serve(config))
    except LookupdError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message says all, a traceback nothing
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
