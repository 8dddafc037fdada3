"""The documentation names everything there is, and nothing else: keys, commands, routes, modules, links."""

from __future__ import annotations

import configparser
import re
import subprocess
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import entry_points
from typing import Annotated, get_args, get_origin

import aiohttp
import click
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner
from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticUndefined

from lookupd import cli, configfile
from lookupd.auth import Everybody, TokenHolders
from lookupd.cli.main import FAILED, NOT_FOUND, UNUSABLE, WRONG
from lookupd.config import DEFAULT_TENANT, Config
from lookupd.desk import Desk
from lookupd.guest import Guests
from lookupd.index import database
from lookupd.rest import RestApi
from lookupd.serving import add_routes
from lookupd.state.tokens import Token
from lookupd.sync.paths import paths
from tests.document import ROOT, blocks, logging_as_it_was, read, sections, without_blocks
from tests.fakes import Clock, config_of

PAGES = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
EXAMPLE = "etc/lookupd/config.yml"


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    with logging_as_it_was():
        yield


def inside(annotation):
    """How the keys of a section go on in a field ("[]": a list, ".<name>": a mapping), and that section."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "", annotation
    if get_origin(annotation) in {tuple, dict}:
        step = "[]" if get_origin(annotation) is tuple else ".<name>"
        further, section = inside(get_args(annotation)[-1 if step != "[]" else 0])
        return step + further, section
    found = [inside(part) for part in get_args(annotation)]
    return next((one for one in found if one[1]), ("", None))


def fields(section=Config, at=""):
    """Every key of the configuration that holds a value or can be switched off, with its field."""
    for name, field in section.model_fields.items():
        step, further = inside(field.annotation)
        if further is None or type(None) in get_args(field.annotation):
            yield at + name, field
        if further is not None:
            yield from fields(further, f"{at}{name}{step}.")


def keys_of(tree, section=Config, at=""):
    """The same for the keys that a file gives."""
    for name, value in tree.items():
        step, further = inside(section.model_fields[name].annotation)
        if further is None or type(None) in get_args(section.model_fields[name].annotation):
            yield at + name
        if further is not None:
            for part in parts(value, step):
                yield from keys_of(part, further, f"{at}{name}{step}.")


def parts(value, step):
    if step.startswith("[]"):
        return [part for item in value for part in parts(item, step[2:])]
    if step.startswith(".<name>"):
        return [part for item in value.values() for part in parts(item, step[7:])]
    return [value]


FIELDS = dict(fields())
HEADINGS = sections(read("docs/configuration.md"), 3)


def test_every_key_has_its_heading_and_every_heading_is_a_key():
    assert sorted(HEADINGS) == sorted(FIELDS)


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_the_default_in_the_documentation_is_the_default(key):
    field = FIELDS[key]
    default = field.get_default(call_default_factory=True)
    said = re.search(r"(required|default (?:`(.+?)`|none|on))[.,]", HEADINGS.get(key, ""))
    assert said, f"{key}: says neither 'required' nor 'default ...'"
    if default is PydanticUndefined or default is None or isinstance(default, BaseModel):
        words = {PydanticUndefined: "required", None: "default none"}
        assert said[1] == ("default on" if isinstance(default, BaseModel) else words[default])
        return
    kind = Annotated[field.annotation, None, *field.metadata]
    assert TypeAdapter(kind).validate_python(yaml.safe_load(said[2])) == default


def test_the_example_configuration_has_no_mistakes():
    result = CliRunner().invoke(cli.main, ["-c", str(ROOT / EXAMPLE), "check"])
    assert result.exit_code == 0, result.output


@pytest.fixture
def whole_example(tmp_path):
    """The example with every key that is commented out in it."""
    secret = tmp_path / "ldap-password"
    secret.write_text("planted\n")
    text = re.sub(r"(?m)^( *)#(?=\S)", r"\1", read(EXAMPLE))
    file = tmp_path / "config.yml"
    file.write_text(text.replace("/etc/lookupd/ldap-password", str(secret)))
    return file


def test_the_example_configuration_has_no_mistakes_in_what_is_commented_out(whole_example):
    result = CliRunner().invoke(cli.main, ["-c", str(whole_example), "check"])
    assert result.exit_code == 0, result.output


def test_the_example_configuration_has_every_key(whole_example):
    tree = yaml.safe_load(whole_example.read_text())
    assert set(keys_of(tree)) == set(FIELDS)


@pytest.mark.parametrize("key", ["http.port", "sources[].sync.every", "profiles.<name>.reverse.timeout"])
def test_what_is_commented_out_in_the_example_is_the_default(key, whole_example):
    whole = configfile.read(whole_example)
    shown = {
        "http.port": whole.http.port,
        "sources[].sync.every": whole.sources[0].sync.every,
        "profiles.<name>.reverse.timeout": whole.profiles["default"].reverse.timeout,
    }
    assert shown[key] == FIELDS[key].default


def test_mistakes_are_told_as_the_documentation_shows(tmp_path):
    file = tmp_path / "config.yml"
    source = "{name: staff, backend: csv, sync: {every: 5x}, live: {timeuot: 1s}}"
    file.write_text(f"region: XX\nsources: [{source}]\n")
    [shown] = blocks(read("docs/configuration.md"), "text")
    result = CliRunner().invoke(cli.main, ["-c", str(file), "check"])
    assert (result.exit_code, result.output) == (WRONG, shown.text)


def commands(command, name="lookupd"):
    """Every command with its full name."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for sub in command.list_commands(context):
            yield from commands(command.get_command(context, sub), f"{name} {sub}")


