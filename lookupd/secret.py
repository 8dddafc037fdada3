"""Secrets of the configuration: read from a file or the environment, and never shown."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from lookupd.config import Keys

#: names of keys whose values are secrets: never shown, and readable from a file or the environment
SECRET = re.compile(
    r"passw(?:or)?d|passphrase|pwd|(?:^|_)pass(?:$|_)|secret|token|credential|authorization"
    r"|(?:api|private)[_-]?key",
    re.IGNORECASE,
)
MASK = "********"

_URI_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s]*@")


def masked(tree: object) -> Any:  # noqa: ANN401 - the shape of the input
    """The same tree of mappings and lists, with every secret replaced."""
    if isinstance(tree, dict):
        return {
            key: MASK if value is not None and SECRET.search(str(key)) else masked(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list | tuple):
        return [masked(item) for item in tree]
    return _URI_PASSWORD.sub(rf"\1:{MASK}@", tree) if isinstance(tree, str) else tree


def without_secrets(text: str, tree: object) -> str:
    """A text in which no secret of a tree of mappings and lists can be read."""
    for secret in _secrets(tree):
        text = text.replace(secret, MASK).replace(repr(secret)[1:-1], MASK)
    return text


def _secrets(tree: object) -> Iterator[str]:
    for key, value in _items(tree):
        if isinstance(value, str) and value and SECRET.search(str(key)):
            yield value
        yield from _secrets(value)


def parts(tree: Mapping[str, Any]) -> Iterator[tuple[Keys, object]]:
    """The parts of a tree that plugins read: only there are secrets; elsewhere people choose the keys."""
    yield ("views",), tree.get("views")
    for position, source in _items(tree.get("sources")):
        if isinstance(source, dict):
            yield ("sources", position, "config"), source.get("config")


def resolve(tree: object, at: Keys, folder: Path) -> Iterator[tuple[Keys, str]]:
    """Replace `{file: ...}` and `{env: ...}` of secret keys in place; yields what could not be read."""
    for key, value in list(_items(tree)):
        here = (*at, key)
        if not (isinstance(key, str) and SECRET.search(key) and isinstance(value, dict) and len(value) == 1):
            yield from resolve(value, here, folder)
            continue
        try:
            tree[key] = _read(*next(iter(value.items())), folder)  # type: ignore[index]
        except ValueError as error:
            yield here, str(error)


def _read(way: object, where: object, folder: Path) -> str:
    """What stands in a file or in the environment. Raises ValueError, saying why, when it cannot be read."""
    if way not in {"file", "env"} or not isinstance(where, str) or not where:
        problem = f"{way!r} must have a text" if way in {"file", "env"} else "it has another key"
        raise ValueError(f"{problem} (a secret is a text, {{file: PATH}} or {{env: NAME}})")
    if way == "env":
        if where not in os.environ:
            raise ValueError(f"the environment has no {where}")
        return os.environ[where]
    try:
        return (folder / where).read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise ValueError(f"{where}: {error.strerror}") from error


def _items(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()
