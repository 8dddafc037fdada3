"""A small application behind a front, on a real socket, and a client that speaks in bytes."""

import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from lookupd.front import Front, Limits

REVERSE = "/0.1/directories/reverse/default/u"
LOOKUP = "/0.1/directories/lookup/default"
DEADLINE = 10.0


@dataclass
class Site:
    """What a test sees of it."""

    limits: Limits = field(default_factory=Limits)
    #: handlers of /wait and of the two questions wait for this, if it is there
    gate: asyncio.Event | None = None
    begun: int = 0
    events: list[str] = field(default_factory=list)
    front: Any = None
    sock: Any = None

    @property
    def port(self) -> int:
        return self.sock.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.Response:
        self.begun += 1
        if self.gate is not None:
            await self.gate.wait()
        if burn := float(request.query.get("burn", 0)):
            end = time.thread_time() + burn
            while time.thread_time() < end:
                pass
        return web.json_response({"path": request.path})

    async def echo(self, request: web.Request) -> web.Response:
        try:
            return web.Response(body=await request.read())
        except web.HTTPException as error:
            return web.json_response({"message": error.reason}, status=error.status)

    async def large(self, _request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 20_000_000)

    async def ignore(self, _request: web.Request) -> web.Response:
        return web.json_response({})

    async def fail(self, _request: web.Request) -> web.Response:
        raise ValueError("a mistake of ours")

    def app(self) -> web.Application:
        app = web.Application(client_max_size=self.limits.body)
        for path in (REVERSE, LOOKUP, "/live", "/0.1/status", "/cid/x"):
            app.router.add_get(path, self.handle)
        app.router.add_post("/handle", self.handle)
        app.router.add_post("/echo", self.echo)
        app.router.add_post("/ignore", self.ignore)
        app.router.add_get("/large", self.large)
        app.router.add_get("/fail", self.fail)

        async def note(name: str, _app: web.Application) -> None:
            self.events.append(name)

        app.on_shutdown.append(lambda app: note("shutdown", app))
        app.on_cleanup.append(lambda app: note("cleanup", app))
        return app

    async def until(self, is_so) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(DEADLINE):
            while not is_so():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def site(at_once=None, gate=None, search_cost=None, **limits: Any) -> AsyncIterator[Site]:
    """A site with some limits of its own; the sweep is quick."""
    chosen = Limits(**{"sweep": 0.01, "grace": 0.0, **limits})
    made = Site(limits=chosen, gate=gate)
    made.front = Front(made.app(), chosen, at_once=at_once, search_cost=search_cost)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as made.sock:
        await made.front.open([made.sock])
        try:
            yield made
        finally:
            if made.gate is not None:
                made.gate.set()
            await made.front.drain(1.0)


@dataclass
class Reply:
    """What came back."""

    status: int
    head: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        found = re.search(rf"^{name}: *(.*?)\r$", self.head, re.IGNORECASE | re.MULTILINE)
        return found and found[1]


class Wire:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, site: Site) -> "Wire":
        return cls(*await asyncio.open_connection("127.0.0.1", site.port, limit=2**26))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def get(self, path: str = REVERSE, more: str = "") -> None:
        self.send(request(path, more))

    async def reply(self, *, has_body: bool = True) -> Reply:
        async with asyncio.timeout(DEADLINE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            found = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
            size = int(found[1]) if found and has_body else 0
            return Reply(int(head.split()[1]), head, await self.reader.readexactly(size))

    async def ask(self, path: str = REVERSE, more: str = "") -> Reply:
        self.get(path, more)
        return await self.reply()

    async def is_closed(self) -> bool:
        """Wait for the end; whether it came, with nothing before it."""
        async with asyncio.timeout(DEADLINE):
            try:
                return not await self.reader.read()
            except ConnectionError:
                return True

    def close(self) -> None:
        self.writer.close()


def request(path: str = REVERSE, more: str = "", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n".encode("latin-1")


@contextlib.asynccontextmanager
async def wire(site: Site) -> AsyncIterator[Wire]:
    opened = await Wire.open(site)
    try:
        yield opened
    finally:
        opened.close()
