"""Finding plugins, and saying what is wrong with them; how their methods are to be called."""

import os
import subprocess
import sys

import pytest
from stevedore import ExtensionManager

from lookupd import BaseSourcePlugin
from lookupd.errors import PluginBroken, PluginMissing
from lookupd.loader import Loader
from lookupd.method import methods_of
from tests.stranger import install

GOOD = """
class Good:
    def load(self, args): ...
"""


@pytest.fixture(autouse=True)
def _stevedore_looks_again(monkeypatch):
    """As in a new process: in one it looks only once."""
    monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a stranger's code: plugins by name, each an object of the module."""

    def installed(code, **plugins):
        kind = plugins.pop("kind", "backend")
        values = {name: f"MODULE:{value}" for name, value in plugins.items()}
        monkeypatch.syspath_prepend(install(tmp_path, code, kind=kind, **values))

    return installed


def reason(kind, name):
    with pytest.raises(PluginBroken) as caught:
        Loader().plugin(kind, name)
    return str(caught.value)


def test_built_in_plugins_are_found_as_a_stranger_s(installed):
    installed(GOOD, good="Good")
    loader = Loader()
    assert {"csv", "good", "ldap"} <= {*loader.names("backend")}
    assert type(loader.plugin("backend", "good")).__name__ == "Good"
    assert type(loader.plugin("backend", "csv")).__name__ == "CsvBackend"


@pytest.mark.parametrize("kind", ["service", "view"])
def test_services_and_views_are_plugins_too(installed, kind):
    installed(GOOD, kind=kind, good="Good")
    assert type(Loader().plugin(kind, "good")).__name__ == "Good"
    with pytest.raises(PluginMissing):
        Loader().plugin("backend", "good")


def test_names_are_sorted_and_each_is_told_once(installed):
    installed(GOOD, zzz="Good", aaa="Good")
    installed(GOOD, zzz="Good")
    names = Loader().names("backend")
    assert names == sorted(names)
    assert names.count("zzz") == 1


def test_each_plugin_is_a_new_one_of_one_class(installed):
    installed(GOOD, good="Good")
    loader = Loader()
    assert loader.plugin("backend", "good") is not loader.plugin("backend", "good")
    assert loader.plugin_class("backend", "good") is loader.plugin_class("backend", "good")


def test_a_missing_plugin_is_told_with_those_there_are():
    with pytest.raises(
        PluginMissing, match=r"no backend is installed under the name 'cvs' \(installed: csv, ldap"
    ):
        Loader().plugin("backend", "cvs")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("raise OSError('libfoo.so: cannot open')", "OSError: libfoo.so: cannot open"),
        ("raise RuntimeError", "RuntimeError"),
        ("assert False, 'Python is too old'", "AssertionError: Python is too old"),
        ("raise SystemExit('this is a script')", "SystemExit: this is a script"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("", "AttributeError: module"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_told_with_the_reason(installed, code, said):
    installed(code, bad="Bad")
    assert reason("backend", "bad").startswith(f"backend 'bad' cannot be imported: {said}")


def test_a_built_in_plugin_without_its_extra_says_what_to_install(tmp_path):
    (tmp_path / "ldap.py").write_text("raise ModuleNotFoundError('gone', name='_ldap')")
    code = "from lookupd.loader import Loader; Loader().plugin('backend', 'ldap')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = (
        "backend 'ldap' needs the Python module '_ldap', of lookupd's extra 'ldap': in a checkout "
        f"{sys.prefix}/bin/pip install '.[ldap]'"
    )
    assert run.stderr.splitlines()[-1].endswith(said)


def test_a_module_of_our_own_that_is_missing_is_no_extra(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(install(tmp_path, "", frob="lookupd.backends.frob:Frob"))
    said = "backend 'frob' cannot be imported: ModuleNotFoundError: No module named 'lookupd.backends.frob'"
    assert reason("backend", "frob") == said


def test_a_plugin_is_a_class(installed):
    installed("def make(): return object()", made="make")
    assert reason("backend", "made").startswith("backend 'made': stranger_")
    assert reason("backend", "made").endswith(":make is not a class")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def __init__(self): raise ValueError('no luck')", "ValueError: no luck"),
        ("def __init__(self): raise ValueError", "ValueError"),
        ("def __init__(self, more): ...", "TypeError: "),
    ],
)
def test_a_plugin_that_cannot_be_created_is_told_with_the_reason(installed, body, said):
    installed(f"class Bad:\n    {body}", bad="Bad")
    assert reason("backend", "bad").startswith(f"backend 'bad' cannot be created: {said}")


def test_a_plugin_that_leaves_out_part_of_the_contract_cannot_be_created(installed):
    installed(
        """
        from lookupd import BaseSourcePlugin
        class Half(BaseSourcePlugin):
            def load(self, args): ...
        """,
        half="Half",
    )
    assert "abstract" in reason("backend", "half")


def test_a_plugin_is_tried_again_when_the_cause_has_gone(installed, tmp_path):
    flag = tmp_path / "ready"
    installed(f"import os\nos.stat({str(flag)!r})\n{GOOD}", late="Good")
    loader = Loader()
    with pytest.raises(PluginBroken, match="FileNotFoundError"):
        loader.plugin("backend", "late")
    flag.touch()
    assert loader.plugin("backend", "late")


def test_a_plugin_that_was_installed_meanwhile_needs_a_new_start(tmp_path, monkeypatch):
    folder = install(tmp_path, GOOD, first="MODULE:Good")
    monkeypatch.syspath_prepend(folder)
    assert Loader().plugin("backend", "first")
    [entry_points] = folder.glob("*.dist-info/entry_points.txt")
    entry_points.write_text(entry_points.read_text() + entry_points.read_text().replace("first", "second"))
    assert reason("backend", "second") == (
        "backend 'second' was installed after lookupd was started: start it again"
    )


# --- the methods of a plugin


class Guide:
    """As the developer guide writes it: no base class, and no trailing `args` in `list`."""

    def load(self, args): ...

    def list(self, unique_ids): ...

    async def search(self, term, args): ...

    def first_match(self, *anything): ...

    def match_all(self, extens, /, args, *, hurry=False): ...

    unload = None


def test_methods_are_called_as_they_are_written():
    methods = methods_of(Guide())
    assert {name: (method.is_async, method.arity) for name, method in methods.items()} == {
        "load": (False, 1),
        "list": (False, 1),
        "search": (True, 2),
        "first_match": (False, 9),
        "match_all": (False, 2),
    }


def test_a_method_that_is_only_inherited_is_not_there():
    class Derived(BaseSourcePlugin):
        def load(self, args, /): ...
        def search(self, term, args, /): ...
        def first_match(self, exten, args, /): ...

    class WithList(Derived):
        def list(self, uids, args, /): ...

    assert sorted(methods_of(Derived())) == ["first_match", "load", "search"]
    assert sorted(methods_of(WithList())) == ["first_match", "list", "load", "search"]


def test_a_back_end_has_a_load():
    with pytest.raises(PluginBroken, match="must have the method load"):
        methods_of(object())