COMMANDS = dict(commands(cli.main))
MANUAL = {
    title: body.split("\n### ")[0]
    for level in (2, 3)
    for title, body in sections(read("docs/commands.md"), level).items()
    if title.split()[0] == "lookupd"
}


def test_every_command_has_its_heading_and_every_heading_is_a_command():
    assert sorted(MANUAL) == sorted(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_and_argument_is_in_the_manual_and_nothing_else(name):
    command = COMMANDS[name]
    described = set(re.findall(r"--[\w-]+", "".join(re.findall(r"(?m)^\| `.*? \|", MANUAL[name]))))
    options = {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
    assert described - {"--help"} == options
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    for argument in arguments:
        assert f"| `{argument.make_metavar(click.Context(command))}` |" in MANUAL[name]


def test_the_manual_has_every_exit_code():
    table = sections(read("docs/commands.md"), 2)["Exit codes"]
    assert [int(code) for code in re.findall(r"(?m)^\| (\d) \|", table)] == [
        0,
        NOT_FOUND,
        WRONG,
        FAILED,
        UNUSABLE,
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["sources"], 0),
        (["reverse", "anonymous"], NOT_FOUND),
        (["reverse", "--profile", "nobodys", "0123456789"], WRONG),
        (["reverse", "0123456789"], FAILED),
        (["sync"], FAILED),
        (["token", "list"], UNUSABLE),
    ],
)
def test_each_exit_code_means_what_the_manual_says(arguments, code, tmp_path):
    file = tmp_path / "config.yml"
    file.write_text(
        "data: data\n"
        "sources: [{name: gone, backend: csv, config: {file: gone.csv}}]\n"
        "profiles: {default: {reverse: {sources: [gone]}}}\n"
    )
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "state.db").write_text("this is no database")
    assert CliRunner().invoke(cli.main, ["-c", str(file), *arguments]).exit_code == code


class TokensWithScopes:
    """A token of this store may do what its secret says."""

    def find(self, secret):
        now = Clock()()
        return Token(
            id="1", name=secret, tenant=DEFAULT_TENANT, user=None, scopes=tuple(secret.split()),
            created_at=now, revoked_at=None,
        )  # fmt: skip


