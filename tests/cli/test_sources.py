"""`lookupd sources`: how each one is doing."""

import itertools
import json
import re
import socket
import subprocess

import pytest

from lookupd import control
from tests.cli.conftest import CROWD
from tests.fakes import ADA, BOB
from tests.process import RunningDaemon, lookupd, wait_until, write_config


def test_sources_that_were_never_pulled_are_listed(site):
    result = site.run("sources")
    assert result.exit_code == 0
    assert result.stdout == "staff\tcsv\t0\t0\t-\t-\t-\t-\t-\npartners\tcsv\t0\t0\t-\t-\t-\t-\t-\n"


def test_sources_are_listed_with_what_the_index_holds(site):
    site.run("sync", "staff")
    staff, partners = site.json("sources")
    assert {**staff, "synced": None} == {
        "source": "staff",
        "backend": "csv",
        "contacts": 2,
        "generation": 1,
        "synced": None,
        "freshness": "fresh",
        "breaker": None,
        "search_breaker": None,
        "trouble": None,
    }
    assert staff["synced"] is not None
    assert partners["synced"] is None


def test_what_is_wrong_with_a_source_is_told(site):
    (site.folder / "staff.csv").unlink()
    site.run("sync")
    staff, partners = site.json("sources")
    assert "staff.csv: No such file or directory" in staff["trouble"]
    assert partners["trouble"] is None
    assert site.run("sources").exit_code == 0


def test_the_runs_of_a_source_are_listed_the_newest_first(site):
    site.run("sync", "staff")
    (site.folder / "staff.csv").unlink()
    site.run("sync", "staff")
    site.write("staff", CROWD)
    site.run("sync", "staff")
    runs = site.json("sources", "--runs", "staff")
    assert [run["outcome"] for run in runs] == ["succeeded", "failed", "succeeded"]
    assert (runs[0]["added"], runs[0]["removed"]) == (100, 2) or (runs[0]["added"], runs[0]["changed"]) == (
        98,
        2,
    )
    assert "No such file" in runs[1]["error"]
    assert runs[2]["error"] is None
    assert all(run["seconds"] >= 0 and run["started"] for run in runs)


def test_what_was_odd_about_a_run_is_told(site):
    site.write("staff", [ADA, {**BOB, "id": ""}, {**BOB, "id": "1"}])
    site.run("sync", "staff")
    [run] = site.json("sources", "--runs", "staff")
    assert run["outcome"] == "succeeded"
    assert "1 rows have nothing in 'id'" in run["error"]
    assert "1 rows share their 'id'" in run["error"]


def test_a_source_that_was_never_pulled_has_no_runs(site):
    assert site.json("sources", "--runs", "staff") == []
    assert site.run("sources", "--runs", "staff").stdout == ""


def test_an_unknown_source_is_told_with_those_there_are(site):
    result = site.run("sources", "--runs", "stuff")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "no source is called 'stuff' (configured: staff, partners)\n"


def test_beside_a_daemon_the_breaker_of_each_source_is_told(tmp_path):
    nobody = {"ldap_uri": "ldap://127.0.0.1:1", "ldap_base_dn": "dc=example,dc=com"}
    config = write_config(tmp_path, {"name": "gone", "backend": "ldap", "config": nobody, "sync": False})
    with RunningDaemon(config) as daemon:
        numbers = itertools.count(199001000)

        def is_left_alone():
            daemon.caller(f"+33{next(numbers)}")
            return daemon.get("/0.1/status")[1]["sources"]["gone"]["live"]["breaker"] == "open"

        wait_until(is_left_alone)
        listed = subprocess.run(lookupd(config, "sources", "--json"), capture_output=True, check=True)
    [line] = json.loads(listed.stdout)
    assert re.fullmatch(r"open, asked again (in [1-9][0-9]* s|with the next question)", line["breaker"])
    assert line["search_breaker"] == "closed"
    assert "Connection refused" in line["trouble"]


def test_a_daemon_that_does_not_answer_is_told_and_the_index_still_listed(site):
    site.run("sync", "staff")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(site.state.with_name(control.NAME)))
        silent.listen()
        result = site.run("sources")
    assert result.exit_code == 0
    assert "the daemon did not answer within 2 s" in result.stderr
    assert result.stdout.startswith("staff\tcsv\t2\t1\t")


async def test_no_daemon_is_no_mistake(tmp_path):
    assert await control.conditions(tmp_path) is None
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / control.NAME))
    assert await control.conditions(tmp_path) is None


async def test_a_socket_that_is_none_is_told(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(tmp_path / control.NAME))
        with pytest.raises(control.NoWord, match="the daemon cannot be asked"):
            await control.conditions(tmp_path)
