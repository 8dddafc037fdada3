"""The composition root: builds everything in the order in which data flow, and stops it in the other."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web

from lookupd.auth import Everybody, TokenHolders
from lookupd.desk import Desk
from lookupd.errors import LookupdError
from lookupd.index import database
from lookupd.plugins import ViewArgs
from lookupd.rest import RestApi, allow_origin, errors_as_json, other_origins
from lookupd.state.tokens import Tokens
from lookupd.sync.process import paths
from lookupd.sync.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lookupd.auth import Authenticator
    from lookupd.config import Config

logger = logging.getLogger(__name__)

#: largest request body, in bytes
BODY = 1024 * 1024
#: how long requests may take to finish when the daemon ends, in seconds
DRAIN = 5.0


class CannotListen(LookupdError):
    """The address of the configuration cannot be listened on."""


class Daemon:
    """One serving process, and the sync process it owns."""

    def __init__(self, config: Config, file: Path) -> None:
        self._config = config
        self._file = file
        #: where it answers, such as "http://127.0.0.1:9489"; empty before it does
        self.url = ""

    async def run(self, on_ready: Callable[[str], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT; `on_ready` gets the URL. Raises LookupdError if it cannot start."""
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        async with AsyncExitStack() as stack:
            await self.start(stack)
            on_ready(self.url)
            await asked.wait()
            logger.info("ending")

    async def start(self, stack: AsyncExitStack, *, with_sync: bool = True) -> None:
        """Start everything; the stack stops it."""
        await asyncio.to_thread(database.prepare, paths(self._config).index)
        if with_sync:
            supervisor = Supervisor(self._file)
            stack.push_async_callback(supervisor.stop)
            supervisor.start()
        desk = await Desk.open(stack, self._config)
        is_open = self._config.http.cors
        middlewares = [other_origins, errors_as_json] if is_open else [errors_as_json]
        app = web.Application(middlewares=middlewares, client_max_size=BODY)
        if is_open:
            app.on_response_prepare.append(allow_origin)
        await self._views(stack, desk, app)
        await self._listen(stack, app)

    def _authenticator(self, stack: AsyncExitStack) -> Authenticator:
        if self._config.auth.mode == "none":
            return Everybody()
        tokens = Tokens(self._config.data / "state.db")
        stack.callback(tokens.close)
        return TokenHolders(tokens, time.monotonic)

    async def _views(self, stack: AsyncExitStack, desk: Desk, app: web.Application) -> None:
        authenticator = self._authenticator(stack)
        for name in desk.loader.names("view"):
            if self._config.views.get(name) is False:
                continue
            own = web.Application()
            rest_api = RestApi(own, authenticator)
            args = ViewArgs(
                config=self._config.views, services=desk.services, http_app=own, rest_api=rest_api
            )
            if await desk.load(stack, "view", name, args) is None:
                continue
            taken = sorted(app.router.named_resources().keys() & own.router.named_resources().keys())
            if taken:
                reason = f"another view has routes of the same names: {', '.join(taken)}"
                logger.error("view %r is not used: %s", name, reason)
                desk.broken[f"view {name}"] = reason
                continue
            _join(app, own)

    async def _listen(self, stack: AsyncExitStack, app: web.Application) -> None:
        http = self._config.http
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=DRAIN, handle_signals=False)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        try:
            await web.TCPSite(runner, http.listen, http.port).start()
        except OSError as error:
            raise CannotListen(
                f"cannot listen on {http.listen} port {http.port}: {error.strerror} "
                f"(set http.listen and http.port in the configuration)"
            ) from error
        address, port = runner.addresses[0][:2]
        self.url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        logger.info("answering on %s", self.url)


def _join(app: web.Application, own: web.Application) -> None:
    """Take over what a view added to its own application, now that it has loaded whole."""
    for resource in own.router.resources():
        app.router.register_resource(resource)
    app.update(own)
    app.middlewares.extend(own.middlewares)
    app.on_startup.extend(own.on_startup)
    app.on_shutdown.extend(own.on_shutdown)
    app.on_cleanup.extend(own.on_cleanup)
    app.on_response_prepare.extend(own.on_response_prepare)
