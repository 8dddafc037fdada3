"""Where a pull is collected outside the index, so that memory stays flat and readers see nothing of it.

Rows come in batches. Of an unchanged one its uid is kept; only the others are made contacts. At the end the
index changes in one transaction, or not at all.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import TYPE_CHECKING, Self

from lookupd.contact import twins_among
from lookupd.errors import CursorExpired, SyncError
from lookupd.index import database, writer
from lookupd.index.record import Synced, synced
from lookupd.sql import statements
from lookupd.sync import callers
from lookupd.sync.maker import Maker
from lookupd.sync.naming import Naming
from lookupd.sync.past import settings_of
from lookupd.sync.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lookupd.contact import Shape
    from lookupd.sync.end import End
    from lookupd.sync.making import Made
    from lookupd.sync.naming import Named

logger = logging.getLogger(__name__)

#: how many steps of SQLite's machine a statement may take before it notices that the run is given up
PATIENCE = 10_000
#: what the stage's own pages may take in memory, in KiB
CACHE = 32_768
#: the whole table of contacts is read where it has at most so many times as many as the source
SCAN = 8

_SQL = (
    statements("lookupd.index", "queries.sql")
    | statements("lookupd.sync", "staging.sql")
    | statements("lookupd.sync", "apply.sql")
)
_MAKE = ("make_seen", "make_held", "make_changed", "make_gone", "make_outdated", "make_touched")
_CLEAR = ("clear_seen", "clear_changed", "clear_gone")
_REMOVE = ("forget_words", "forget_numbers", "forget_contacts")
_WRITE = ("write_contacts", "write_numbers")


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
        source = shape.source
        self._settings = settings_of(shape)
        index.execute(_SQL["add_source"], {"uuid": source.uuid, "name": source.name})
        index.execute(_SQL["forget_cursor"], {"uuid": source.uuid, "settings": self._settings})
        self.synced: Synced = synced(index.execute(_SQL["source"], (source.uuid,)).fetchone())
        self._maker = Maker(shape, self.synced.id)
        self._naming = Naming(index, shape, self.synced.id, self._settle)
        #: how many fingerprints of the index were looked at; None before that
        self._held: int | None = None

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
            connection.execute("PRAGMA staging.page_size = 16384")  # it is written and read in large pieces
            connection.execute("PRAGMA staging.journal_mode = OFF")
            connection.execute("PRAGMA staging.synchronous = OFF")
            connection.execute(f"PRAGMA staging.cache_size = -{CACHE}")
            for name in _MAKE:
                connection.execute(_SQL[name])
            return cls(connection, index, file, shape)
        except BaseException:
            connection.close()
            file.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Close and delete the stage."""
        self._maker.close()
        self._index.close()
        self._file.unlink(missing_ok=True)

    def interrupt(self) -> None:
        """End what is being done, or is done next, with an error; from any thread."""
        self._maker.interrupt()
        self._is_given_up = True  # SQLite forgets an interrupt that comes between two statements
        self._index.interrupt()

    def stop_making(self) -> None:
        """End making contacts, if somebody waits for that, with an error; from any thread."""
        self._maker.interrupt()

    def add(self, rows: Sequence[dict[str, object]]) -> None:
        """Take in some checked rows of a pull of everything; only those that differ become contacts."""
        with writer.transaction(self._index):
            named = self._naming.every(rows)
            self._write_made(self._maker.make(self._unheld(named)))

    def update(self, rows: Sequence[dict[str, object]]) -> None:
        """Take in some checked rows of a pull of changes; of several with one id the last is true.

        Raises CursorExpired where several contacts share an id: which of them changed, only a pull of
        everything can tell.
        """
        named = self._naming.latest(rows)
        shared = {"source_id": self.synced.id, "uids": json.dumps([*named])}
        if (row := self._index.execute(_SQL["shared"], shared).fetchone()) is not None:
            raise CursorExpired(f"several contacts share the id {row[0]!r}")
        with writer.transaction(self._index):
            self._settle()
            self._index.executemany(_SQL["take_back"], [(uid,) for uid in named])
            stored = self._stored(named)
            changed = {uid: one for uid, one in named.items() if stored.get(uid) != one[0]}
            self._write_made(self._maker.make(changed))

    def remove(self, uids: Sequence[str]) -> None:
        """These contacts are gone, the directory says after all its changes."""
        with writer.transaction(self._index):
            self._settle()
            self._index.executemany(_SQL["take_back"], [(uid,) for uid in uids])
            self._index.executemany(_SQL["go"], [{"source_id": self.synced.id, "uid": uid} for uid in uids])

    def clear(self) -> None:
        """Forget all that was taken in."""
        self._naming.clear()
        with writer.transaction(self._index):
            self._settle()
            for name in _CLEAR:
                self._index.execute(_SQL[name])

    def find_gone(self) -> None:
        """Everything was pulled: whatever was not seen is gone."""
        with writer.transaction(self._index):
            self._index.execute(_SQL["find_gone"], {"source_id": self.synced.id})

    def plan(self) -> Plan:
        """What applying will change: all is taken in."""
        with writer.transaction(self._index):
            self._settle()
        before, written, changed, removed, replaced, is_resettled = self._index.execute(
            _SQL["plan"], {"source_id": self.synced.id, "settings": self._settings}
        ).fetchone()
        return Plan(
            before=before,
            added=(added := written - changed),
            changed=changed,
            removed=removed,
            unchanged=before - changed - removed,
            replaced=min(removed, added) if is_resettled else replaced,
            is_resettled=bool(is_resettled),
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
                self._write(plan)
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
        return tuple(self._naming.oddities())

    def _write(self, plan: Plan) -> None:
        """Change the source's contacts, and what finds them."""
        limit = callers.most(self._index)
        is_little = plan.touched <= limit
        touches = (("touch_outdated",), ("touch_written",)) if is_little else ((), ())
        for name in ("find_outdated", *touches[0], *_REMOVE):
            self._index.execute(_SQL[name], {"source_id": self.synced.id})
        values = {"source_id": self.synced.id, "last": self._last()}
        for name in (*_WRITE, *touches[1], "write_words"):
            self._index.execute(_SQL[name], values)
        if is_little:
            callers.note(self._index, _SQL["touched"], limit)
        else:
            callers.forget(self._index)

    def _note(self, end: End, plan: Plan | None) -> None:
        self._index.execute(_SQL["finish_run"], end.note(self.synced.id, plan))
        self._index.execute(_SQL["forget_runs"], {"source_id": self.synced.id})

    def _settle(self) -> None:
        """Stage what is still being made."""
        self._write_made(self._maker.rest())

    def _write_made(self, made: Sequence[Made]) -> None:
        """Stage contacts that are new or differ from the index."""
        self._index.executemany(_SQL["change"], made)

    def _unheld(self, named: Named) -> Named:
        """Those that the index does not hold as they are.

        A fingerprint tells the id as well, but for whether it is a twin's: so no id is looked up.
        """
        if self._held is None:
            self._held = self._hold()
        if not self._held:
            return named
        rows = [*named.items()]
        fingerprints = [fingerprint for _, (fingerprint, _) in rows]
        asked = {"fingerprints": json.dumps(fingerprints), "twins": json.dumps(twins_among([*named]))}
        return dict([rows[at] for (at,) in self._index.execute(_SQL["unheld"], asked)])

    def _hold(self) -> int:
        """Stage the fingerprints that the index holds, and say how many."""
        is_most = SCAN * self.synced.contacts > self._last()
        statement = _SQL["hold_by_scan" if is_most else "hold_by_source"]
        return self._index.execute(statement, {"source_id": self.synced.id}).rowcount

    def _last(self) -> int:
        """The highest id of a contact."""
        last: int = self._index.execute(_SQL["last"]).fetchone()[0]
        return last

    def _stored(self, uids: Iterable[str]) -> dict[str, int]:
        rows = self._index.execute(_SQL["fingerprints"], (self.synced.id, json.dumps(list(uids))))
        return dict(rows.fetchall())
