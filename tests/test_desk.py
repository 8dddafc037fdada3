"""All that answers questions, without the network: what loads is used, and what does not is told."""

from contextlib import AsyncExitStack

import pytest

from lookupd.desk import Desk
from lookupd.errors import PluginBroken
from lookupd.index import database
from lookupd.loader import Loader
from lookupd.source import State
from lookupd.sync.paths import paths
from lookupd.sync.run import Run
from tests.fakes import ADA, COLUMNS, NOBODY, config_of, until


class PluginLoader(Loader):
    """Finds one plugin under every name."""

    def __init__(self, plugin):
        super().__init__()
        self._plugin = plugin

    def plugin(self, kind, name):
        if isinstance(self._plugin, Exception):
            raise self._plugin
        return self._plugin


class Greeting:
    """A plugin in plain style; what it does is seen in `done`."""

    def __init__(self):
        self.done = []

    def load(self, args):
        self.done.append(("load", args))
        return "hello"

    def unload(self):
        self.done.append("unload")


class GreetingLater(Greeting):
    async def load(self, args):
        return super().load(args)

    async def unload(self):
        super().unload()


class GreetingAnyhow(Greeting):
    """Plain methods that return something to await, though no coroutine."""

    def load(self, args):
        return Later(super().load, args)

    def unload(self):
        return Later(super().unload)


class Later:
    def __init__(self, function, *args):
        self._call = lambda: function(*args)

    def __await__(self):
        yield from ()
        return self._call()


@pytest.fixture
async def stack():
    async with AsyncExitStack() as entered:
        yield entered


@pytest.mark.parametrize("kind", [Greeting, GreetingLater, GreetingAnyhow])
async def test_a_plugin_is_loaded_and_unloaded_in_whatever_style(kind):
    plugin = kind()
    async with AsyncExitStack() as stack:
        desk = Desk(loader=PluginLoader(plugin), sources=None, records=None)
        assert await desk.load(stack, "view", "greeting", {"config": {}}) == ("hello",)
        assert plugin.done == [("load", {"config": {}})]
    assert plugin.done[1:] == ["unload"]
    assert desk.broken == {}


async def test_a_plugin_that_returns_nothing_is_loaded_all_the_same(stack):
    plugin = Greeting()
    plugin.load = lambda _: None
    desk = Desk(loader=PluginLoader(plugin), sources=None, records=None)
    assert await desk.load(stack, "view", "greeting", {}) == (None,)


async def test_a_plugin_without_unload_is_just_let_go():
    plugin = Greeting()
    plugin.unload = None
    async with AsyncExitStack() as stack:
        assert await Desk(loader=PluginLoader(plugin), sources=None, records=None).load(
            stack, "view", "greeting", {}
        )


class Breaking(Greeting):
    def load(self, args):
        raise ValueError("half of it")


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (Breaking(), "ValueError: half of it"),
        (PluginBroken("view 'xml' needs lxml"), "view 'xml' needs lxml"),
        (object(), "AttributeError: 'object' object has no attribute 'load'"),
    ],
)
async def test_a_plugin_that_does_not_load_is_told_with_its_reason_and_not_used(
    stack, caplog, plugin, reason
):
    desk = Desk(loader=PluginLoader(plugin), sources=None, records=None)
    assert await desk.load(stack, "view", "xml", {}) is None
    assert desk.broken == {"view xml": reason}
    assert f"view 'xml' does not load and is not used: {reason}" in caplog.text
    await stack.aclose()
    assert getattr(plugin, "done", []) == []


async def test_an_unload_that_fails_is_logged_and_the_rest_goes_on(caplog):
    plugin, well = Greeting(), Greeting()
    plugin.unload = lambda: 1 / 0
    async with AsyncExitStack() as stack:
        for one in (well, plugin):
            await Desk(loader=PluginLoader(one), sources=None, records=None).load(
                stack, "service", "greeting", {}
            )
    assert "service 'greeting': unload failed" in caplog.text
    assert well.done[-1] == "unload"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "people.csv").write_text(
        "id,name,number,mobile\n1,{name},{number},{mobile}\n".format(**ADA), encoding="utf-8"
    )
    return config_of(
        {"name": "people", "backend": "csv", "config": {"file": str(tmp_path / "people.csv")}, **COLUMNS},
        data=str(tmp_path),
    )


async def test_the_built_in_services_answer_on_a_prepared_index(stack, config):
    database.prepare(paths(config).index)
    desk = await Desk.open(stack, config)
    [source] = desk.sources
    await until(lambda: source.state is State.LOADED)
    await Run(source, source.settings.sync, paths(config)).run()
    assert {"catalog", "lookup", "reverse", "status"} <= {*desk.services}
    answer = await desk.services["reverse"].who(NOBODY, "default", "0199001234")
    page = await desk.services["lookup"].find(NOBODY, "default", "ada")
    [status] = await desk.services["status"].sources()
    assert answer.known.contact.display == page.hits[0].contact.display == ADA["name"]
    assert (status.contacts, status.trouble) == (1, None)
    assert [entry.name for entry in desk.services["catalog"].sources(NOBODY)] == ["people"]


async def test_everything_is_closed_with_the_stack(config):
    database.prepare(paths(config).index)
    async with AsyncExitStack() as stack:
        desk = await Desk.open(stack, config)
        [source] = desk.sources
        await until(lambda: source.state is State.LOADED)
    assert source.state is State.CLOSED
    assert all(task.done() for task in desk.sources.opening)
