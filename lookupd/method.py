"""What a plugin's object can do, and how each of its methods is to be called: settled once, at load."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lookupd.errors import PluginBroken
from lookupd.plugins import BaseSourcePlugin

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of a plugin, and how it is to be called: settled once, at load."""

    function: Callable[..., Any]
    is_async: bool
    #: how many positional arguments it takes: a plugin may leave out the trailing `args`
    arity: int


def methods_of(plugin: object) -> dict[str, Method]:
    """What a plugin can do; methods that it only inherits from BaseSourcePlugin are left out."""
    methods = {}
    for name in ("load", "unload", "search", "first_match", "match_all", "list", "list_all", "changes"):
        function = getattr(plugin, name, None)
        inherited = getattr(function, "__func__", None) is getattr(BaseSourcePlugin, name, plugin)
        if callable(function) and not inherited:
            methods[name] = Method(
                function=function, is_async=inspect.iscoroutinefunction(function), arity=_arity(function)
            )
    if "load" not in methods:
        msg = "a back-end must have the method load(args)"
        raise PluginBroken(msg)
    return methods


def _arity(function: Callable[..., Any]) -> int:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 9
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional for parameter in parameters)
