"""What a running daemon tells the commands of its own machine: how its live questions fare, source by source.

A socket in the data folder, so that those may ask who may read the folder.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from lookupd.errors import LookupdError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack
    from pathlib import Path

    from lookupd.services.status import Status

logger = logging.getLogger(__name__)

#: the socket in the data folder
NAME = "lookupd.sock"
#: how long a command waits for the daemon, in seconds
PATIENCE = 2.0


class NoWord(LookupdError):
    """A daemon that may run tells nothing."""


async def serve(stack: AsyncExitStack, data: Path, status: Callable[[], Status]) -> None:
    """Answer commands until the stack closes; where that is impossible, say so and do without."""

    async def sources(_request: web.Request) -> web.Response:
        return web.json_response(
            {
                source.uuid: {
                    "trouble": source.trouble,
                    "breaker": source.condition.breaker,
                    "retry_in": source.condition.retry_in.total_seconds(),
                    "search": {
                        "breaker": source.condition.search.breaker,
                        "retry_in": source.condition.search.retry_in.total_seconds(),
                    },
                }
                for source in await status().sources()
            }
        )

    app = web.Application()
    app.router.add_get("/sources", sources)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=PATIENCE)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    try:
        await web.UnixSite(runner, data / NAME).start()
    except OSError as error:
        logger.warning("%s: commands cannot ask the daemon: %s", data / NAME, error)


async def conditions(data: Path) -> dict[str, dict[str, Any]] | None:
    """How the live questions of the daemon that uses this folder fare, by uuid; None when none runs.

    Raises NoWord when one may run, and does not answer.
    """
    try:
        async with aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(data / NAME)), timeout=aiohttp.ClientTimeout(total=PATIENCE)
        ) as session:
            reply = await session.get("http://lookupd/sources")
            told: dict[str, dict[str, Any]] = await reply.json()
            return told
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, FileNotFoundError | ConnectionRefusedError):
            return None
        raise NoWord(f"{data / NAME}: the daemon cannot be asked: {error.os_error.strerror}") from error
    except TimeoutError:
        raise NoWord(f"{data / NAME}: the daemon did not answer within {PATIENCE:.0f} s") from None
    except (OSError, aiohttp.ClientError, ValueError) as error:
        raise NoWord(f"{data / NAME}: the daemon gave no answer: {error}") from error
