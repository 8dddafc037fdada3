"""The words of AGI: what Asterisk tells of a call, and the commands it takes; pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: longest value of a command, in bytes: Asterisk reads a command into 2048
VALUE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as Asterisk tells of it, with what the dialplan asks for."""

    #: the caller's number and name as they came; empty where there is none
    number: str
    name: str
    #: the profile and the condition that the dialplan names; None where it leaves that to the configuration
    profile: str | None
    when: str | None


def call(lines: Iterable[str]) -> Call | None:
    """The call that the lines of a head tell of, `agi_callerid: 0123` and so on; None if Asterisk sent none.

    Options stand in the query of the script (`agi://host/profile?when=always`) and in its arguments
    (`when=always`), of which the last counts.
    """
    told = {}
    for line in lines:
        key, colon, value = line.partition(":")
        if colon and key.startswith("agi_"):
            told[key.removeprefix("agi_")] = value.strip()
    if "network" not in told and "request" not in told:
        return None
    profile, options = _script(told)
    number = told.get("callerid", "")
    return Call(
        number=options.get("number") or ("" if number.casefold() == "unknown" else number),
        name=told.get("calleridname", ""),
        profile=options.get("profile") or profile or None,
        when=options.get("when"),
    )


def _script(told: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The path of the script, and its options."""
    script = told.get("network_script")
    if script is None:
        _, _, script = told.get("request", "").partition("://")[2].partition("/")
    path, _, query = script.partition("?")
    options = dict(parse_qsl(query))
    # Not in their order: what counts is that each is there.
    for key, value in told.items():
        if key.startswith("arg_"):
            name, is_option, text = value.partition("=")
            if is_option:
                options[name.strip()] = text.strip()
    return unquote(path).strip("/"), options


def command(variable: str, value: str) -> bytes:
    """The command that sets a variable of the channel, or a function such as CALLERID(name).

    Always one line of four words: the value is quoted, and has no character that could end it.
    """
    visible = "".join(" " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char for char in value)
    kept = visible.encode("utf-8", "replace")[:VALUE].decode("utf-8", "ignore")
    quoted = kept.replace("\\", "\\\\").replace('"', '\\"')
    return f'SET VARIABLE {variable} "{quoted}"\n'.encode()
