"""All contacts of a directory, and what changed among them since they were listed.

A series of changes begins with a listing. What it goes on from is taken before the first entry is read, so
whatever changes meanwhile is told again, and never lost.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeAlias

import ldap

from lookupd import Changes, CursorExpired
from lookupd.backends.ldap.failure import is_refusal
from lookupd.backends.ldap.pull import Pull, Told
from lookupd.backends.ldap.syncrepl import Syncrepl
from lookupd.backends.ldap.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookupd import Row
    from lookupd.backends.ldap.pool import Pool
    from lookupd.backends.ldap.pull import Question

#: a way to learn what changed
Way: TypeAlias = "Syncrepl | Timestamp"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A place in a series of changes; as a text, its fields with blanks between them."""

    #: how changes are learnt, as `ldap_changes` calls it
    way: str
    #: digest of what the series holds for: the server, and what is asked of it
    directory: str
    #: digest of the entries that have others below them
    branches: str
    #: up to where changes are told, as the way has it
    mark: str

    def __str__(self) -> str:
        return f"{self.way} {self.directory} {self.branches} {self.mark}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises CursorExpired when it is none of ours."""
        try:
            way, directory, branches, mark = text.split(" ", 3)
        except ValueError:
            raise CursorExpired("the cursor is not one of an LDAP source; everything is listed") from None
        return cls(way=way, directory=directory, branches=branches, mark=mark)


class Listing:
    """What a sync asks of one source. It remembers nothing between two calls."""

    def __init__(self, question: Question, pool: Pool) -> None:
        self._question = question
        self._pool = pool
        self._has_told = False

    def rows(self) -> Iterator[Row]:
        """Every row."""
        with self._pool.own() as connection:
            yield from Pull(self._question, connection).rows()

    def everything(self) -> Changes:
        """Every row, as the start of a series; its cursor is empty where no changes can be learnt."""
        told = Told()
        return Changes(rows=self._everything(told), cursor=lambda: told.cursor)

    def since(self, cursor: str) -> Changes:
        """What changed since a cursor. Raises CursorExpired, at once or while the rows are read."""
        told = Told()
        rows = self._since(Cursor.parse(cursor), told)
        return Changes(rows=rows, gone=told.gone.keys(), cursor=lambda: told.cursor)

    def _everything(self, told: Told) -> Iterator[Row]:
        with self._pool.own() as connection:
            pull = Pull(self._question, connection)
            begun = self._begin(pull)
            if begun is None:
                yield from pull.rows()
                return
            way, start = begun
            yield from way.everything(told)
            if told.mark:
                told.cursor = str(replace(start, mark=told.mark))
            else:
                self._tell("there are no entries, or some hide from this login when they were changed")

    def _since(self, cursor: Cursor, told: Told) -> Iterator[Row]:
        with self._pool.own() as connection:
            pull = Pull(self._question, connection)
            try:
                if cursor.directory != pull.directory():
                    raise pull.expired("another server or base than before, or it is asked otherwise")
                way = Syncrepl(pull) if cursor.way == Syncrepl.name else Timestamp(pull)
                yield from way.since(cursor.mark, told)
                if not told.is_quiet and cursor.branches != pull.branches():
                    raise pull.expired("a branch of the directory came, went or moved")
            except ldap.LDAPError as error:
                if is_refusal(error):
                    raise pull.expired("the server does not tell what changed") from error
                raise
            told.cursor = str(replace(cursor, mark=told.mark))

    def _begin(self, pull: Pull) -> tuple[Way, Cursor] | None:
        """The best way that the settings and the server allow, and where it begins now; None without any."""
        if self._question.settings.ldap_changes == "none" or pull.columns.unique is None:
            return None
        for way in _ways(pull):
            if start := _start(pull, way):
                return way, start
        self._tell("the server offers no way to learn changes that ldap_changes allows, or has no entries")
        return None

    def _tell(self, reason: str) -> None:
        """Say once why each sync lists everything; louder where the configuration wants it otherwise."""
        if not self._has_told:
            self._has_told = True
            level = logging.INFO if self._question.settings.ldap_changes == "auto" else logging.WARNING
            logger.log(level, "source %r: everything is listed each time: %s", self._question.source, reason)


def _ways(pull: Pull) -> Iterator[Way]:
    """Timestamps never tell who is gone, so they are used only where somebody wants them."""
    wanted = pull.settings.ldap_changes
    syncrepl = Syncrepl(pull)
    if wanted == "syncrepl" or (wanted == "auto" and syncrepl.is_offered):
        yield syncrepl
    if wanted == "timestamp":
        yield Timestamp(pull)


def _start(pull: Pull, way: Way) -> Cursor | None:
    """Where a series begins now; None where a server refuses it."""
    try:
        if not way.start():
            return None
        return Cursor(way=way.name, directory=pull.directory(), branches=pull.branches(), mark="")
    except ldap.LDAPError as error:
        if is_refusal(error):
            return None
        raise
