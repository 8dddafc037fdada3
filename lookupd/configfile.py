"""Configuration files -> `Config`, or every mistake at once, each with its file and key.

The main file and `conf.d/*.yml` beside it are merged in name order; later ones win. Mappings merge key by
key, `sources` by their names, everything else is replaced.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from typing_extensions import override

from lookupd import secret
from lookupd.config import Config, Keys, Misfits
from lookupd.errors import ConfigError
from lookupd.setting import hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

#: where the configuration lies unless said otherwise
DEFAULT_PATH = Path("/etc/lookupd/config.yml")
#: what PyYAML says of a text that should have been in quotes, and may be a secret
_UNQUOTED = re.compile(r"(alias|anchor|tag|tag handle) '.*'")
_MERGE = "tag:yaml.org,2002:merge"
#: how alike a key must be to one that stands farther below
_CLOSE = 0.8
#: how many keys lead to one of a source, and what is said of one that no source has
_SOURCE_KEY = 3
_OWN = " (what only its back-end knows stands under 'config')"
#: types of pydantic's errors, in words of this file
_PLAINLY = {
    "missing": "is required",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
}


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is a mistake, as the first would be lost silently."""

    @override
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError):  # so PyYAML fails at what is not of its tag
            problem = "a number or date that cannot be (a text that looks like one needs quotes)"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            problem = "half a character (an escape from \\ud800 to \\udfff)"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return value


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[object] = set()
    for key_node, _ in node.value:
        if key_node.tag == _MERGE:
            continue
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            problem = "a key that is no text (a text with braces needs quotes)"
            raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(path: Path) -> Config:
    """The configuration in `path` and its `conf.d`. Raises ConfigError with every mistake found."""
    files = [path, *sorted((path.parent / "conf.d").glob("*.yml"))]
    mistakes: list[str] = []
    merged = _Merged()
    for file in files:
        try:
            merged.add(_parsed(file), file)
        except ConfigError as error:
            mistakes += error.mistakes
    if mistakes:
        raise ConfigError(mistakes)
    for keys, tree in secret.parts(merged.tree):
        mistakes += [merged.mistake(*problem) for problem in secret.resolve(tree, keys, path.parent)]
    return _checked(merged, path.parent.absolute(), mistakes)


def pack(config: Config) -> bytes:
    """What a configuration was read from, secrets included, for `unpack` in another process of ours.

    Not the configuration itself: a process that is started after an upgrade may have other ideas of that.
    """
    if not isinstance(config.origin, _Merged):
        raise TypeError("the configuration was not read from a file")
    return pickle.dumps((config.folder, config.data, config.origin.tree, config.origin.origins))


def unpack(content: bytes) -> Config:
    """The configuration that was packed; no file is looked at. Raises ConfigError."""
    folder, data, tree, origins = pickle.loads(content)  # noqa: S301 - nobody but our own parent writes it
    return _checked(_Merged(tree, origins), folder, []).kept_in(data)


def _checked(merged: _Merged, folder: Path, mistakes: list[str]) -> Config:
    """A configuration in which nothing is wrong. Raises ConfigError with these mistakes and further ones."""
    try:
        config = Config.model_validate(merged.tree)
    except ValidationError as error:
        mistakes += _told(error, merged)
    else:
        if not mistakes:
            return config.located(folder, merged)
    raise ConfigError(mistakes)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(
            [f"{file}: {error.strerror} (name another file with -c or LOOKUPD_CONFIG)"]
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{file.name}: not UTF-8 at byte {error.start}"]) from error
    except yaml.MarkedYAMLError as error:
        where = f" line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError([f"{file.name}:{where} not YAML: {_problem(error)}"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{file.name}: not YAML: {' '.join(str(error).split())}"]) from error
    except RecursionError as error:
        raise ConfigError([f"{file.name}: not YAML: nested too deep"]) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError([f"{file.name}: must be a mapping of keys, not a {type(tree).__name__}"])
    return tree


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = ", ".join(filter(None, (error.context, error.problem)))
    unquoted = _UNQUOTED.sub(r"\1", problem)
    return problem if unquoted == problem else f"{unquoted} (a text that begins with ! * or & needs quotes)"


