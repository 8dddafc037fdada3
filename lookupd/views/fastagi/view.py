"""The FastAGI server: takes connections of Asterisk, as many as it may, and ends with them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from typing_extensions import override

from lookupd.auth import Everybody
from lookupd.guestway import address_of
from lookupd.plugins import BaseViewPlugin, ViewArgs
from lookupd.views.complaint import Complaints
from lookupd.views.fastagi.conversation import LINE, Conversation, Desk, Over
from lookupd.views.fastagi.naming import Naming
from lookupd.views.fastagi.post import Post
from lookupd.views.fastagi.settings import Settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Sequence

logger = logging.getLogger(__name__)

#: how long calls under way may take to finish when the view ends, in seconds
DRAIN = 2.0


class FastAgiView(BaseViewPlugin):
    """Off unless the configuration has a section `views.fastagi`, or says `fastagi: true`."""

    config_model = Settings
    _server: Server | Closed | None = None

    @override
    def load(self, args: ViewArgs, /) -> Awaitable[None] | None:
        section, handed = args["config"].get("fastagi", False), args.get("sockets", ())
        if section is False:
            if handed:
                self._server = Closed(handed)
            return None
        settings = Settings.model_validate({} if section is True or section is None else section)
        server = self._server = Server(
            Desk(
                settings=settings,
                naming=Naming(settings),
                principal=Everybody().principal(None, str(settings.tenant) if settings.tenant else None),
                reverse=args["services"]["reverse"],
                complain=Complaints(logger, "FastAGI").tell,
            )
        )
        return server.open(handed)

    @override
    def unload(self) -> Awaitable[None] | None:
        return None if self._server is None else self._server.close()


class Closed:
    """Turns calls away that come to a socket nobody wants: Asterisk would wait for an answer for ever."""

    def __init__(self, handed: Sequence[socket.socket]) -> None:
        self._post = Post.on(handed, self)
        logger.error(
            "FastAGI: the service manager hands over %s, but views.fastagi is not in the configuration: "
            "calls are turned away",
            ", ".join(self._post.addresses),
        )

    def take(self, connection: socket.socket, host: str) -> None:  # noqa: ARG002 - as a taker has it
        """Close it: then the dialplan goes on."""
        connection.close()

    async def close(self) -> None:
        """Leave it to whoever takes it next."""
        self._post.leave(self)


class Server:
    """Conversations with Asterisk, each in a task of its own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.settings
        self._post: Post | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._is_full = False

    async def open(self, handed: Sequence[socket.socket] = ()) -> None:
        """Listen, on what was handed over if that is anything. Raises CannotListen."""
        if handed:
            self._post = Post.on(handed, self)
        else:
            self._post = await Post.open(self._settings.listen, self._settings.port, self)
        logger.info("FastAGI: listening on %s", ", ".join(self._post.addresses))

    async def close(self) -> None:
        """Take no more calls, and let those under way finish, for a while."""
        post, self._post = self._post, None
        if post is not None:
            post.leave(self)
        if self._calls:
            await asyncio.wait(self._calls, timeout=DRAIN)
        for task in self._calls:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def take(self, connection: socket.socket, host: str) -> None:
        """Serve a connection, or close it: then the dialplan goes on without an answer."""
        if not self._may_ask(host):
            self._desk.complain(f"{host} may not ask (views.fastagi.subnets in the configuration)")
            connection.close()
        elif len(self._calls) >= self._settings.connections:
            if not self._is_full:
                logger.warning("FastAGI: %d calls at the same time, more are turned away", len(self._calls))
            self._is_full = True
            connection.close()
        else:
            self._is_full = False
            task = asyncio.create_task(self._serve(connection), name=f"fastagi {host}")
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    def _may_ask(self, host: str) -> bool:
        address = address_of(host)
        return address is not None and any(address in network for network in self._settings.subnets)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=connection, limit=LINE)
        except OSError:  # it is gone again
            connection.close()
            return
        try:
            await Conversation(reader, writer, self._desk).hold()
            writer.close()
        except (Over, TimeoutError, ConnectionError):
            logger.debug("FastAGI: a call ended before its time")
        except Exception:
            logger.exception("FastAGI: a call was not answered")
        finally:
            if not writer.is_closing():
                writer.transport.abort()
