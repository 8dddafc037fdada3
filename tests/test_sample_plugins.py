"""A stranger's distribution, installed beside lookupd: its back-ends, its service and its views at work."""

import subprocess
import sys
from pathlib import Path

import pytest

from lookupd.config import DEFAULT_TENANT
from tests.process import RunningDaemon, wait_until, write_config

SAMPLE = Path(__file__).parent / "sample"

#: both rows of the sample's directory are found by these
COLUMNS = {
    "unique_column": "id",
    "searched_columns": ["name"],
    "first_matched_columns": ["number"],
    "format_columns": {"reverse": "{name}"},
}
SOURCES = [
    {"name": "guide", "backend": "dummy"},
    {"name": "plain", "backend": "dummy_sync"},
    {"name": "later", "backend": "dummy_async"},
    {"name": "never", "backend": "broken"},
]
#: a back-end beside the sample's: its contact is what it was told of the one who asks
ECHO = """\
class EchoBackend:
    def load(self, args):
        pass

    def search(self, term, args):
        return [{"name": term, **args}]

    def first_match(self, exten, args):
        return {"name": exten, **args}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A folder with the sample distribution in it, as pip leaves it."""
    folder = tmp_path_factory.mktemp("environment")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, *offline, "--target", folder, SAMPLE], check=True)
    (folder / "echo.py").write_text(ECHO, encoding="utf-8")
    distribution = folder / "echo-1.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: echo\nVersion: 1\n", encoding="utf-8"
    )
    (distribution / "entry_points.txt").write_text(
        "[lookupd.backends]\necho = echo:EchoBackend\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def daemon(environment, tmp_path_factory):
    """The real daemon in that environment, once every source that can be synced is."""
    names = {"sources": [source["name"] for source in SOURCES]}
    echo = {"name": "echo", "backend": "echo", "sync": False, "searched_columns": ["user_uuid", "token"]}
    profiles = {
        "default": {"lookup": names, "reverse": names},
        "echo": {"lookup": {"sources": ["echo"]}, "reverse": {"sources": ["echo"]}},
    }
    sources = [*({**COLUMNS, **source} for source in SOURCES), {**echo, "first_matched_columns": []}]
    file = write_config(tmp_path_factory.mktemp("daemon"), *sources, profiles=profiles)
    with RunningDaemon(file, path=[environment]) as daemon:
        wait_until(lambda: all(contacts(daemon, name) for name in ("guide", "plain", "later")), "the sync")
        yield daemon


def status(daemon):
    code, body = daemon.get("/0.1/status")
    assert code == 200
    return body


def contacts(daemon, source):
    return status(daemon)["sources"][source]["contacts"]


# --- the views


def test_the_view_of_the_guide_answers(daemon):
    assert daemon.get("/0.1/directories/ping") == (200, {"message": "pong"})


def test_a_view_gets_what_the_service_loaded_and_the_service_knows_the_sources(daemon):
    names = sorted(["echo", *(source["name"] for source in SOURCES)])
    assert daemon.get("/0.1/directories/dummy/x")[1]["list"] == ["one", "two", *names]


def test_a_path_variable_in_flasks_way_and_a_status_beside_the_value_work(daemon):
    code, body = daemon.get("/0.1/directories/dummy/caf%C3%A9%20x")
    assert (code, body["word"]) == (203, "café x")


def test_a_view_that_breaks_halfway_serves_nothing_and_says_why(daemon):
    assert daemon.get("/0.1/directories/half")[0] == 404
    assert status(daemon)["plugins"] == {
        "view half": {"status": "fail", "trouble": "RuntimeError: no second half"}
    }


def test_the_built_in_views_are_served_beside_the_strangers(daemon):
    assert daemon.get("/live") == (200, {"status": "ok"})


# --- the back-ends


def test_the_back_end_of_the_guide_is_synced_by_searching(daemon):
    guide = status(daemon)["sources"]["guide"]
    assert (guide["status"], guide["backend"], guide["contacts"]) == ("ok", "dummy", 2)
    assert guide["last_run"]["outcome"] == "succeeded"


@pytest.mark.parametrize("exten", ["+33199007701", "0199007701", "0033 1 99 00 77 01"])
def test_the_back_end_of_the_guide_names_callers(daemon, exten):
    assert daemon.caller(exten) == "Alice Dummy"


def test_the_back_end_of_the_guide_answers_in_full(daemon):
    code, body = daemon.get("/0.1/directories/reverse/default/u?exten=0199007702")
    fields = {"id": 2, "name": "Bob Dummy", "number": "01 99 00 77 02", "reverse": "Bob Dummy"}
    found = {"display": "Bob Dummy", "exten": "0199007702", "fields": fields, "source": "guide"}
    assert (code, body) == (200, found)


def test_the_back_end_of_the_guide_is_looked_up(daemon):
    results = daemon.get("/0.1/directories/lookup/default?term=dum")[1]["results"]
    assert [result["column_values"] for result in results] == [
        ["Alice Dummy", "+33 1 99 00 77 01"],
        ["Bob Dummy", "01 99 00 77 02"],
    ]
    assert {(result["source"], result["backend"]) for result in results} == {("guide", "dummy")}
    assert [result["relations"]["source_entry_id"] for result in results] == ["1", "2"]


def test_sync_and_async_back_ends_serve_alike(daemon):
    results = daemon.get("/0.1/directories/lookup/default?term=carol")[1]["results"]
    assert [result["source"] for result in results] == ["plain", "later"]
    assert daemon.caller("0199007707") == "Carol Typed"


def test_a_back_end_that_cannot_be_imported_is_reported_with_its_reason(daemon):
    never = status(daemon)["sources"]["never"]
    assert (never["status"], never["state"], never["contacts"]) == ("fail", "failed", 0)
    assert "backend 'broken' cannot be imported" in never["trouble"]
    assert "NoSuchClass" in never["trouble"]


def test_every_back_end_installed_is_listed(daemon):
    names = [item["name"] for item in daemon.get("/0.1/backends")[1]["items"]]
    assert {"broken", "csv", "dummy", "dummy_async", "dummy_sync"} <= set(names)


def test_a_back_end_is_told_who_asks_for_a_number(daemon):
    path = "/0.1/directories/reverse/echo/8a2c?exten=0199001234"
    fields = daemon.get(path, **{"X-Auth-Token": "secret"})[1]["fields"]
    assert (fields["user_uuid"], fields["token"]) == ("8a2c", "secret")
    assert fields["token_infos"] == {"tenant_uuid": DEFAULT_TENANT, "xivo_user_uuid": "8a2c"}
    assert fields["tenant_uuid"] == DEFAULT_TENANT


@pytest.mark.parametrize(("path", "user"), [("echo", None), ("echo/8a2c", "8a2c")])
def test_a_back_end_is_told_who_asks_for_a_name(daemon, path, user):
    body = daemon.get(f"/0.1/directories/lookup/{path}?term=x", **{"X-Auth-Token": "secret"})[1]
    assert [result["column_values"] for result in body["results"]] == [[user, "secret"]]


# --- what a type checker says

WRONG = """\
from collections.abc import Sequence

from lookupd import BaseSourcePlugin, QueryArgs, Row, SourceArgs


class WrongBackend(BaseSourcePlugin):
    def load(self, args: SourceArgs, /) -> None: ...

    def search(self, term: str, args: QueryArgs, /) -> str:
        return term

    async def first_match(self, exten: str, args: QueryArgs, /) -> Sequence[Row]:
        return []
"""


@pytest.fixture(scope="module")
def complaints(pytestconfig, tmp_path_factory):
    """What `mypy --strict` says about the typed sample and about a wrong back-end, line by line."""
    wrong = tmp_path_factory.mktemp("typing") / "wrong.py"
    wrong.write_text(WRONG, encoding="utf-8")
    cache = pytestconfig.cache.mkdir("lookupd-mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", cache]
    typed = SAMPLE / "lookupd_sample" / "typed.py"
    done = subprocess.run([*command, typed, wrong], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_typed_plugin_passes_a_strict_type_checker_in_both_styles(complaints):
    assert [line for line in complaints if "typed.py" in line] == []
    assert complaints[-1].endswith("(checked 2 source files)")


def test_a_method_that_returns_something_else_does_not_pass(complaints):
    found = [line for line in complaints if "wrong.py" in line and "error:" in line]
    assert len(found) == 2
    for line, method in zip(found, ("search", "first_match"), strict=True):
        assert "Return type" in line
        assert f'of "{method}" incompatible' in line
        assert line.endswith("[override]")
