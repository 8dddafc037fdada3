"""Where a pull is collected outside the index, so that memory stays flat and readers see nothing of it.

Rows come in batches; what is kept of an unchanged one is its uid. At the end the index changes in one
transaction, or not at all.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from lookupd.contact import anonymous_uid, twin_uid
from lookupd.errors import CursorExpired, SyncError
from lookupd.index import database, writer
from lookupd.index.checksum import checksum
from lookupd.index.record import Synced, synced
from lookupd.secret import masked
from lookupd.sql import statements
from lookupd.sync.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from pathlib import Path

    from lookupd.contact import Shape

logger = logging.getLogger(__name__)

#: how many steps of SQLite's machine a statement may take before it notices that the run is given up
PATIENCE = 10_000
#: a checked row and its fingerprint, under the uid that it will have
Named = dict[str, tuple[int, dict[str, object]]]


class Outcome(StrEnum):
    """What became of a run."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    HELD = "held"


_SQL = (
    statements("lookupd.index", "queries.sql")
    | statements("lookupd.sync", "staging.sql")
    | statements("lookupd.sync", "apply.sql")
)
_MAKE = ("make_seen", "make_changed", "make_gone", "make_outdated")
_CLEAR = ("clear_seen", "clear_changed", "clear_gone")
_APPLY = (
    "find_outdated",
    "forget_words",
    "forget_numbers",
    "forget_contacts",
    "write_contacts",
    "write_numbers",
    "write_words",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a run ended."""

    started_at: datetime
    seconds: float
    outcome: Outcome
    #: whether everything was pulled, not only what changed
    is_full: bool
    #: where the back-end goes on telling changes
    cursor: str | None = None
    #: rows left out, as no contact can hold them
    refused: int = 0
    #: what was odd about the rows, a text each
    oddities: tuple[str, ...] = ()
    error: str | None = None


class Stage:
    """One run's rows. Used from one thread at a time."""

    def __init__(self, index: sqlite3.Connection, path: Path, file: Path, shape: Shape) -> None:
        self._index = index
        self._path = path
        self._inode = path.stat().st_ino
        self._file = file
        self._shape = shape
        self._is_given_up = False
        index.set_progress_handler(lambda: self._is_given_up, PATIENCE)
        #: rows without a unique value, and rows that share theirs with another
        self.nameless = 0
        self.twins = 0
        source = shape.source
        self._settings = shape.fingerprint({"backend": source.backend, "config": masked(source.config)})
        index.execute(_SQL["add_source"], {"uuid": source.uuid, "name": source.name})
        index.execute(_SQL["forget_cursor"], {"uuid": source.uuid, "settings": self._settings})
        self.synced: Synced = synced(index.execute(_SQL["source"], (source.uuid,)).fetchone())

    @classmethod
    def open(cls, index: Path, folder: Path, shape: Shape) -> Self:
        """A new, empty stage beside the index, which is made if it is not there.

        Raises DataError or sqlite3.Error when the disk does not let it.
        """
        database.prepare(index)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{shape.source.uuid}.db"
        file.unlink(missing_ok=True)
        connection = writer.connect(index)
        try:
            connection.execute("ATTACH ? AS staging", (str(file),))
            connection.execute("PRAGMA staging.journal_mode = OFF")
            connection.execute("PRAGMA staging.synchronous = OFF")
            for name in _MAKE:
                connection.execute(_SQL[name])
            return cls(connection, index, file, shape)
        except BaseException:
            connection.close()
            file.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Close and delete the stage."""
        self._index.close()
        self._file.unlink(missing_ok=True)

    def interrupt(self) -> None:
        """End what is being done, or is done next, with an error; from any thread."""
        self._is_given_up = True  # SQLite forgets an interrupt that comes between two statements
        self._index.interrupt()

    def add(self, rows: Sequence[dict[str, object]]) -> None:
        """Take in some checked rows of a pull of everything; only those that differ become contacts."""
        named = self._named(rows)
        with writer.transaction(self._index):
            self._index.executemany(
                _SQL["see"], [(uid, fingerprint) for uid, (fingerprint, _) in named.items()]
            )
            self._change(named)

    def update(self, rows: Sequence[dict[str, object]]) -> None:
        """Take in some checked rows of a pull of changes; of several with one id the last is true.

        Raises CursorExpired where several contacts share an id: which of them changed, only a pull of
        everything can tell.
        """
        named = self._latest(rows)
        shared = {"source_id": self.synced.id, "uids": json.dumps([*named])}
        if (row := self._index.execute(_SQL["shared"], shared).fetchone()) is not None:
            raise CursorExpired(f"several contacts share the id {row[0]!r}")
        with writer.transaction(self._index):
            self._index.executemany(_SQL["take_back"], [(uid,) for uid in named])
            self._change(named)

    def remove(self, uids: Sequence[str]) -> None:
        """These contacts are gone, the directory says after all its changes."""
        with writer.transaction(self._index):
            self._index.executemany(_SQL["take_back"], [(uid,) for uid in uids])
            self._index.executemany(_SQL["go"], [{"source_id": self.synced.id, "uid": uid} for uid in uids])

    def clear(self) -> None:
        """Forget all that was taken in."""
        self.nameless = self.twins = 0
        with writer.transaction(self._index):
            for name in _CLEAR:
                self._index.execute(_SQL[name])

    def find_gone(self) -> None:
        """Everything was pulled: whatever was not seen is gone."""
        with writer.transaction(self._index):
            self._index.execute(_SQL["find_gone"], {"source_id": self.synced.id})

    def plan(self) -> Plan:
        """What applying will change."""
        before, written, changed, removed, replaced = self._index.execute(
            _SQL["plan"], {"source_id": self.synced.id}
        ).fetchone()
        return Plan(
            before=before,
            added=written - changed,
            changed=changed,
            removed=removed,
            unchanged=before - changed - removed,
            replaced=replaced,
        )

    def gone(self) -> list[str]:
        """The ids that will be removed, as the directory knew them."""
        return [uid for (uid,) in self._index.execute(_SQL["gone"])]

    def keep(self, uids: Iterable[str]) -> None:
        """These are not gone after all."""
        with writer.transaction(self._index):
            self._index.executemany(_SQL["keep"], [(uid,) for uid in uids])

    def apply(self, plan: Plan, end: End) -> None:
        """Change the source's part and note the run, in one transaction, or raise and change nothing."""
        with writer.transaction(self._index, "IMMEDIATE"):
            if self._path.stat().st_ino != self._inode:
                raise SyncError(f"{self._path}: was replaced during the run; it is filled by the next one")
            if plan.is_change:
                for name in _APPLY:
                    self._index.execute(_SQL[name], {"source_id": self.synced.id})
            self._index.execute(
                _SQL["succeed"],
                {
                    "source_id": self.synced.id,
                    "is_change": plan.is_change,
                    "contacts": plan.after,
                    "synced_at": end.started_at.timestamp(),
                    "full_at": end.started_at.timestamp() if end.is_full else None,
                    "cursor": end.cursor,
                    "settings": self._settings,
                },
            )
            self._note(end, plan)
        try:
            self._index.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:  # what was written counts; the next run clears the log up
            logger.warning("the index's log could not be cleared up: %s", error)

    def fail(self, end: End, plan: Plan | None = None) -> None:
        """Note a run that changed nothing: it failed, or with a plan it is held."""
        with writer.transaction(self._index, "IMMEDIATE"):
            if plan is not None:
                self._index.execute(_SQL["hold"], {"source_id": self.synced.id, "held": end.error})
            self._note(end, plan)

    def oddities(self) -> tuple[str, ...]:
        """What was odd about the rows so far, and what was made of it."""
        column = self._shape.source.unique_column
        said = []
        if self.nameless:
            said.append(f"{self.nameless} rows have nothing in {column!r}: kept, known by their content")
        if self.twins:
            said.append(f"{self.twins} rows share their {column!r} with another row: kept beside it")
        return tuple(said)

    def _note(self, end: End, plan: Plan | None) -> None:
        self._index.execute(
            _SQL["finish_run"],
            {
                "source_id": self.synced.id,
                "started_at": end.started_at.timestamp(),
                "seconds": end.seconds,
                "outcome": end.outcome,
                "is_full": end.is_full,
                "added": plan.added if plan else 0,
                "changed": plan.changed if plan else 0,
                "removed": plan.removed if plan else 0,
                "unchanged": plan.unchanged if plan else 0,
                "refused": end.refused,
                "oddities": json.dumps(end.oddities),
                "error": end.error,
            },
        )
        self._index.execute(_SQL["forget_runs"], {"source_id": self.synced.id})

    def _named(self, rows: Sequence[dict[str, object]]) -> Named:
        """Each row under an identity of its own: nothing is lost because ids are missing or stand twice."""
        named: Named = {}
        numbered = [(self._shape.uid(row), self._shape.fingerprint(row), row) for row in rows]
        seen = self._seen([uid for uid, _, _ in numbered if uid is not None])
        for uid, fingerprint, row in numbered:
            if uid is None:
                named[self._anonymous(fingerprint)] = (fingerprint, row)
                continue
            earlier = seen.setdefault(uid, fingerprint)
            if earlier != fingerprint:
                self.twins += 1
            named[uid if earlier == fingerprint else twin_uid(uid, fingerprint)] = (fingerprint, row)
        return named

    def _latest(self, rows: Sequence[dict[str, object]]) -> Named:
        """The last row of each id, and each row without one."""
        named: Named = {}
        for row in rows:
            uid, fingerprint = self._shape.uid(row), self._shape.fingerprint(row)
            named[self._anonymous(fingerprint) if uid is None else uid] = (fingerprint, row)
        return named

    def _anonymous(self, fingerprint: int) -> str:
        self.nameless += self._shape.source.unique_column is not None
        return anonymous_uid(fingerprint)

    def _change(self, named: Named) -> None:
        """Stage the contacts that are new or differ from the index."""
        stored = self._stored(named)
        self._index.executemany(
            _SQL["change"],
            [
                self._staged(uid, fingerprint, row)
                for uid, (fingerprint, row) in named.items()
                if stored.get(uid) != fingerprint
            ],
        )

    def _seen(self, uids: Sequence[str]) -> dict[str, int]:
        return dict(self._index.execute(_SQL["seen"], (json.dumps(uids),)).fetchall())

    def _stored(self, uids: Iterable[str]) -> dict[str, int]:
        rows = self._index.execute(_SQL["fingerprints"], (self.synced.id, json.dumps(list(uids))))
        return dict(rows.fetchall())

    def _staged(self, uid: str, fingerprint: int, row: dict[str, object]) -> tuple[object, ...]:
        contact = self._shape.contact(row, uid)
        numbers = json.dumps(list(dict.fromkeys(self._shape.index_keys(contact))))
        stored = (contact.display, contact.body, numbers, contact.terms)
        return uid, fingerprint, *stored, checksum(self.synced.id, uid, *stored)
