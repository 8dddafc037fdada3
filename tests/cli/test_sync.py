"""`lookupd sync`: pull now, and say what changed and what did not work."""

import fcntl
import sqlite3
from contextlib import closing

import pytest

from lookupd.config import Config
from tests.cli.conftest import CROWD
from tests.fakes import ADA, BOB
from tests.servers.slapd import Slapd


def outcomes(site, *arguments):
    """What a sync says: source -> error."""
    return {line["source"]: line["error"] for line in site.json("sync", *arguments)}


def test_all_sources_are_pulled_and_counted(site):
    result = site.run("sync")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "staff\t2\t2\t0\t0\t0\t-\npartners\t1\t1\t0\t0\t0\t-\n"


def test_a_second_sync_tells_only_what_changed(site):
    site.run("sync")
    site.write("staff", [{**ADA, "name": "Ada B."}, {"id": "3", "name": "Eve", "number": "0199005555"}])
    staff, _ = site.json("sync")
    assert staff == {
        "source": "staff",
        "contacts": 2,
        "added": 1,
        "changed": 1,
        "removed": 1,
        "unchanged": 0,
        "error": None,
    }


def test_only_the_named_sources_are_pulled_each_once(site):
    assert [line["source"] for line in site.json("sync", "partners", "partners")] == ["partners"]
    assert [line["generation"] for line in site.json("sources")] == [0, 1]


def test_an_unknown_source_is_told_with_those_there_are(site):
    result = site.run("sync", "staff", "parnters")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "no source is called 'parnters' (configured: staff, partners)\n"


def test_a_source_that_fails_is_told_and_the_others_are_pulled(site):
    (site.folder / "staff.csv").unlink()
    result = site.run("sync")
    assert result.exit_code == 3
    staff, partners = result.stdout.splitlines()
    assert staff.startswith("staff\t-\t-\t-\t-\t-\t")
    assert "staff.csv: No such file or directory" in staff
    assert partners.endswith("\t-")


def test_contacts_of_a_source_that_fails_stay(site):
    site.run("sync")
    (site.folder / "staff.csv").unlink()
    site.run("sync")
    assert [line["contacts"] for line in site.json("sources")] == [2, 1]


def test_a_back_end_that_is_not_installed_is_told(site):
    site.configure({"name": "staff"}, {"name": "crm", "backend": "frob"})
    result = site.run("sync")
    assert result.exit_code == 3
    assert "no backend is installed under the name 'frob'" in result.stdout


def test_a_run_that_would_lose_too_much_is_held_until_somebody_accepts_it(site):
    site.write("staff", CROWD)
    site.run("sync", "staff")
    site.write("staff", CROWD[:50])
    held = site.run("sync", "staff")
    assert held.exit_code == 3
    assert "source 'staff' would lose 50 of its 100 contacts; kept the old ones" in held.stdout
    assert "(accept with: lookupd sync staff --accept-loss)" in held.stdout
    assert site.json("sources")[0]["contacts"] == 100
    assert "would lose 50" in site.json("sources")[0]["trouble"]
    accepted = site.run("sync", "staff", "--accept-loss")
    assert (accepted.exit_code, accepted.stdout) == (0, "staff\t50\t0\t0\t50\t50\t-\n")
    assert site.json("sources")[0]["trouble"] is None


def test_a_source_that_is_only_asked_live_is_not_pulled_and_says_so_when_named(site):
    site.configure({"name": "staff"}, {"name": "partners", "sync": False})
    assert outcomes(site) == {"staff": None}
    said = "source 'partners' has sync: false, so it is only asked live"
    assert outcomes(site, "partners") == {"partners": said}
    assert site.run("sync", "partners").exit_code == 3


def test_a_source_that_another_process_pulls_is_left_to_it(site):
    site.configure({"name": "staff"})
    [source] = Config.model_validate({"sources": [{"name": "staff", "backend": "csv"}]}).sources
    staging = site.folder / "data" / "staging"
    staging.mkdir(parents=True)
    with (staging / f"{source.uuid}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "is being synced by another process" in outcomes(site)["staff"]
    assert outcomes(site)["staff"] is None


def test_two_tenants_may_have_a_source_of_one_name(site):
    tenant = "11111111-2222-4333-8444-555555555555"
    other = {"name": "staff", "tenant": tenant, "config": {"file": "partners.csv"}}
    site.configure({"name": "staff"}, other, profiles={})
    assert [line["contacts"] for line in site.json("sync", "staff")] == [2, 1]


def test_nothing_to_pull_is_no_failure(site):
    site.configure({"name": "staff", "sync": False})
    assert (site.run("sync").exit_code, site.run("sync").stdout) == (0, "")
    assert site.json("sync") == []


@pytest.mark.parametrize("rows", [[ADA, ADA], [ADA, {**BOB, "id": "1"}], [ADA, {**BOB, "id": ""}]])
def test_odd_rows_are_no_failure(site, rows):
    site.write("staff", rows)
    assert site.run("sync", "staff").exit_code == 0


def test_everything_is_pulled_on_demand_where_changes_would_do(site):
    with Slapd(site.folder / "slapd", session_log=100) as slapd:
        person = {"objectClass": "inetOrgPerson", "cn": "Ada", "sn": "B", "telephoneNumber": "+33199001234"}
        slapd.add([(f"uid=ada,{slapd.base_dn}", {**person, "uid": "ada"})])
        columns = {"unique_column": "entryUUID", "searched_columns": ["cn"], "format_columns": {}}
        config = {"ldap_uri": slapd.url, "ldap_base_dn": slapd.base_dn}
        numbers = {"first_matched_columns": ["telephoneNumber"]}
        site.configure({"name": "staff", "backend": "ldap", "config": config, **columns, **numbers})
        for options in ((), (), ("--full",)):
            assert site.run("sync", *options).exit_code == 0
    with closing(sqlite3.connect(site.folder / "data" / "index.db")) as index:
        assert index.execute("SELECT is_full FROM run ORDER BY id").fetchall() == [(1,), (0,), (1,)]


def test_it_steps_back_before_it_pulls(site, monkeypatch):
    there = []
    monkeypatch.setattr(
        "lookupd.cli.sync.step_back", lambda: there.append((site.state.with_name("index.db")).exists())
    )
    assert site.run("sync", "staff").exit_code == 0
    assert there == [False]
