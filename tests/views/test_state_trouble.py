"""`state.db` damaged while the daemon runs."""

import logging

import pytest

from lookupd.state import backup
from tests.views.conftest import CONFIG

WHO = "/0.1/directories/reverse/default/u"
CALLERS = "views: {caller_id: {profile: default}, phones: true}\nsources:"


def damage(site):
    """Cut off the file, so that whoever reads it next sees nothing of what it was."""
    site.tokens._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (site.data / "state.db").write_bytes(b"no database" * 1000)


@pytest.fixture
async def site(new_site):
    site = await new_site(CONFIG.replace("sources:", CALLERS, 1))
    assert (await site.ask("/ready", token=None)).json == {"status": "ok", "reasons": []}
    assert (await site.ask("/0.1/status")).json["state"] == {"status": "ok", "trouble": None}
    return site


async def test_those_who_asked_lately_are_answered_others_get_a_503_and_the_log_one_line(site, caplog):
    secret = site.token("device")
    assert (await site.ask(f"/p/{secret}/cid/0199001234", token=None)).body == b"Ada B\xc3\xa9langer"
    other = site.token("dird.#")
    damage(site)
    caplog.set_level(logging.INFO)
    for _ in range(3):
        assert (await site.ask(WHO, token=other, exten="0199001234")).status == 503
        reply = await site.ask(WHO, exten="0199001234")
        assert (reply.status, reply.json["display"]) == (200, "Ada B\xe9langer")
        assert (await site.ask(f"/p/{secret}/cid/0199001234", token=None)).status == 200
        assert (await site.ask("/p/lkp_nobody/cid/0199001234", token=None)).status == 503
        shown = await site.ask("/p/lkp_nobody/phones/yealink/default/lookup?term=ada", token=None)
        assert b"Directory not reachable" in shown.body
    assert [record.levelname for record in caplog.records if record.levelno >= logging.WARNING] == ["ERROR"]


async def test_the_body_of_a_503_names_no_path(site):
    damage(site)
    reply = await site.ask(WHO, token="lkp_nobody", exten="0199001234")
    told = "tokens cannot be checked just now: state.db cannot be read (see the log)"
    assert (reply.status, reply.json["reason"]) == (503, [told])


async def test_ready_is_degraded_and_the_status_has_the_remedy(site):
    damage(site)
    reply = await site.ask("/ready", token=None)
    assert (reply.status, reply.json["status"]) == (200, "degraded")
    assert reply.json["reasons"] == ["state.db cannot be read, so tokens cannot be checked"]
    state = (await site.ask("/0.1/status")).json["state"]
    assert state["status"] == "fail"
    assert "lookupd state restore FILE" in state["trouble"]


async def test_all_is_well_again_when_a_backup_is_restored(site, tmp_path, monkeypatch):
    monkeypatch.setattr("lookupd.state.known.PAUSE", 0.0)
    backup.back_up(site.data / "state.db", tmp_path / "backup")
    damage(site)
    assert (await site.ask(WHO, token="lkp_nobody", exten="0199001234")).status == 503
    backup.restore(site.data / "state.db", tmp_path / "backup")
    assert (await site.ask(WHO, token="lkp_nobody", exten="0199001234")).status == 401
    assert (await site.ask(WHO, exten="0199001234")).status == 200
    assert (await site.ask("/ready", token=None)).json == {"status": "ok", "reasons": []}


async def test_without_tokens_nothing_of_it_is_told(new_site):
    site = await new_site(CONFIG.replace("sources:", "auth: {mode: none}\nsources:", 1))
    assert (await site.ask("/0.1/status")).json["state"] == {"status": "ok", "trouble": None}
