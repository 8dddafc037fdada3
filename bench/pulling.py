"""Pulling an LDAP directory, against the client library alone. The server is a real slapd."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import time
from typing import TYPE_CHECKING

import ldap
from ldap.controls import SimplePagedResultsControl

from bench import data
from bench.row import Row, label, ratio
from lookupd.config import Config
from lookupd.loader import Loader
from lookupd.sources import Sources
from tests.servers.slapd import Slapd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.group import Setting

ENTRIES = 20_000
PAGE = 1000
ATTRIBUTES = ("entryUUID", "cn", "sn", "givenName", "mail", "telephoneNumber", "mobile", "o")
LIBRARY = "entries/s of python-ldap, the same attributes and pages, nothing made of them"


def rows(setting: Setting) -> Iterator[Row]:
    """Entries per second until each is a checked row; fewer entries where the index is small."""
    count = min(ENTRIES, setting.size)
    folder = setting.build / "slapd"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = Slapd(folder, session_log=None)
    server.load(_entries(count))
    ours, floors = [], []
    with server:
        for number in range(setting.rounds):
            floors.append(_plain(server.url, count))
            ours.append(asyncio.run(_pulled(_config(server.url, folder), count)))
            print(f"  round {number + 1}: {ours[-1]:,.0f}/s, python-ldap {floors[-1]:,.0f}/s", flush=True)
    shutil.rmtree(folder)
    yield ratio(f"ldap_pull_{label(count)}", ours, floors, LIBRARY, "/s")


def _entries(count: int) -> Iterator[tuple[str, dict[str, str | bytes | list[str] | list[bytes]]]]:
    yield f"ou=people,{Slapd.base_dn}", {"objectClass": "organizationalUnit", "ou": "people"}
    for row in itertools.islice(data.people(count), count):
        uid, first, last, company, _, mail, phone, mobile, _ = row
        attributes: dict[str, str | bytes | list[str] | list[bytes]] = {
            "objectClass": "inetOrgPerson",
            "cn": f"{first} {last}",
            "sn": last,
            "givenName": first,
            "mail": mail,
            "o": company,
            "telephoneNumber": phone,
        }
        if mobile:
            attributes["mobile"] = mobile
        yield f"uid={uid},ou=people,{Slapd.base_dn}", attributes


def _plain(url: str, count: int) -> float:
    """All pages, one after the other."""
    connection = ldap.initialize(url)
    control = SimplePagedResultsControl(criticality=True, size=PAGE, cookie="")
    found, begun = 0, time.perf_counter()
    connection.simple_bind_s()
    while True:
        query = connection.search_ext(
            Slapd.base_dn,
            ldap.SCOPE_SUBTREE,
            "(|(telephoneNumber=*)(mobile=*))",
            [*ATTRIBUTES],
            serverctrls=[control],
        )
        _, entries, _, controls = connection.result3(query)
        found += len(entries)
        control.cookie = next(one.cookie for one in controls if isinstance(one, SimplePagedResultsControl))
        if not control.cookie:
            break
    seconds = time.perf_counter() - begun
    connection.unbind_s()
    return _rate(found, count, seconds)


async def _pulled(config: Config, count: int) -> float:
    """What a run of the source would take in."""
    sources = Sources(config, Loader())
    [source] = sources
    try:
        await source.open()
        begun = time.perf_counter()
        found = 0
        async for batch in source.pull():
            found += len(batch.rows)
        return _rate(found, count, time.perf_counter() - begun)
    finally:
        await sources.close()


def _rate(found: int, count: int, seconds: float) -> float:
    if found != count:
        raise RuntimeError(f"{found} entries came instead of {count}")
    return count / seconds


def _config(url: str, folder: Path) -> Config:
    return Config.model_validate(
        {
            "region": "FR",
            "data": folder / "records",
            "sources": [
                {
                    "name": "staff",
                    "backend": "ldap",
                    "config": {"ldap_uri": url, "ldap_base_dn": Slapd.base_dn, "ldap_page_size": PAGE,
                               "ldap_attributes": [*ATTRIBUTES]},
                    "unique_column": "entryUUID",
                    "searched_columns": ["sn", "givenName", "mail"],
                    "first_matched_columns": ["telephoneNumber", "mobile"],
                    "format_columns": {"reverse": "{givenName} {sn}"},
                }
            ],
        }
    )  # fmt: skip
