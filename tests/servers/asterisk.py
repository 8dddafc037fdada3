"""Asterisk's side of FastAGI: one channel in its dialplan, which runs AGI() and then goes on.

What it sends, and how it takes a command apart, is that of Asterisk's res_agi: words are parted by blanks,
quotation marks keep them together, and a backslash takes the meaning from what follows.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

#: longest wait for a server, in seconds; no test takes that long unless it fails
PATIENCE = 20.0
#: a command that is longer is cut, in bytes
LONGEST_COMMAND = 2048

_USAGE = "520-Invalid command syntax.  Proper usage follows:\nUsage: ...\n520 End of proper usage.\n"


@dataclass(kw_only=True)
class Channel:
    """A call in the dialplan."""

    number: str = "unknown"
    name: str = "unknown"
    #: the script and its arguments: AGI(agi://host:port/script,argument,...)
    script: str = ""
    arguments: tuple[str, ...] = ()
    #: the caller hangs up instead of this command, counted from 1; 0: before any
    hangs_up_at: int | None = None
    #: before each reply, in seconds
    delay: float = 0.0
    #: the commands that it does not take
    refused: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    #: every command as it came, taken apart
    commands: list[list[str]] = field(default_factory=list)
    #: AGISTATUS
    status: str = ""

    @property
    def found(self) -> str | None:
        """What lookupd says of its own work."""
        return self.variables.get("LOOKUPD_STATUS")

    def head(self, host: str, port: int) -> str:
        """What is sent first."""
        lines = [
            "agi_network: yes",
            *([f"agi_network_script: {self.script}"] if self.script else []),
            f"agi_request: agi://{host}:{port}{'/' if self.script else ''}{self.script}",
            "agi_channel: PJSIP/trunk-00000001",
            "agi_language: en",
            "agi_type: PJSIP",
            "agi_uniqueid: 1700000000.1",
            "agi_version: 20.5.0",
            f"agi_callerid: {self.number}",
            f"agi_calleridname: {self.name}",
            "agi_callingpres: 0",
            "agi_callingani2: 0",
            "agi_callington: 0",
            "agi_callingtns: 0",
            "agi_dnid: 100",
            "agi_rdnis: unknown",
            "agi_context: from-trunk",
            "agi_extension: 100",
            "agi_priority: 1",
            "agi_enhanced: 0.0",
            "agi_accountcode: ",
            "agi_threadid: 139872",
            *(f"agi_arg_{index}: {argument}" for index, argument in enumerate(self.arguments, 1)),
        ]
        return "\n".join([*lines, "", ""])

    async def run(self, port: int, host: str = "127.0.0.1") -> Channel:
        """AGI(): back when the server has closed the connection; itself."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._run(port, host)
        except ConnectionError:
            self.status = "FAILURE"
        return self

    async def _run(self, port: int, host: str) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            writer.write(self.head(host, port).encode())
            if self.hangs_up_at == 0:
                writer.write(b"HANGUP\n")
            while line := await reader.readline():
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(self._obey(line).encode())
            self.status = self.status or "SUCCESS"
        finally:
            writer.close()

    def _obey(self, line: bytes) -> str:
        command = words(line[:LONGEST_COMMAND].decode().rstrip("\n"))
        self.commands.append(command)
        if self.hangs_up_at == len(self.commands):
            self.status = "HANGUP"
            return "HANGUP\n511 Command Not Permitted on a dead channel or intercept routine\n"
        if command[:2] != ["SET", "VARIABLE"] or command[2] in self.refused:
            return "510 Invalid or unknown command\n"
        if len(command) != 4:
            return _USAGE
        variable, value = command[2:]
        if variable == "CALLERID(name)":
            self.name = value
        else:
            self.variables[variable] = value
        return "200 result=1\n"


def words(line: str) -> list[str]:
    """A command, taken apart."""
    found: list[str] = []
    is_quoted = is_escaped = False
    is_between = True
    for char in line:
        if char == '"' and not is_escaped:
            is_quoted = not is_quoted
            if is_quoted and is_between:
                found.append("")
                is_between = False
        elif char in " \t" and not is_quoted and not is_escaped:
            is_between = True
        elif char == "\\" and not is_escaped:
            is_escaped = True
        else:
            if is_between:
                found.append("")
                is_between = False
            found[-1] += char
            is_escaped = False
    return found
