"""A serving process beside the daemon's own, on a part of the same port.

Started by the daemon as `python -m lookupd.worker CONFIG ACCEPTED [VIEW=]DESCRIPTOR...`: it inherits the
configuration that the daemon accepted, whatever the file says meanwhile, and listening sockets. It tells the
daemon on its standard output that it is ready, and then again and again that its loop still turns.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import uvloop

from lookupd import accepted, log
from lookupd.errors import LookupdError
from lookupd.front import raise_file_limit
from lookupd.heap import settle
from lookupd.reloadable import Reloadable
from lookupd.sockets import Sockets
from lookupd.wish import Wish, Wishes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.config import Config

logger = logging.getLogger(__name__)

#: seconds between two signs of life
PULSE = 1.0


async def serve(config: Config, read: Callable[[], Config], sockets: Sockets) -> None:
    """Serve until told to end, and as the configuration that `read` gives says whenever told to read."""
    wishes = Wishes()
    raise_file_limit()
    async with AsyncExitStack() as stack:
        served = await Reloadable.open(config, read, sockets, stack)
        stack.push_async_callback(served.close)
        settle()
        pulse = asyncio.create_task(_tell(wishes), name="pulse")
        stack.callback(pulse.cancel)
        while await wishes.next() is not Wish.END:
            await served.reload()
            log.configure(served.serving.config.log.level)


async def _tell(wishes: Wishes) -> None:
    """Say that all is well; who is told by nobody any more ends."""
    try:
        while True:
            sys.stdout.write("well\n")
            sys.stdout.flush()
            await asyncio.sleep(PULSE)
    except OSError:
        wishes.put(Wish.END)


def main() -> int:
    """Run as a process; returns its exit code."""
    try:
        read = partial(accepted.read, int(sys.argv[2]))
        sockets = Sockets.inherited(sys.argv[3:])
        config = read()
        log.configure(config.log.level)
        uvloop.run(serve(config, read, sockets))
    except LookupdError as error:
        logger.error("%s", error)  # noqa: TRY400 - the message says all, a traceback nothing
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
