"""Reading our Markdown: sections, fenced blocks, and console examples, whose outputs can be compared."""

from __future__ import annotations

import json
import logging
import re
import shlex
from argparse import ArgumentParser
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import ClientSession

ROOT = Path(__file__).parent.parent

_FENCE = re.compile(r"^( *)```(\w*) *([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n?", re.MULTILINE)
#: what differs from run to run, and what is shown in its place
_CHANGING = tuple(
    (re.compile(pattern, re.MULTILINE), shown)
    for pattern, shown in (
        (r"^(Date|Server|Content-Length): .*\n", ""),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+\d\d:\d\d)?", "WHEN"),
        (r'"(age|seconds|timestamp|search_ms|list_seconds)":( ?)\[?\d[\d.e-]*\]?', r'"\1":\2 SOME'),
        (r"^Age: \d+$", "Age: SOME"),
        (r"\t[\d.e-]+\t(succeeded|failed|held)\t", r"\tSOME\t\1\t"),
        (r"\blkp_[\w-]{32}", "lkp_SECRET"),
        (r"\b[0-9a-f]{16}\b", "ID"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block: "```language info"."""

    language: str
    info: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A command as it is typed, and what it prints."""

    command: str
    output: str


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str, info: str | None = None) -> list[Block]:
    """The fenced blocks of a language, with this info if one is given."""
    found = [Block(language=m[2], info=m[3].strip(), text=m[4]) for m in _FENCE.finditer(text)]
    return [block for block in found if block.language == language and info in {None, block.info}]


def without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def sections(text: str, level: int) -> dict[str, str]:
    """What stands under each heading of a level, up to the next heading of this or a higher one."""
    hidden = _FENCE.sub(lambda match: re.sub(r"(?m)^#", "\0", match[0]), text)
    parts = re.split(rf"(?m)^(#{{1,{level}}}) (.+)\n", hidden)[1:]
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {title: body.replace("\0", "#") for marks, title, body in triples if len(marks) == level}


def examples(block: Block) -> Iterator[Example]:
    parts = _COMMAND.split(block.text)
    assert not parts[0].strip(), f"a console block begins with a command: {block.text[:60]!r}"
    for command, output in zip(parts[1::2], parts[2::2], strict=True):
        yield Example(command=command.replace("\\\n", " "), output=output)


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Commands set up logging for a process of their own: whatever they do to it ends here."""
    root = logging.getLogger()
    level, handlers = root.level, [*root.handlers]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def settled(output: str) -> str:
    """An output without what differs from run to run."""
    for pattern, shown in _CHANGING:
        output = pattern.sub(shown, output)
    return output.strip()


async def curl(session: ClientSession, command: str) -> str:
    """What `curl ... | jq ...` prints."""
    typed, is_filtered, jq = command.partition(" | jq")
    options = _CURL.parse_args(shlex.split(typed)[1:])
    url, data = options.url, "&".join(map(_encoded, options.data_urlencode)) or options.data
    if options.get:
        url, data = f"{url}?{data}", None
    headers = dict(header.split(": ", 1) for header in options.header)
    method = options.request or ("HEAD" if options.head else "POST" if data else "GET")
    async with session.request(method, url, data=data, headers=headers) as response:
        body = await response.text()
        if is_filtered:
            return filtered(body, shlex.split(jq))
        if not (options.include or options.head):
            return body
        names = "\n".join(f"{name.decode()}: {value.decode()}" for name, value in response.raw_headers)
        return f"HTTP/1.1 {response.status} {response.reason}\n{names}\n\n{body}"


def filtered(body: str, jq: list[str]) -> str:
    """What jq prints for a filter of names, positions and `[]`, with or without -c."""
    path = jq[-1] if jq and jq[-1] != "-c" else "."
    layout: dict[str, Any] = {"separators": (",", ":")} if "-c" in jq else {"indent": 2}
    values = [json.loads(body)]
    for name, position in re.findall(r"\.(\w+)|\[(\d*)\]", path):
        if name:
            values = [value[name] for value in values]
        else:
            values = [value[int(position)] for value in values] if position else [*_each(values)]
    return "\n".join(json.dumps(value, ensure_ascii=False, **layout) for value in values)


def _each(values: list[Any]) -> Iterator[Any]:
    for value in values:
        yield from value


def _encoded(pair: str) -> str:
    name, _, value = pair.partition("=")
    return f"{name}={quote_plus(value)}"


_CURL = ArgumentParser("curl")
_CURL.add_argument("url")
_CURL.add_argument("-s", "--silent", action="store_true")
_CURL.add_argument("-i", "--include", action="store_true")
_CURL.add_argument("-I", "--head", action="store_true")
_CURL.add_argument("-G", "--get", action="store_true")
_CURL.add_argument("-X", "--request")
_CURL.add_argument("-H", "--header", action="append", default=[])
_CURL.add_argument("-d", "--data")
_CURL.add_argument("--data-urlencode", action="append", default=[])
