"""Parsers that take nothing but what their standard says: what lookupd writes must pass them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final, NoReturn

_NO_TOKEN: Final = re.compile(r"[^0-9A-Za-z\x80-\U0010ffff]+")
_ATTRIBUTE: Final = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*")
_ESCAPE: Final = re.compile(rb"\\([0-9A-Fa-f]{2})")


def reply(body: str) -> object:
    """What a body of JSON says (RFC 8259): ASCII, one line, no key twice, nothing like NaN."""
    assert body.isascii(), body
    assert body.isprintable(), body
    return json.loads(body, parse_constant=_refuse, object_pairs_hook=_once)


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    assert len(found) == len(pairs), pairs
    return found


def tokens(terms: str) -> list[str]:
    """The words that FTS5's tokenizer "ascii" makes of a text, and perhaps empty ones at its ends."""
    return _NO_TOKEN.split(terms)


@dataclass(frozen=True, slots=True)
class Item:
    """A comparison in a filter: what stands between its wildcards, unescaped; two empty parts ask for any."""

    attribute: bytes
    operator: bytes
    parts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Filters joined by `&`, `|` or `!`."""

    operator: bytes
    filters: tuple[Group | Item, ...]


def ldap_filter(written: str) -> Group | Item:
    """What a filter says (RFC 4515, section 3). Raises AssertionError for what is none."""
    found, end = _filter(written.encode("utf-8"), 0)
    assert end == len(written.encode("utf-8")), f"something follows the filter {written!r}"
    return found


def _filter(written: bytes, at: int) -> tuple[Group | Item, int]:
    assert written[at : at + 1] == b"(", f"no filter begins at {at} of {written!r}"
    operator = written[at + 1 : at + 2]
    if operator not in {b"&", b"|", b"!"}:
        end = written.find(b")", at)
        assert end > 0, f"the filter at {at} does not end in {written!r}"
        return _item(written[at + 1 : end]), end + 1
    filters, at = [], at + 2
    while written[at : at + 1] == b"(":
        one, at = _filter(written, at)
        filters.append(one)
    assert written[at : at + 1] == b")", f"the group does not end at {at} of {written!r}"
    assert filters, f"the group is empty in {written!r}"
    assert operator != b"!" or len(filters) == 1, f"too much is denied in {written!r}"
    return Group(operator, tuple(filters)), at + 1


def _item(written: bytes) -> Item:
    attribute = _ATTRIBUTE.match(written)
    assert attribute, f"no attribute in {written!r}"
    operator = re.compile(rb"[~<>]?=").match(written, attribute.end())
    assert operator, f"no comparison in {written!r}"
    parts = written[operator.end() :].split(b"*")
    assert len(parts) == 1 or operator[0] == b"=", f"a wildcard in {written!r}"
    assert all(parts[1:-1]), f"two wildcards side by side in {written!r}"
    return Item(attribute[0], operator[0], tuple(map(_value, parts)))


def _value(written: bytes) -> bytes:
    rest = _ESCAPE.sub(b"", written)
    assert not set(rest) & set(b"\0()*\\"), f"what must be escaped is not in {written!r}"
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), written)


def agi(command: bytes) -> list[str]:
    """The four words of a command of AGI: one line; quotes hold blanks, a backslash takes what follows."""
    line = command.decode("utf-8")
    assert line.endswith("\n"), command
    assert not set("\r\n\0") & set(line[:-1]), command
    found, word, is_quoted, chars = list[str](), None, False, iter(line[:-1])
    for char in chars:
        if char == '"':
            is_quoted, word = not is_quoted, word or ""
        elif char == " " and not is_quoted:
            found, word = found if word is None else [*found, word], None
        else:
            word = (word or "") + (next(chars) if char == "\\" else char)
    assert not is_quoted, command
    found = found if word is None else [*found, word]
    assert len(found) == 4, command
    return found