@asynccontextmanager
async def views(folder, authenticator):
    """Our own views on an empty index, as an aiohttp application."""
    config = config_of(data=folder)
    database.prepare(paths(config).index)
    async with AsyncExitStack() as stack:
        desk = await Desk.open(stack, config)
        app, own = web.Application(), web.Application()
        guests = Guests(config.guests, None, authenticator, lambda: 0.0)
        for name in [
            point.name for point in entry_points(group="lookupd.views") if point.dist.name == "lookupd"
        ]:
            args = {"config": {}, "services": desk.services, "http_app": own, "guests": guests}
            desk.loader.plugin("view", name).load({**args, "rest_api": RestApi(own, authenticator)})
        add_routes(app, own.router.resources())
        yield app


ROUTES = {
    title: re.search(r"Access: `(.+?)`|Public\.|For guests\.", body)
    for title, body in sections(read("docs/http.md"), 3).items()
}


async def test_every_route_has_its_heading_and_every_heading_is_a_route(tmp_path):
    async with views(tmp_path, Everybody()) as app:
        served = {(route.method, route.resource.canonical.rstrip("/")) for route in app.router.routes()}
    # What guests may ask has a path with a secret besides.
    with_secret = {(method, path) for method, path in served if path.startswith("/p/{secret}/")}
    assert {(method, path.removeprefix("/p/{secret}")) for method, path in with_secret} <= served
    served -= with_secret
    gets = {path for method, path in served if method == "GET"}
    wanted = {f"{method} {path}" for method, path in served if method != "HEAD" or path not in gets}
    assert sorted(ROUTES) == sorted(wanted)


@pytest.mark.parametrize("title", sorted(ROUTES))
async def test_a_route_needs_the_access_that_the_documentation_names(title, tmp_path):
    method, path = re.sub(r"\{(\w+)\}", r"\1", title.replace("{vendor}", "cisco")).split()
    access = ROUTES[title][1]
    scopes = {"": not access}
    if access is not None:
        words = re.sub(r"\{(\w+)\}", r"\1", access)
        scopes |= {words: True, f"# !{words}": False}
    authenticator = TokenHolders(TokensWithScopes(), lambda: 0.0)
    async with (
        views(tmp_path, authenticator) as app,
        TestServer(app) as server,
        aiohttp.ClientSession() as session,
    ):
        for scope, is_admitted in scopes.items():
            headers = {"X-Auth-Token": scope}
            async with session.request(method, server.make_url(path), headers=headers) as reply:
                assert (reply.status != 401) is is_admitted, scope


def test_every_module_has_its_line_in_the_architecture():
    table = sections(read("docs/architecture.md"), 2)["Where things are"]
    named = {name.removeprefix("lookupd/").rstrip("/") for name in re.findall(r"`([\w./]+)`", table)}
    there = {path.name for path in (ROOT / "lookupd").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert there - {"__pycache__", "__main__.py"} <= named
    assert {name for name in named if name.endswith(".py")} <= there


def slug(heading):
    """The anchor that renderers make of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page):
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", without_blocks(read(page))):
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        assert file.exists(), target
        headings = re.findall(r"(?m)^#+ (.+)$", file.read_text(encoding="utf-8")) if anchor else []
        assert not anchor or anchor in map(slug, headings), target


def test_the_readme_is_short_and_leads_to_every_page():
    text = read("README.md")
    assert len(text.splitlines()) < 150
    assert [page for page in PAGES if page != "README.md" and f"({page})" not in text] == []


def test_the_changelog_has_one_unreleased_section():
    assert re.findall(r"(?m)^## (.+)$", read("CHANGELOG.md"))[0] == "[Unreleased]"


UNIT = "etc/systemd/lookupd.service"


def test_the_unit_does_not_start_a_wrong_configuration_again():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(read(UNIT))
    assert unit["Service"]["ExecStart"].endswith("lookupd serve")
    assert unit["Service"]["RestartPreventExitStatus"] == str(WRONG)


def test_the_unit_is_hardened():
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(ROOT / UNIT)]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout[-200:]
