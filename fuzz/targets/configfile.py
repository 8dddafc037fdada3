"""Any bytes as a configuration: a Config or a ConfigError, and a secret in no word of either.

Input: the file, to which conf.d adds a source with secrets; `PASSWORD` in it becomes one.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Final

import yaml

from fuzz import folder
from lookupd.configfile import read
from lookupd.errors import ConfigError
from lookupd.secret import SECRET, masked, without_secrets

if TYPE_CHECKING:
    from pathlib import Path


_SECRET: Final = "correct-horse"
_SECRETS: Final = f"""
sources:
  - name: planted
    backend: made-up
    config:
      password: "{_SECRET}-1"
      nested: [{{api_key: "{_SECRET}-2", uri: "https://me:{_SECRET}-3@example.com"}}]
      token: {{file: token}}
views:
  made-up: {{client_secret: "{_SECRET}-4"}}
"""
#: a secret is planted only where one belongs: as the whole value of such a key
_PLACE: Final = re.compile(rb"(?im)(password|token|api_key)(:[ ]+)([^\n\"' ]{0,5})PASSWORD")


class ConfigFile:
    """The target, with a folder for the files."""

    def __init__(self) -> None:
        self._folder: Path | None = None

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        if self._folder is None:
            self._folder = folder.made()
            (self._folder / "conf.d").mkdir()
            (self._folder / "conf.d" / "planted.yml").write_text(_SECRETS, encoding="utf-8")
            (self._folder / "token").write_text(f"{_SECRET}-5\n", encoding="utf-8")
        planted = _PLACE.sub(rb"\1\2\3" + _SECRET.encode() + b"-6", data)
        (self._folder / "config.yml").write_bytes(planted)
        holds = _holds_any if _is_kept(planted) else _holds_ours
        try:
            config = read(self._folder / "config.yml")
        except ConfigError as error:
            assert error.mistakes
            assert not holds(str(error)), str(error)
        else:
            parts = [config.views, *(source.config for source in config.sources)]
            assert not holds(str(masked(parts)))
            told = f"cannot log in with {_SECRET}-1 and {_SECRET}-5"
            for part in parts:
                told = without_secrets(told, part)
            assert _SECRET not in told

    def close(self) -> None:
        """Delete the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None


def _holds_any(text: str) -> bool:
    return _SECRET in text


def _holds_ours(text: str) -> bool:
    return re.search(rf"{_SECRET}-[1-5]", text) is not None


def _is_kept(planted: bytes) -> bool:
    """Whether the secret in a file stands only where secrets belong: as the value of a key named so."""
    try:
        return not _strays(yaml.safe_load(planted))
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return True  # not YAML, and what is said of that must not show it


def _strays(tree: object) -> bool:
    """Whether the secret stands somewhere else in a tree."""
    if isinstance(tree, dict):
        return any(
            _SECRET in str(key) or (not _is_secret(key, value) and _strays(value))
            for key, value in tree.items()
        )
    if isinstance(tree, list | tuple | set):
        return any(map(_strays, tree))
    return _SECRET in str(tree)


def _is_secret(key: object, value: object) -> bool:
    """Whether a key's value is a secret itself, and not where one can be read."""
    names_place = isinstance(value, dict) and not {"file", "env"}.isdisjoint(value)
    return SECRET.search(str(key)) is not None and not names_place


TARGET = ConfigFile()