@dataclass
class _Merged:
    """Several files as one tree, remembering which file each key came from."""

    tree: dict[str, Any] = field(default_factory=dict)
    origins: dict[Keys, Path] = field(default_factory=dict)

    def add(self, tree: Mapping[str, Any], file: Path) -> None:
        """Lay a file over what is there."""
        self._merge(self.tree, tree, (), file)

    def mistake(self, keys: Keys, text: str) -> str:
        """One line: file, key, what is wrong."""
        found = keys
        while found and found not in self.origins:
            found = found[:-1]
        file = self.origins.get(found) or next(iter(self.origins.values()), Path("config.yml"))
        shown = self.shown(keys)
        return f"{file.name}: {shown}: {text}" if shown else f"{file.name}: {text}"

    def shown(self, keys: Keys) -> str:
        """A key as an administrator would name it: a source by its name, not its position."""
        parts: list[str] = []
        node: Any = self.tree
        for position, key in enumerate(keys):
            node = node[key] if _holds(node, key) else None
            named = position == 1 and keys[0] == "sources" and isinstance(node, dict)
            parts.append(str(node["name"]) if named and node and "name" in node else str(key))
        return ".".join(parts)

    def _merge(self, into: dict[str, Any], tree: Mapping[str, Any], at: Keys, file: Path) -> None:
        for key, value in tree.items():
            here = (*at, key)
            if isinstance(value, dict) and isinstance(into.get(key), dict):
                self._merge(into[key], value, here, file)
            elif here == ("sources",) and isinstance(value, list) and isinstance(into.get(key), list):
                self._merge_sources(into[key], value, file)
            else:
                into[key] = self._taken(value, here, file)

    def _merge_sources(self, into: list[Any], sources: list[Any], file: Path) -> None:
        earlier = dict(enumerate(into))
        for source in sources:
            position = next((i for i, old in earlier.items() if _is_same(source, old)), None)
            if position is None:
                into.append(self._taken(source, ("sources", len(into)), file))
            else:
                self._merge(earlier.pop(position), source, ("sources", position), file)

    def _taken(self, value: object, at: Keys, file: Path) -> object:
        """A copy, its origins noted: an alias of YAML is one object in several places."""
        self.origins[at] = file
        if isinstance(value, dict):
            return {key: self._taken(item, (*at, key), file) for key, item in value.items()}
        if isinstance(value, list):
            return [self._taken(item, (*at, key), file) for key, item in enumerate(value)]
        return value


def _is_same(source: object, old: object) -> bool:
    """Whether an item of `sources` goes on with one of an earlier file: same name, and no other tenant."""
    if not (isinstance(source, dict) and isinstance(old, dict)) or source.get("name") is None:
        return False
    return source["name"] == old.get("name") and source.get("tenant", old.get("tenant")) == old.get("tenant")


def _holds(node: object, key: str | int) -> bool:
    if isinstance(node, dict):
        return key in node
    return isinstance(node, list) and isinstance(key, int) and key < len(node)


def _told(error: ValidationError, merged: _Merged) -> list[str]:
    """What pydantic found, as our lines."""
    lines = []
    for detail in error.errors():
        cause = detail.get("ctx", {}).get("error")
        keys = tuple(key for key in detail["loc"] if key != "[key]")
        problems = cause.problems if isinstance(cause, Misfits) else [(keys, _text(detail))]
        lines += [merged.mistake(*problem) for problem in problems]
    return lines


def _text(detail: ErrorDetails) -> str:
    keys = detail["loc"]
    if detail["type"] == "extra_forbidden":
        key, siblings = str(keys[-1]), _siblings(keys)
        return f"unknown key{hint(key, {*siblings}) or _below(key, siblings) or _else(keys)}"
    if detail["type"] == "invalid_key" or keys[-1] == "[key]":
        return "a key must be a text (put it in quotes)"
    return _PLAINLY.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")


def _below(key: str, siblings: Mapping[str, object]) -> str:
    """A hint for a key that stands in the part above its own."""
    below = {
        other: f"{sibling}.{other}"
        for sibling, annotation in siblings.items()
        if (model := _model(annotation))
        for other in model.model_fields
    }
    closest = get_close_matches(key, below, n=1, cutoff=_CLOSE)
    return f" (did you mean {below[closest[0]]!r}?)" if closest else ""


def _else(keys: Keys) -> str:
    """A hint for a key of a source that is like none."""
    return _OWN if len(keys) == _SOURCE_KEY and keys[0] == "sources" else ""


def _siblings(keys: Keys) -> Mapping[str, object]:
    """The keys that may stand where an unknown one does, and what they hold."""
    found: Any = Config
    for key in keys[:-1]:
        if get_origin(found) in {dict, tuple}:  # the key names or counts one of several
            found = get_args(found)[1 if get_origin(found) is dict else 0]
        elif model := _model(found):
            found = model.model_fields[str(key)].annotation
    model = _model(found)
    return {name: field.annotation for name, field in model.model_fields.items()} if model else {}


def _model(annotation: object) -> type[BaseModel] | None:
    """The model an annotation is, or is beside others."""
    return next(_models(annotation), None)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
