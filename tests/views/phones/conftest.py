"""Phones at a real HTTP server, with the real services on a real index of what the tests put into it."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from lookupd.answer import Failure, Hit, Origin, Page
from lookupd.auth import Everybody
from lookupd.config import Column
from lookupd.contact import Contact
from lookupd.dial import DialRules, dialable_each
from lookupd.errors import UnknownProfile
from lookupd.freshness import Freshness
from lookupd.guest import Guests
from lookupd.guestsettings import GuestSettings
from lookupd.number import NumberRules
from lookupd.rest import RestApi, errors_as_json
from lookupd.views.phones import PhonesView
from tests.fakes import Directory, Office, config_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator

#: headings of three columns of numbers
DISPLAY = (
    {"title": "Name", "type": "name", "field": "name"},
    {"title": "Number", "type": "number", "field": "number"},
    {"title": "Mobile", "type": "number", "field": "mobile"},
    {"title": "Home", "type": "number", "field": "home"},
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
USER = "4b5c1d22-8f0d-4c59-9d63-6f1b8d2c7a10"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a phone got."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(kw_only=True)
class Phones:
    """A running server, and ways to ask it."""

    services: dict[str, Any]
    guests: Guestbook
    server: TestServer
    session: ClientSession
    office: Office | None = None
    directories: dict[str, Directory] = field(default_factory=dict)

    async def ask(self, url: str, method: str = "GET", *, data: Any = None, **headers: str) -> Reply:
        """A reply; the URL is a path, or a link from a document, and is sent as it stands."""
        full = url if url.startswith("http") else str(self.server.make_url("/")).rstrip("/") + url
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, URL(full, encoded=True), headers=sent, data=data) as response:
            return Reply(status=response.status, headers=response.headers, body=await response.read())


def person(name: str, number: str | None = None, mobile: str | None = None, home: str | None = None) -> dict:
    """A row."""
    return {"name": name, "number": number, "mobile": mobile, "home": home}


def numbered(rows: list[dict]) -> list[dict]:
    """The same rows, with ids."""
    return [{"id": str(at), **row} for at, row in enumerate(rows)]


class Guestbook(Guests):
    """Admits everybody, and counts what they are told."""

    def __init__(self, settings: GuestSettings) -> None:
        super().__init__(settings, None, Everybody(), lambda: 0.0)
        #: contacts of each document
        self.log: list[int] = []

    def told(self, guest, contacts):
        self.log.append(contacts)
        super().told(guest, contacts)


class Contacts:
    """A lookup service on contacts in memory; finds those whose name has the term."""

    def __init__(self, contacts: list[Contact] | None = None) -> None:
        self.contacts = contacts or []
        self.failed: tuple[Failure, ...] = ()
        #: questions wait for it while it is set
        self.gate: asyncio.Event | None = None
        #: (term, offset) of every question
        self.asked: list[tuple[str, int]] = []

    async def find(self, principal, profile, term, *, limit=None, offset=0):
        self.asked.append((term, offset))
        if self.gate is not None:
            await self.gate.wait()
        found = [one for one in self.contacts if term.casefold() in one.fields["name"].casefold()]
        hits = tuple(
            Hit(contact=one, backend="fake", origin=Origin.INDEX, since=NOW, freshness=Freshness.FRESH)
            for one in found[offset : offset + (limit or 500)]
        )
        return Page(hits=hits, total=len(found), is_cut=False, failed=self.failed)


class Columns:
    """A catalog with one profile, whose phones dial what stands there."""

    def columns(self, principal, profile):
        if profile != "default":
            raise UnknownProfile(profile)
        return tuple(Column(**column) for column in DISPLAY)

    def dialling(self, principal, profile):
        return lambda _source, text: dialable_each(text, DialRules(), NumberRules(region="FR"))


def contacts(rows: list[dict]) -> list[Contact]:
    """Rows as the index has them."""
    return [
        Contact(source="staff", uid=str(at), body=json.dumps(row), display=row["name"])
        for at, row in enumerate(rows)
    ]


@asynccontextmanager
async def serving(services: dict[str, Any], **guests: Any) -> AsyncIterator[Phones]:
    """A server with phones on some services."""
    app = web.Application(middlewares=[errors_as_json])
    view = PhonesView()
    guestbook = Guestbook(GuestSettings.model_validate({"rate": 1e6, "burst": 10**9, **guests}))
    rest_api = RestApi(app, Everybody())
    view.load(
        {"config": {}, "services": services, "http_app": app, "rest_api": rest_api, "guests": guestbook}
    )
    async with TestServer(app) as server, ClientSession() as session:
        yield Phones(services=services, guests=guestbook, server=server, session=session)
    await view.unload()


async def open_phones(
    stack: AsyncExitStack, folder: Any, rows: list[dict], *, live: list[dict] | None = None, **guests: Any
) -> Phones:
    """A server for a synced directory of these rows, and perhaps another that is only asked live."""
    directories = {"staff": Directory(rows=numbered(rows))}
    sources: list[dict[str, Any]] = [{"name": "staff", "live": False}]
    if live is not None:
        directories["far"] = Directory(rows=[{**row, "id": f"f{row['id']}"} for row in numbered(live)])
        sources.append({"name": "far", "sync": False, "live": {"timeout": "5s"}})
    names = [source["name"] for source in sources]
    profile = {
        "display": "shown",
        "lookup": {"sources": names, "timeout": "5s"},
        "reverse": {"sources": names},
    }
    config = config_of(*sources, displays={"shown": DISPLAY}, profiles={"default": profile})
    folder.mkdir(exist_ok=True)
    office = await stack.enter_async_context(Office(folder, config, **directories))
    await office.sync()
    services = {"catalog": office.catalog, "lookup": office.lookup, "reverse": office.reverse}
    site = await stack.enter_async_context(serving(services, **guests))
    site.office, site.directories = office, directories
    return site


@pytest.fixture
async def new_phones(tmp_path):
    """Makes a server for one test."""
    async with AsyncExitStack() as stack:
        count = 0

        async def make(rows, **more):
            nonlocal count
            count += 1
            return await open_phones(stack, tmp_path / str(count), rows, **more)

        yield make
