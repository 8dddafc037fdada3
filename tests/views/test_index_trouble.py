"""What clients see while the index cannot be read, or not to the end: right answers, and what they lack."""

import asyncio
import os
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from lookupd.services import lookup

LOOKUP, REVERSE = "/0.1/directories/lookup/default", "/0.1/directories/reverse/default/u"
ADA = {"exten": "+33199001234"}


def spoil(site, statement):
    with closing(sqlite3.connect(site.data / "index.db", isolation_level=None)) as index:
        index.execute(statement)
    site.look_anew()


async def is_made_anew(site):
    files = [site.data / "index.db.damaged", site.data / "index.db"]
    async with asyncio.timeout(10):
        while not all(file.exists() for file in files):  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.005)


async def test_a_spoilt_contact_is_never_shown_and_its_directory_asked_instead(new_site):
    site = await new_site()
    before = await site.ask(REVERSE, **ADA)
    spoil(site, "DELETE FROM caller_file")
    spoil(site, "UPDATE contact SET body = replace(body, 'Ada', 'Add'), display = 'Add'")
    reply = await site.ask(REVERSE, **ADA)
    assert (reply.status, reply.body) == (200, before.body)
    assert reply.headers["X-Lookupd-Failed"] == "index"
    await is_made_anew(site)
    assert (await site.ask(REVERSE, **ADA)).body == before.body


async def test_a_spoilt_contact_is_not_found_and_its_directory_searched_instead(new_site):
    site = await new_site()
    before = await site.ask(LOOKUP, term="ada")
    assert "X-Lookupd-Failed" not in before.headers
    spoil(site, "UPDATE contact SET body = replace(body, 'Ada', 'Add'), display = 'Add'")
    reply = await site.ask(LOOKUP, term="ada", explain="true")
    assert (reply.status, reply.headers["X-Lookupd-Failed"]) == (200, "index")
    assert [failure["source"] for failure in reply.json["explain"]["failed"]] == ["index"]
    assert reply.json["results"] == before.json["results"]
    await is_made_anew(site)


@pytest.mark.parametrize("size", [0, 6000])
async def test_nothing_is_a_500_while_the_file_is_cut_off(new_site, size):
    site = await new_site()
    os.truncate(site.data / "index.db", size)
    paths = [
        "/ready",
        "/live",
        "/0.1/status",
        f"{LOOKUP}?term=ada",
        f"{LOOKUP}?term=",
        f"{REVERSE}?exten=0199001234",
    ]
    for _ in range(3):
        for path in paths:
            reply = await site.ask(path)
            assert reply.status == 200 or (path, reply.status) == ("/ready", 503)
    await is_made_anew(site)
    assert {(await site.ask(path)).status for path in paths} == {200}


async def test_a_search_that_ran_out_of_time_says_so(new_site, monkeypatch):
    site = await new_site()
    reply = await site.ask(LOOKUP, term="ada", explain="true")
    assert "X-Lookupd-Partial" not in reply.headers
    assert reply.json["explain"]["is_partial"] is False
    monkeypatch.setattr(lookup, "LONGEST", timedelta())
    reply = await site.ask(LOOKUP, term="ada", explain="true")
    assert (reply.status, reply.headers["X-Lookupd-Partial"]) == (200, "true")
    assert reply.json["explain"]["is_partial"] is True
    assert reply.json["results"] == []
