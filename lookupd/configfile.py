"""Configuration files -> `Config`, or every mistake at once, each with its file and key.

The main file and `conf.d/*.yml` beside it are merged in name order; later ones win. Mappings merge key by
key, `sources` by their names, everything else is replaced.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from lookupd.config import Config
from lookupd.errors import ConfigError
from lookupd.setting import hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic_core import ErrorDetails

#: where the configuration lies unless said otherwise
DEFAULT_PATH = Path("/etc/lookupd/config.yml")
#: names of keys whose values are secrets: never shown, and readable from a file or the environment
SECRET = re.compile(r"password|passwd|secret|token|api_?key|credential", re.IGNORECASE)
MASK = "********"

Keys = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is a mistake, as the first would be lost silently."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    loader.flatten_mapping(node)
    seen: set[object] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
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
    mistakes += [merged.mistake(keys, text) for keys, text in _resolve_secrets(merged.tree, ())]
    try:
        config = Config.model_validate(merged.tree)
    except ValidationError as error:
        mistakes += _told(error, merged)
    else:
        if not mistakes:
            return config.located(path.parent.absolute())
    raise ConfigError(mistakes)


def masked(tree: object) -> Any:  # noqa: ANN401 - the shape of the input
    """The same tree of mappings and lists, with every secret replaced."""
    if isinstance(tree, dict):
        return {
            key: MASK if value is not None and SECRET.search(str(key)) else masked(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [masked(item) for item in tree]
    return tree


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
        raise ConfigError([f"{file.name}:{where} not YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{file.name}: not YAML: {error}"]) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError([f"{file.name}: must be a mapping of keys, not a {type(tree).__name__}"])
    return tree


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
                into[key] = value
                self._note(value, here, file)

    def _merge_sources(self, into: list[Any], sources: list[Any], file: Path) -> None:
        for source in sources:
            name = source.get("name") if isinstance(source, dict) else None
            position = next(
                (i for i, old in enumerate(into) if isinstance(old, dict) and old.get("name") == name), None
            )
            if position is None:
                into.append(source)
                self._note(source, ("sources", len(into) - 1), file)
            else:
                self._merge(into[position], source, ("sources", position), file)

    def _note(self, value: object, at: Keys, file: Path) -> None:
        self.origins[at] = file
        for key, item in _items(value):
            self._note(item, (*at, key), file)


def _items(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _holds(node: object, key: str | int) -> bool:
    if isinstance(node, dict):
        return key in node
    return isinstance(node, list) and isinstance(key, int) and key < len(node)


def _resolve_secrets(tree: object, at: Keys) -> Iterator[tuple[Keys, str]]:
    """Replace `{file: ...}` and `{env: ...}` of secret keys in place; yields what could not be read."""
    for key, value in list(_items(tree)):
        here = (*at, key)
        if not (isinstance(key, str) and SECRET.search(key) and isinstance(value, dict) and len(value) == 1):
            yield from _resolve_secrets(value, here)
            continue
        try:
            tree[key] = _secret(value)  # type: ignore[index]
        except (OSError, UnicodeDecodeError) as error:
            yield here, f"{value.get('file')}: {getattr(error, 'strerror', None) or 'not UTF-8'}"
        except KeyError as error:
            yield here, f"{error.args[0]} (a secret is a text, {{file: PATH}} or {{env: NAME}})"


def _secret(value: dict[str, str]) -> str:
    if "file" in value:
        return Path(value["file"]).read_text(encoding="utf-8").rstrip("\r\n")
    if "env" in value:
        if value["env"] not in os.environ:
            raise KeyError(f"the environment has no {value['env']}")
        return os.environ[value["env"]]
    raise KeyError(f"unknown key {next(iter(value))!r}")


def _told(error: ValidationError, merged: _Merged) -> list[str]:
    """What pydantic found, as our lines."""
    lines = []
    for detail in error.errors():
        if not detail["loc"]:
            lines += [merged.mistake((), text) for text in _text(detail).split("\n")]
        else:
            lines.append(merged.mistake(detail["loc"], _text(detail)))
    return lines


def _text(detail: ErrorDetails) -> str:
    text = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        return f"unknown key{hint(str(detail['loc'][-1]), _siblings(detail['loc']))}"
    if detail["type"] == "missing":
        return "is required"
    return text


def _siblings(keys: Keys) -> set[str]:
    """The keys that may stand where an unknown one does."""
    model: Any = Config
    for key in keys[:-1]:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[str(key)].annotation if key in model.model_fields else None
            continue
        model = next(iter(_models(model)), None)
        if isinstance(key, str) and model is not None and key in model.model_fields:
            model = model.model_fields[key].annotation
    found = next(iter(_models(model)), None)
    return set(found.model_fields) if found else set()


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
