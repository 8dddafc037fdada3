"""A daemon that answers over real HTTP, on an index that was filled from real files."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from yarl import URL

from lookupd import configfile
from lookupd.config import DEFAULT_TENANT
from lookupd.daemon import Daemon
from lookupd.index import database
from lookupd.loader import Loader
from lookupd.sources import Sources
from lookupd.state.tokens import Tokens
from lookupd.sync.paths import paths
from lookupd.sync.run import Run

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp import web

    from lookupd.config import Config
    from lookupd.index.reader import Reader

#: another tenant, with a source and a profile of its own
OTHER = "5e5d0a51-0b3c-4f0e-9f6e-6a35d1c9d4a1"

STAFF = """\
id,name,mail,number,mobile,room
1,Ada Bélanger,ada@example.com,+33 1 99 00 12 34,06 39 98 12 34,B12
2,Bob Müller,,01 99 00 56 78,,
3,Cléo Ångström,cleo@example.com,,06 39 98 33 33,C1
"""
PARTNERS = """\
company,phone
ACME,+33 1 99 00 80 01
"""
OTHERS = """\
id,name,phone
1,Olga Other,+33 1 99 00 12 34
"""

CONFIG = f"""\
region: FR
data: data
http: {{port: 0}}
sources:
  - name: staff
    backend: csv
    config: {{file: staff.csv}}
    unique_column: id
    searched_columns: [name, mail]
    first_matched_columns: [number, mobile]
    format_columns: {{reverse: "{{name}}", label: "{{name}} ({{room}})", office: "{{room}}"}}
  - name: partners
    backend: csv
    config: {{file: partners.csv}}
    searched_columns: [company]
    first_matched_columns: [phone]
  - name: aged
    backend: csv
    config: {{file: partners.csv}}
    first_matched_columns: [phone]
    searched_columns: [company]
    format_columns: {{reverse: "{{company}}"}}
    live: false
    fresh_for: 1h
    max_stale: 7d
  - name: "gone, really"
    backend: csv
    config: {{file: missing.csv}}
    sync: false
    live: {{timeout: 10s}}
    searched_columns: [name]
    first_matched_columns: [phone]
  - name: staff
    tenant: {OTHER}
    backend: csv
    config: {{file: others.csv}}
    unique_column: id
    searched_columns: [name]
    first_matched_columns: [phone]
    format_columns: {{reverse: "{{name}}"}}
displays:
  shown:
    - {{title: Favorite, type: favorite, field: name}}
    - {{title: Name, type: name, field: name}}
    - {{title: Mail, type: email, field: mail, default: none}}
    - {{title: Office, field: office, default: nowhere}}
    - {{type: number, field: number}}
    - {{title: Fax, field: fax, default: no fax}}
    - {{title: Fixed, default: always}}
    - {{title: Private, type: personal, field: name}}
profiles:
  default: {{display: shown, lookup: {{sources: [staff, partners]}}, reverse: {{sources: [staff, partners]}}}}
  plain: {{lookup: {{sources: [staff]}}, reverse: {{sources: [staff]}}}}
  empty: {{}}
  aged: {{lookup: {{sources: [aged]}}, reverse: {{sources: [aged]}}}}
  failing:
    lookup: {{sources: ["gone, really", staff], timeout: 10s}}
    reverse: {{sources: ["gone, really", staff], timeout: 10s}}
  headers: {{display: shown, lookup: {{sources: [staff]}}}}
  theirs: {{tenant: {OTHER}, lookup: {{sources: [staff]}}, reverse: {{sources: [staff]}}}}
  "dotted.name": {{display: shown}}
  "a b/c": {{display: shown}}
  "{{é}}": {{display: shown}}
  "100%25": {{display: shown}}
  "?x=#+&": {{display: shown}}
  "\\U0001F600": {{display: shown}}
"""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(kw_only=True)
class Site:
    """A running daemon, and ways to ask it."""

    url: str
    app: web.Application
    data: Path
    session: ClientSession
    tokens: Tokens
    index: Reader
    #: may do everything in the default tenant
    everything: str = field(init=False)

    def __post_init__(self) -> None:
        self.everything = self.token("dird.#")

    def token(self, *scopes: str, tenant: str = DEFAULT_TENANT) -> str:
        """A new token."""
        now = datetime.now(UTC)
        return self.tokens.add("test", tenant=tenant, user=None, scopes=scopes, now=now)[1]

    async def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        token: str | None = "",
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        **query: str,
    ) -> Reply:
        """A reply to a request with the token that may do everything, or another, or None."""
        sent = dict(headers or {})
        if token is not None:
            sent["X-Auth-Token"] = token or self.everything
        url = URL(self.url + path, encoded=True)
        if query:
            url = url.update_query(query)
        async with self.session.request(
            method, url, headers=sent, data=body and io.BytesIO(body), allow_redirects=False
        ) as response:
            return Reply(status=response.status, headers=response.headers, body=await response.read())

    def age(self, source: str, **span: float) -> None:
        """Let a source's last good pull be so long ago."""
        synced_at = (datetime.now(UTC) - timedelta(**span)).timestamp()
        with closing(sqlite3.connect(self.data / "index.db")) as index, index:
            index.execute("UPDATE source SET synced_at = ? WHERE name = ?", (synced_at, source))
        self.look_anew()

    def look_anew(self) -> None:
        """Let the daemon see what was just written; by itself it may take some milliseconds."""
        self.index._look_away()


async def open_site(stack: AsyncExitStack, folder: Path, text: str = CONFIG) -> Site:
    """A daemon on this configuration, its sources synced."""
    for name, rows in {"staff": STAFF, "partners": PARTNERS, "others": OTHERS}.items():
        (folder / f"{name}.csv").write_text(rows, encoding="utf-8")
    file = folder / "config.yml"
    file.write_text(text, encoding="utf-8")
    config = configfile.read(file)
    await _sync(config)
    daemon = Daemon(config, file)
    await daemon.start(stack, with_sync=False)
    tokens = stack.enter_context(closing(Tokens(config.data / "state.db")))
    session = await stack.enter_async_context(ClientSession())
    return Site(
        url=daemon.url,
        app=daemon.serving.app,
        data=config.data,
        session=session,
        tokens=tokens,
        index=daemon.serving.desk.records.index,
    )


async def _sync(config: Config) -> None:
    database.prepare(paths(config).index)
    sources = Sources(config, Loader())
    for source in sources:
        if source.settings.sync is not None:
            await source.open()
            await Run(source, source.settings.sync, paths(config)).run()
    await sources.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory):
    """One daemon for all tests of a file: they only ask."""
    async with AsyncExitStack() as stack:
        yield await open_site(stack, tmp_path_factory.mktemp("site"))


@pytest_asyncio.fixture
async def new_site(tmp_path):
    """Makes a daemon for one test, which may do to it what it likes."""
    async with AsyncExitStack() as stack:

        async def make(text=CONFIG):
            return await open_site(stack, tmp_path, text)

        yield make


@pytest.fixture(scope="session")
def other():
    """The other tenant."""
    return OTHER
