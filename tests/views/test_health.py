"""/live and /ready: what those who watch the daemon see."""

import sqlite3
from contextlib import closing

import pytest

#: a source whose file is not there, asked live only
LOST = """
data: data
http: {port: 0}
sources:
  - {name: lost, backend: csv, config: {file: missing.csv}, first_matched_columns: [phone], sync: false}
profiles:
  default: {reverse: {sources: [lost]}}
"""


@pytest.mark.parametrize("path", ["/live", "/ready"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_nobody_needs_a_token(new_site, path, method):
    site = await new_site()
    reply = await site.ask(path, method, token=None)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json"


async def test_all_is_well_in_one_line(new_site):
    site = await new_site()
    assert (await site.ask("/live", token=None)).body == b'{"status": "ok"}\n'
    assert (await site.ask("/ready", token=None)).body == b'{"status": "ok", "reasons": []}\n'


async def test_a_source_in_trouble_is_told_and_no_reason_for_a_503(new_site):
    site = await new_site(LOST)
    await site.ask("/0.1/directories/reverse/default/u", exten="0199001234")
    reply = await site.ask("/ready", token=None)
    assert reply.status == 200
    assert reply.json["status"] == "degraded"
    assert reply.json["reasons"] == ["lost: does not answer"], "no path, no URI, no text of a directory"


async def test_a_view_that_does_not_load_is_told(new_site):
    site = await new_site(LOST.replace("sources:", "views: {calerid: {}}\nsources:", 1))
    reply = await site.ask("/ready", token=None)
    assert (reply.status, reply.json["reasons"]) == (200, ["view calerid: does not load"])
    plugins = (await site.ask("/0.1/status")).json["plugins"]
    assert "did you mean 'caller_id'?" in str(plugins)


async def test_an_index_that_cannot_answer_is_a_503(new_site):
    site = await new_site()
    with closing(sqlite3.connect(site.data / "index.db")) as index:
        index.execute("ALTER TABLE source RENAME TO gone")
    reply = await site.ask("/ready", token=None)
    assert reply.status == 503
    assert reply.json == {"status": "fail", "reasons": ["the index cannot be read"]}


async def test_an_index_that_cannot_answer_does_not_touch_live(new_site):
    site = await new_site()
    with closing(sqlite3.connect(site.data / "index.db")) as index:
        index.execute("ALTER TABLE source RENAME TO gone")
    assert (await site.ask("/live", token=None)).status == 200


async def test_an_index_that_cannot_answer_is_in_the_status(new_site):
    site = await new_site()
    with closing(sqlite3.connect(site.data / "index.db")) as index:
        index.execute("ALTER TABLE source RENAME TO gone")
    reply = await site.ask("/0.1/status")
    assert reply.status == 200
    assert reply.json["index"] == {
        "status": "fail",
        "trouble": "the index cannot be read: no such table: source",
    }


async def test_answers_that_cannot_be_kept_are_in_the_status_and_no_reason_for_a_503(new_site, tmp_path):
    (tmp_path / "data" / "answers.db").mkdir(parents=True)
    site = await new_site()
    part = (await site.ask("/0.1/status")).json["answers"]
    assert part == {"status": "fail", "trouble": "unable to open database file"}
    ready = await site.ask("/ready", token=None)
    assert ready.status == 200
    assert "remembered answers cannot be written" in ready.json["reasons"]


@pytest.mark.parametrize("path", ["/live", "/ready"])
async def test_a_wrong_method_is_a_405_in_json(new_site, path):
    site = await new_site()
    reply = await site.ask(path, "POST", token=None)
    assert reply.status == 405
    assert reply.headers["Allow"] == "GET,HEAD"
    assert list(reply.json) == ["message"]
