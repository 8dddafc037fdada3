"""What the documentation shows is what happens: its commands are run, and their outputs compared."""

from __future__ import annotations

import re
import shlex
import shutil
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import chain

import aiohttp
import pytest
from click.testing import CliRunner

from lookupd import configfile
from lookupd.cli import main
from lookupd.config import DEFAULT_TENANT
from lookupd.daemon import Daemon
from lookupd.index import database
from lookupd.loader import Loader
from lookupd.sources import Sources
from lookupd.state.tokens import Tokens
from lookupd.sync.paths import paths
from lookupd.sync.run import Run
from tests.document import ROOT, blocks, curl, examples, logging_as_it_was, read, settled

#: where `make run` answers
URL = "http://127.0.0.1:9489"
#: where the demo lies
SHOWN = "etc/lookupd/demo"


@pytest.fixture
def demo(tmp_path):
    """The demo's folder, with its data beside it, on a free port."""
    folder = shutil.copytree(ROOT / "etc" / "lookupd" / "demo", tmp_path / "demo")
    (folder / "conf.d").mkdir(exist_ok=True)
    add(folder, "here.yml", "{data: data, http: {port: 0}}")
    return folder


@pytest.fixture(autouse=True)
def _logging_as_it_was():
    with logging_as_it_was():
        yield


def add(folder, name, text):
    (folder / "conf.d" / name).write_text(text, encoding="utf-8")


@asynccontextmanager
async def daemon(folder):
    """A daemon on a folder, in which all sources are synced; and a client of it."""
    config = configfile.read(folder / "config.yml")
    database.prepare(paths(config).index)
    sources = Sources(config, Loader())
    for source in sources:
        if source.settings.sync is not None:
            await source.open()
            await Run(source, source.settings.sync, paths(config)).run()
    await sources.close()
    async with AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        running = Daemon(config, folder / "config.yml")
        await running.start(stack, with_sync=False)
        yield running, session


async def asked(folder, shown, **variables):
    """What the curl commands of some blocks print here, beside what the documentation says."""
    actual, expected = [], []
    async with daemon(folder) as (running, session):
        for example in chain.from_iterable(map(examples, shown)):
            command = example.command.replace(URL, running.url)
            for name, value in variables.items():
                command = command.replace(f"${name}", value)
            output = (await curl(session, command)).replace(str(folder), SHOWN)
            actual.append((example.command, settled(output)))
            expected.append((example.command, settled(example.output)))
    return actual, expected


async def test_the_answers_in_http_md_are_what_the_demo_answers(demo):
    text = read("docs/http.md")
    [tired] = blocks(text, "yaml", "tired")
    add(demo, "tired.yml", tired.text)
    actual, expected = await asked(demo, blocks(text, "console", ""))
    assert actual == expected


async def test_the_tokens_in_http_md_may_do_what_it_says(demo):
    add(demo, "tokens.yml", "auth: {mode: token}")
    scopes = ("dird.directories.reverse.#",)
    with_tokens = Tokens(demo / "data" / "state.db")
    _, secret = with_tokens.add("pbx", tenant=DEFAULT_TENANT, user=None, scopes=scopes, now=datetime.now(UTC))
    with_tokens.close()
    actual, expected = await asked(demo, blocks(read("docs/http.md"), "console", "tokens"), TOKEN=secret)
    assert actual == expected


async def test_the_answers_in_the_readme_are_what_the_demo_answers(demo):
    actual, expected = await asked(demo, blocks(read("README.md"), "console", "demo"))
    assert len(expected) == 3
    assert actual == expected


def typed(command, known):
    """What a command of the documentation prints here, with the names that were made up earlier."""
    for shown, real in known.items():
        command = command.replace(shown, real)
    line, _, echo = command.partition("; ")
    result = CliRunner().invoke(main, shlex.split(line)[1:], prog_name="lookupd")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output + (f"exit {result.exit_code}" if echo else "")


def test_the_outputs_in_commands_md_are_what_the_commands_print(demo, monkeypatch):
    monkeypatch.setenv("LOOKUPD_CONFIG", str(demo / "config.yml"))
    actual, expected, ids = [], [], {}
    for example in chain.from_iterable(map(examples, blocks(read("docs/commands.md"), "console"))):
        output = typed(example.command, ids)
        if "token add" in example.command:
            ids = {example.output.split()[1]: output.split()[1]}
        actual.append((example.command, settled(output.replace(str(demo), SHOWN))))
        expected.append((example.command, settled(example.output)))
    assert actual == expected


CONFIGURATIONS = [
    pytest.param(name, block, id=f"{name}-{number}")
    for name in ("README.md", "docs/configuration.md", "docs/backends.md")
    for number, block in enumerate(blocks(read(name), "yaml"))
]


@pytest.mark.parametrize(("name", "shown"), CONFIGURATIONS)
def test_configurations_in_the_documentation_have_no_mistakes(name, shown, tmp_path):
    """One of `conf.d` is laid over the first of its page."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "ldap-password").write_text("planted\n")
    main_text = blocks(read(name), "yaml")[0].text if shown.info == "conf.d" else shown.text
    for file, text in (("config.yml", main_text), ("conf.d/more.yml", shown.text)):
        secret = re.sub(r"(password: \{file: )[^}]+", rf"\1{tmp_path}/ldap-password", text)
        (tmp_path / file).write_text(secret, encoding="utf-8")
    result = CliRunner().invoke(main, ["-c", str(tmp_path / "config.yml"), "check"])
    assert (result.exit_code, "no mistakes" in result.output) == (0, True), result.output
