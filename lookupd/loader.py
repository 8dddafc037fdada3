"""Entry points -> plugin classes, and what went wrong where there is none.

A plugin is imported only when somebody asks for it, and tried again when somebody asks again.
"""

from __future__ import annotations

import inspect
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, TypeGuard

from stevedore import NamedExtensionManager

from lookupd.errors import PluginBroken, PluginMissing

Kind = Literal["backend", "service", "view"]


class Loader:
    """The installed plugins of each kind; built-in ones are found exactly as a stranger's."""

    def __init__(self) -> None:
        self._classes: dict[tuple[Kind, str], type] = {}

    def names(self, kind: Kind) -> list[str]:
        """The names under which plugins of a kind are installed, sorted."""
        return sorted({entry_point.name for entry_point in entry_points(group=_namespace(kind))})

    def plugin(self, kind: Kind, name: str) -> Any:  # noqa: ANN401 - the contract is in the method names
        """A new instance. Raises PluginMissing, or PluginBroken with the reason."""
        plugin_class = self.plugin_class(kind, name)
        try:
            return plugin_class()
        except Exception as error:
            raise PluginBroken(f"{kind} {name!r} cannot be created: {_told(error)}") from error

    def plugin_class(self, kind: Kind, name: str) -> type:
        """The class itself. Raises PluginMissing, or PluginBroken with the reason."""
        if (kind, name) not in self._classes:
            self._classes[kind, name] = self._load(kind, name)
        return self._classes[kind, name]

    def _load(self, kind: Kind, name: str) -> type:
        failures: list[str] = []

        def failed(_manager: object, entry_point: EntryPoint, error: BaseException) -> None:
            failures.append(_reason(entry_point, error))

        try:
            manager: NamedExtensionManager[Any] = NamedExtensionManager(
                _namespace(kind),
                [name],
                on_load_failure_callback=failed,
                on_missing_entrypoints_callback=lambda _names: None,
            )
        except (AssertionError, SystemExit) as error:  # stevedore does not tell these: it lets them through
            raise PluginBroken(f"{kind} {name!r} cannot be imported: {_told(error)}") from error
        if failures:
            raise PluginBroken(f"{kind} {name!r} {failures[0]}")
        for extension in manager:
            if not inspect.isclass(extension.plugin):
                raise PluginBroken(f"{kind} {name!r}: {extension.entry_point_target} is not a class")
            return extension.plugin
        if name in self.names(kind):  # stevedore looks once in the life of a process
            raise PluginBroken(f"{kind} {name!r} was installed after lookupd was started: start it again")
        raise PluginMissing(kind, name, self.names(kind))


def _namespace(kind: Kind) -> str:
    return f"lookupd.{kind}s"


def _reason(entry_point: EntryPoint, error: BaseException) -> str:
    if entry_point.value.startswith("lookupd.") and _is_of_an_extra(error):
        return (
            f"needs the Python module {error.name!r}, of lookupd's extra {entry_point.name!r}: in a checkout "
            f"{sys.prefix}/bin/pip install '.[{entry_point.name}]'"
        )
    return f"cannot be imported: {_told(error)}"


def _is_of_an_extra(error: BaseException) -> TypeGuard[ModuleNotFoundError]:
    """Whether a module is missing, and not one of our own."""
    return isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] != "lookupd"


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
