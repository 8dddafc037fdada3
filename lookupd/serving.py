"""One configuration at work: its desk, the views on it, and the front that serves them."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from aiohttp import web

from lookupd.auth import Everybody, TokenHolders
from lookupd.desk import Desk
from lookupd.errors import PluginMissing
from lookupd.front import Front
from lookupd.guest import Guests
from lookupd.lane import Lane
from lookupd.plugins import ViewArgs
from lookupd.rest import OPEN, RestApi, allow_origin, errors_as_json, other_origins
from lookupd.setting import hint
from lookupd.state.known import KnownTokens
from lookupd.state.tokens import Tokens

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lookupd.config import Config
    from lookupd.sockets import Sockets

logger = logging.getLogger(__name__)

#: how long requests may take to finish when a configuration ends, in seconds
DRAIN = 5.0
#: largest request body, in bytes
BODY = 1024 * 1024
#: a variable that is one of some words, in the pattern of a path
_ONE_OF = re.compile(r"\(\?P<\w+>[\w-]+(?:\|[\w-]+)+\)")


class Serving:
    """Everything between the listening sockets and the records, made from one configuration."""

    _front: Front

    def __init__(self, config: Config, desk: Desk, stack: AsyncExitStack) -> None:
        self.config = config
        self.desk = desk
        self._stack = stack
        is_open = config.http.cors
        middlewares = [other_origins, errors_as_json] if is_open else [errors_as_json]
        self.app = web.Application(middlewares=middlewares, client_max_size=BODY)
        if is_open:
            self.app.on_response_prepare.append(allow_origin)

    @classmethod
    async def open(cls, config: Config, sockets: Sockets, lasting: AsyncExitStack) -> Self:
        """Serve a configuration on these sockets; `lasting` closes the records."""
        async with AsyncExitStack() as stack:
            return await cls._on(config, await Desk.open(stack, config, lasting), stack, sockets)

    async def again(self, config: Config, sockets: Sockets) -> Self:
        """Serve another configuration on the same records, beside this one until this one is closed.

        Raises LookupdError where that is impossible; this one goes on then as if nothing had been asked.
        """
        async with AsyncExitStack() as stack:
            desk = await self.desk.again(stack, config)
            following = await self._on(config, desk, stack, sockets)
        self._front.stop()
        desk.records.follow(desk.sources, self.desk.sources)
        return following

    @classmethod
    async def _on(cls, config: Config, desk: Desk, stack: AsyncExitStack, sockets: Sockets) -> Self:
        serving = cls(config, desk, stack)
        front = Front(
            serving.app,
            at_once=await serving._add_views(sockets.views),
            load=desk.load_now,
            search_cost=desk.records.index.search_cost,
        )
        await front.open(sockets.http)
        stack.push_async_callback(front.drain, DRAIN)
        serving._front = front
        serving._stack = stack.pop_all()
        return serving

    async def take(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on these sockets too."""
        await self._front.take(sockets)

    def leave(self, sockets: Sequence[socket.socket]) -> None:
        """Take no more connections from these."""
        self._front.leave(sockets)

    def hasten(self) -> None:
        """Close soon, as the process ends: idle connections are not waited for."""
        self._front.hasten()

    async def close(self) -> None:
        """Take no further requests, let those under way finish, and close what nobody has taken over."""
        await self._stack.aclose()

    async def _add_views(
        self, sockets: Mapping[str, Sequence[socket.socket]]
    ) -> Callable[[bytes], bytes | None] | None:
        """Add every view to the application; gives what answers plain questions before it, if that may be."""
        tokens = self.desk.state.tokens = await self._tokens()
        authenticator = TokenHolders(tokens, time.monotonic) if tokens else Everybody()
        guests = Guests(self.config.guests, tokens, authenticator, time.monotonic)
        headers = OPEN if self.config.http.cors else {}
        lane = Lane(authenticator, time.monotonic, time.time, headers)
        own_parts = _parts(self.app)
        desk, views = self.desk, self.config.views
        resources: list[web.AbstractResource] = []
        installed = desk.loader.names("view")
        for name in views.keys() - {*installed}:
            reason = f"{PluginMissing('view', name, installed)}{hint(name, {*installed})}"
            logger.error("views.%s is not used: %s", name, reason)
            desk.broken[f"view {name}"] = reason
        for name in installed:
            own_sockets = sockets.get(name, ())
            if views.get(name) is False and not own_sockets:
                continue
            own = web.Application()
            rest_api = RestApi(own, authenticator)
            args = ViewArgs(
                config=views,
                services=desk.services,
                http_app=own,
                rest_api=rest_api,
                guests=guests,
                sockets=own_sockets,
            )
            if await desk.load(self._stack, "view", name, args) is None:
                continue
            taken = sorted(own.router.named_resources().keys() & {resource.name for resource in resources})
            if taken:
                reason = f"another view has routes of the same names: {', '.join(taken)}"
                logger.error("view %r is not used: %s", name, reason)
                desk.broken[f"view {name}"] = reason
                continue
            _join(self.app, own)
            resources += own.router.resources()
            lane.add(rest_api.stops)
        add_routes(self.app, resources)
        # What a view wants to see of every request, it is to see of all.
        return lane.reply if _parts(self.app) == own_parts else None

    async def _tokens(self) -> KnownTokens | None:
        """The tokens of those who may ask; None where everybody may."""
        if self.config.auth.mode == "none":
            return None
        tokens = await asyncio.to_thread(Tokens, self.config.data / "state.db")
        self._stack.callback(tokens.close)
        return KnownTokens(tokens, time.monotonic)


def _parts(app: web.Application) -> tuple[int, int]:
    """How many there are of what every request passes."""
    return len(app.middlewares), len(app.on_response_prepare)


def add_routes(app: web.Application, resources: Iterable[web.AbstractResource]) -> None:
    """Add what views serve, in an order in which nothing hides the path of another view."""
    for resource in sorted(resources, key=_takes_any_word):
        app.router.register_resource(resource)


def _takes_any_word(resource: web.AbstractResource) -> bool:
    """Whether no variable of a path is one of some words, such as `{vendor:cisco|snom}`.

    Those are asked first, or else the same path with a variable for any word would hide them.
    """
    pattern = resource.get_info().get("pattern")
    return pattern is None or _ONE_OF.search(pattern.pattern) is None


def _join(app: web.Application, own: web.Application) -> None:
    """Take over what a view added to its own application, now that it has loaded whole; but its routes."""
    app.update(own)
    app.middlewares.extend(own.middlewares)
    app.on_startup.extend(own.on_startup)
    app.on_shutdown.extend(own.on_shutdown)
    app.on_cleanup.extend(own.on_cleanup)
    app.on_response_prepare.extend(own.on_response_prepare)
