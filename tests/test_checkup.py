"""What is found wrong with the settings of back-ends, and with the directories behind them."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from lookupd import SourceError, checkup
from lookupd.errors import PluginBroken
from lookupd.loader import Loader
from lookupd.sources import Sources
from tests.fakes import ADA, BOB, Directory, FakeLoader, config_of, source_of

CANARY = "canary-Xq7%"


class Settings(BaseModel):
    uri: str
    port: int = Field(389, alias="tcp_port")
    mode: Literal["fast", "slow"] = "fast"
    password: str | None = None
    age: int = Field(1, validation_alias=AliasChoices("age", "years"))

    @field_validator("password")
    @classmethod
    def _is_long(cls, value):
        if len(value) < 50:
            raise ValueError(f"the password {value!r} is too short")
        return value

    @model_validator(mode="after")
    def _fits(self):
        if self.mode == "slow" and self.port == 1:
            raise ValueError("nobody is so slow")
        return self


class OneBackend(Loader):
    """Knows one class of back-end, under any name; or why there is none."""

    def __init__(self, plugin_class):
        super().__init__()
        self._class = plugin_class

    def plugin_class(self, kind, name):
        if isinstance(self._class, Exception):
            raise self._class
        return self._class


def backend_of(model):
    return type("Backend", (), {"config_model": model})


def mistakes(own, model=Settings, **more):
    """The mistakes of one source with these settings."""
    config = config_of({"name": "a", "config": own, **more})
    loader = OneBackend(backend_of(model))
    return checkup.mistakes(config, Sources(config, loader), loader)


def strict(extra):
    return type("Strict", (Settings,), {"model_config": ConfigDict(extra=extra)})


def test_right_settings_are_no_mistake():
    assert mistakes({"uri": "x", "tcp_port": 2, "age": 3}) == []


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({}, ["config.uri: is required"]),
        ({"uri": "x", "ulr": 1}, ["config.ulr: unknown key (did you mean 'uri'?)"]),
        ({"uri": "x", "zzz": 1}, ["config.zzz: unknown key"]),
        ({"uri": "x", "mode": "f"}, ["config.mode: Input should be 'fast' or 'slow'"]),
        (
            {"tcp_port": "x"},
            [
                "config.uri: is required",
                "config.tcp_port: Input should be a valid integer, unable to parse string as an integer",
            ],
        ),
        ({"uri": "x", "mode": "slow", "tcp_port": 1}, ["config: nobody is so slow"]),
        ({"uri": "x", "unique_column": "id"}, ["config.unique_column: stands beside config, not in it"]),
        ({"uri": "x", "name": "b"}, ["config.name: stands beside config, not in it"]),
    ],
)
def test_mistakes_are_told_all_at_once_with_their_keys(own, said):
    assert mistakes(own) == [f"sources.0.{line}" for line in said]


@pytest.mark.parametrize(("extra", "unknown"), [("forbid", 1), ("ignore", 1), ("allow", 0)])
def test_an_unknown_key_is_told_once_unless_the_back_end_takes_any(extra, unknown):
    assert len(mistakes({"uri": "x", "zzz": 1}, strict(extra))) == unknown
    assert mistakes({"uri": "x"}, strict(extra)) == []


def test_a_generic_key_that_the_back_end_refuses_is_told_where_it_stands():
    class Picky(Settings):
        unique_column: Literal["uid"]

    assert mistakes({"uri": "x"}, Picky) == ["sources.0.unique_column: Input should be 'uid'"]


def test_mistakes_of_all_sources_are_told():
    config = config_of({"name": "a"}, {"name": "b", "config": {"uri": "x", "zzz": 1}})
    loader = OneBackend(backend_of(Settings))
    found = checkup.mistakes(config, Sources(config, loader), loader)
    assert found == ["sources.0.config.uri: is required", "sources.1.config.zzz: unknown key"]


@pytest.mark.parametrize(
    "own",
    [
        {"uri": "x", "password": CANARY},
        {"password": CANARY},
        {"uri": "x", "password": [CANARY]},
        {"uri": "x", "mode": "slow", "tcp_port": 1, "age": CANARY, "password": CANARY},
        {"uri": 5, "tcp_port": {"password": CANARY}},
    ],
)
def test_no_mistake_shows_a_secret(own):
    found = mistakes(own)
    assert found
    assert "canary" not in " ".join(found)


@pytest.mark.parametrize("model", [None, dict, "Settings"])
def test_a_back_end_without_a_model_takes_anything_but_the_generic_keys(model):
    assert mistakes({"zzz": 1}, model) == []
    assert mistakes({"region": "FR"}, model) == ["sources.0.config.region: stands beside config, not in it"]


def test_a_model_that_breaks_is_told_and_breaks_nothing():
    class Broken(BaseModel):
        uri: str = ""

        @field_validator("uri")
        @classmethod
        def _breaks(cls, value):
            raise KeyError(value)

    said = "sources.0.config: cannot be checked: its back-end raised KeyError"
    assert mistakes({"uri": CANARY}, Broken) == [said]


def test_a_back_end_that_cannot_be_used_is_told_apart_from_mistakes():
    config = config_of({"name": "a"})
    loader = OneBackend(PluginBroken("backend 'a' cannot be imported"))
    assert checkup.mistakes(config, Sources(config, loader), loader) == []
    assert checkup.unusable(config, loader) == ["sources.0.backend: backend 'a' cannot be imported"]
    assert checkup.unusable(config, OneBackend(object)) == []


# --- asking for real


async def report(source, *patience):
    try:
        return await checkup.ask(source, *patience)
    finally:
        await source.close()


async def test_a_directory_is_asked_once_and_counted():
    found = await report(source_of(Directory(rows=[ADA, BOB])))
    assert (found.source, found.backend, found.is_well, found.error) == ("fake", "fake", True, None)
    assert (found.hits, found.rows) == (1, 2)
    assert found.search_ms >= 0
    assert found.list_seconds >= 0


async def test_rows_that_no_contact_can_hold_are_counted_too():
    found = await report(source_of(Directory(rows=[ADA, {"id": "3", "photo": b"\xff"}])))
    assert found.rows == 2


async def test_a_directory_that_is_only_asked_live_need_not_be_listed():
    directory = Directory(rows=[ADA])
    found = await report(source_of(directory, sync=False))
    assert (found.is_well, found.hits, found.rows, found.list_seconds) == (True, 1, None, None)
    assert [method for method, _ in directory.asked] == ["search"]


async def test_a_directory_that_does_not_answer_is_told_with_what_it_said():
    found = await report(source_of(Directory(error=SourceError("the server is down"))))
    assert not found.is_well
    assert found.error == "the server is down"
    assert (found.hits, found.rows, found.search_ms) == (None, None, None)


async def test_a_directory_that_does_not_load_is_told_with_what_it_said():
    found = await report(source_of(Directory(load_error=SourceError("no such host"))))
    assert not found.is_well
    assert "no such host" in found.error


async def test_a_back_end_that_is_not_installed_is_told():
    config = config_of({"name": "missing"})
    [source] = Sources(config, FakeLoader())
    found = await report(source)
    assert not found.is_well
    assert "no backend is installed under the name 'missing'" in found.error


async def test_a_directory_that_hangs_is_not_waited_for_forever():
    found = await report(source_of(Directory(gate=asyncio.Event())), timedelta(milliseconds=20))
    assert not found.is_well
    assert " within " in found.error


# --- views


@pytest.mark.parametrize(
    ("views", "said"),
    [
        ({}, []),
        ({"caller_id": {"length": 20, "profile": "default"}, "dird": False, "fastagi": True}, []),
        ({"health": {"anything": 1}}, []),  # it takes no settings, and says nothing of any
        ({"caller_id": {"lenght": 20}}, ["caller_id.lenght: unknown key (did you mean 'length'?)"]),
        (
            {"caller_id": {"length": "long", "zzz": 1}},
            [
                "caller_id.zzz: unknown key",
                "caller_id.length: Input should be a valid integer, unable to parse string as an integer",
            ],
        ),
        (
            {"caller_id": {"profile": "defualt"}},
            ["caller_id.profile: no profile is called 'defualt' (did you mean 'default'?)"],
        ),
        ({"caller_id": 5}, ["caller_id: must be a mapping of keys, or true or false"]),
        ({"fastagi": {"prot": 4573}}, ["fastagi.prot: unknown key (did you mean 'port'?)"]),
    ],
)
def test_mistakes_in_the_settings_of_views_are_told(views, said):
    config = config_of({"name": "a"}, views=views)
    assert checkup.view_mistakes(config, Loader()) == [f"views.{line}" for line in said]


def test_a_view_whose_settings_cannot_be_looked_at_says_so():
    class Odd(BaseModel):
        @model_validator(mode="before")
        @classmethod
        def _fail(cls, _values):
            raise RuntimeError("a mistake of its author")

    config = config_of({"name": "a"}, views={"odd": {}})
    found = checkup.view_mistakes(config, OneBackend(backend_of(Odd)))
    assert found == ["views.odd: cannot be checked: the view raised RuntimeError"]


def test_a_view_that_is_not_installed_is_told():
    config = config_of({"name": "a", "backend": "csv"}, views={"calerid": {}, "dird": True})
    [line] = checkup.unusable(config, Loader())
    assert line.startswith("views.calerid: no view is installed under the name 'calerid' (installed: ")
    assert line.endswith(" (did you mean 'caller_id'?)")


@pytest.mark.parametrize(
    ("source", "more", "said"),
    [
        ({}, {}, []),
        ({}, {"sources": []}, ["without sources and profiles nobody has a name"]),
        (
            {"first_matched_columns": []},
            {},
            ["sources.0.first_matched_columns: is empty, so no number leads to its contacts"],
        ),
        ({"first_matched_columns": [], "sync": False}, {}, []),  # its back-end may know better
        ({}, {"region": None}, ["region: is not set, so source 'a' has no national numbers"]),
        ({"region": "DE"}, {"region": None}, []),
        (
            {},
            {"profiles": {"p": {"lookup": {"sources": ["a"]}}}},
            ["profiles.p.reverse.sources: is empty: no caller has a name"],
        ),
        (
            {},
            {"profiles": {"p": {"tenant": "2c34c282-433e-4bb8-8d56-fec14ff7e1e9"}}},
            [
                "sources.0: is in no profile, so nobody asks it",
                "profiles.p.reverse.sources: is empty: no caller has a name",
            ],
        ),
    ],
)
def test_doubts_are_told(source, more, said):
    if more.get("sources") == []:
        more = {**more, "profiles": {}}
    told = [*checkup.doubts(config_of({"name": "a", **source}, **more))]
    assert [line.removeprefix(": ") for line in told] == said
