"""What a process serves: one configuration, and the former ones until their requests are finished."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Self

from lookupd.errors import ConfigError, LookupdError
from lookupd.serving import Serving
from lookupd.sockets import Sockets

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from contextlib import AsyncExitStack

    from lookupd.config import Config

logger = logging.getLogger(__name__)


class Reloadable:
    """Serves on some sockets, as the configuration that `read` gives says."""

    def __init__(self, serving: Serving, read: Callable[[], Config], sockets: Sockets) -> None:
        #: what is made from the configuration that counts
        self.serving = serving
        #: that configuration as it was read: its `data` is to count after a restart
        self.config = serving.config
        self._read = read
        self._sockets = [*sockets.http]
        self._of_views = sockets.views
        #: former configurations that finish their requests
        self._ending: dict[asyncio.Task[None], Serving] = {}

    @classmethod
    async def open(
        cls, config: Config, read: Callable[[], Config], sockets: Sockets, stack: AsyncExitStack
    ) -> Self:
        """Serve a configuration; the stack closes the records, `close` the rest.

        `read` gives it again, or raises ConfigError; it runs in a thread.
        """
        return cls(await Serving.open(config, sockets, stack), read, sockets)

    async def reload(self) -> str:
        """Read the configuration again and serve it, without a request lost: what came of that, in words.

        A configuration with mistakes changes nothing; each of them is logged.
        """
        try:
            config = await asyncio.to_thread(self._read)
            former = self.serving
            listened = Sockets(http=self._sockets, views=self._of_views)
            self.serving = await former.again(config.kept_in(former.config.data), listened)
            self.config = config
        except ConfigError as error:
            for mistake in error.mistakes:
                logger.error("the configuration is not used: %s", mistake)  # noqa: TRY400 - it says all
            return f"the configuration is not used, {len(error.mistakes)} mistakes are in the log"
        except LookupdError as error:
            logger.error("the configuration is not used: %s", error)  # noqa: TRY400 - it says all
            return "the configuration is not used, the log says why"
        ending = asyncio.create_task(former.close(), name="former-configuration")
        self._ending[ending] = former
        ending.add_done_callback(self._ending.pop)
        logger.info("the configuration has been read again")
        return "the configuration has been read again"

    async def take(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on these sockets too, until `leave`."""
        self._sockets += sockets
        await self.serving.take(sockets)

    def leave(self, sockets: Sequence[socket.socket]) -> None:
        """Take no more connections from these."""
        self._sockets = [sock for sock in self._sockets if sock not in sockets]
        self.serving.leave(sockets)

    async def close(self) -> None:
        """Take no further requests, and let those under way finish: the process ends."""
        for serving in (self.serving, *self._ending.values()):
            serving.hasten()
        await self.serving.close()
        await asyncio.gather(*self._ending)
