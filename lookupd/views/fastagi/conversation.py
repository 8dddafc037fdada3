"""One call: what Asterisk tells, the question, and the commands that hand the answer over.

Whatever goes wrong ends the conversation, and the dialplan goes on: closing is AGI's way to say so.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from lookupd.errors import QuestionError
from lookupd.views.fastagi.agi import call, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.answer import Answer
    from lookupd.principal import Principal
    from lookupd.services.reverse import Reverse
    from lookupd.views.fastagi.agi import Call
    from lookupd.views.fastagi.naming import Naming
    from lookupd.views.fastagi.settings import Settings

#: longest line, and the lines before the first empty one together, in bytes
LINE = 8 * 1024
HEAD = 64 * 1024
#: lines that are no reply, where one is waited for
STRAY = 20

_REPLY = re.compile(rb"(\d{3})([ -]|$)")
_HANGUP = b"HANGUP"


class Status(StrEnum):
    """What the variable LOOKUPD_STATUS says."""

    FOUND = "FOUND"
    #: nobody is known to have the number
    UNKNOWN = "UNKNOWN"
    #: the caller has a name already
    SKIPPED = "SKIPPED"
    #: there was no answer in time
    LATE = "LATE"
    #: nobody was found, and not everybody could be asked; or the profile does not exist
    FAILED = "FAILED"


class Over(Exception):
    """The other side is gone, or says nothing that could be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a conversation asks."""

    settings: Settings
    naming: Naming
    principal: Principal
    reverse: Reverse
    #: told what is wrong with the dialplan or the configuration
    complain: Callable[[str], None]


class Conversation:
    """A connection from the dialplan."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, desk: Desk) -> None:
        """The reader is to have the limit LINE."""
        self._reader = reader
        self._writer = writer
        self._desk = desk

    async def hold(self) -> None:
        """From the head to the last command. Raises Over, TimeoutError."""
        patience = self._desk.settings.client_timeout.total_seconds()
        async with asyncio.timeout(patience):
            told = call(await self._head())
        if told is None:
            return
        variables = await self._answer(told)
        async with asyncio.timeout(patience):
            for name, value in variables.items():
                await self._set(name, value)

    async def _head(self) -> list[str]:
        lines, size = [], 0
        while line := await self._line():
            if line == _HANGUP:
                raise Over
            size += len(line)
            if size > HEAD:
                raise Over
            lines.append(line.decode("utf-8", "replace"))
        return lines

    async def _answer(self, told: Call) -> dict[str, str]:
        """What is to be set."""
        settings = self._desk.settings
        is_wanted = (told.when or settings.when) == "always"
        if not is_wanted and not self._desk.naming.is_unnamed(told.name, told.number):
            return {"LOOKUPD_STATUS": Status.SKIPPED}
        try:
            answer = await self._asked(told.profile or settings.profile, told.number)
        except TimeoutError:
            return {"LOOKUPD_STATUS": Status.LATE}
        except QuestionError as error:
            self._desk.complain(str(error))
            return {"LOOKUPD_STATUS": Status.FAILED}
        return self._variables(answer)

    async def _asked(self, profile: str, number: str) -> Answer:
        """Who it is. Raises TimeoutError, Over, QuestionError."""
        reverse, principal = self._desk.reverse, self._desk.principal
        answer = reverse.at_once(principal, profile, number)
        if answer is not None:
            return answer
        asking = asyncio.create_task(reverse.who(principal, profile, number), name="fastagi-question")
        leaving = asyncio.create_task(self._gone(), name="fastagi-hangup")
        try:
            async with asyncio.timeout(self._desk.settings.timeout.total_seconds()):
                await asyncio.wait({asking, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise Over
            return asking.result()
        finally:
            for task in (asking, leaving):
                task.cancel()
            await asyncio.gather(asking, leaving, return_exceptions=True)

    async def _gone(self) -> None:
        """Return when the caller has hung up, or the connection is closed."""
        with suppress(Over):
            while await self._line() != _HANGUP:
                pass

    def _variables(self, answer: Answer) -> dict[str, str]:
        known, naming = answer.known, self._desk.naming
        number = answer.number.key if answer.number else ""
        name = naming.shown(known.contact.display or "", (number,)) if known else ""
        if known is None or not name:
            return {"LOOKUPD_STATUS": Status.FAILED if answer.failed else Status.UNKNOWN}
        own = {
            "LOOKUPD_NAME": name,
            "LOOKUPD_NUMBER": number,
            "LOOKUPD_SOURCE": naming.line(known.contact.source),
            "LOOKUPD_TIER": known.tier,
            "LOOKUPD_FRESHNESS": known.freshness,
            "LOOKUPD_STATUS": Status.FOUND,
        }
        return {"CALLERID(name)": name, **own} if self._desk.settings.set_name else own

    async def _set(self, variable: str, value: str) -> None:
        """Set a variable of the channel. Raises Over if it was not set."""
        self._writer.write(command(variable, value))
        await self._writer.drain()
        for _ in range(STRAY):
            line = await self._line()
            if line == _HANGUP:
                raise Over
            reply = _REPLY.match(line)
            if reply is not None and reply[2] != b"-":
                if reply[1] != b"200":
                    self._desk.complain(
                        f"Asterisk does not set {variable}: {line[:100].decode('utf-8', 'replace')}"
                    )
                    raise Over
                return
        raise Over

    async def _line(self) -> bytes:
        """The next line, without its end. Raises Over."""
        try:
            line = await self._reader.readline()
        except (ValueError, OSError) as error:  # too long, or the connection is lost
            raise Over from error
        if not line.endswith(b"\n"):
            raise Over
        return line.rstrip(b"\r\n")
