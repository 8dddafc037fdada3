"""The file of callers: made again when too much has changed since, and until then what has changed is noted.

Nobody waits for it. It is made of the index as it is at one moment, beside other runs, which note what they
change meanwhile; it counts when all of it is on the disk.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import sqlite3
from array import array
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from lookupd.datafile import SQLITE, is_disk_full, which
from lookupd.errors import IndexDamaged
from lookupd.index import callerfile, database, scrub, writer
from lookupd.index.caller import Ready, number_of, ready
from lookupd.index.checksum import Damaged
from lookupd.sql import statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

_SQL = statements("lookupd.index", "queries.sql") | statements("lookupd.sync", "callers.sql")
#: the file is made again when a share of one in so many contacts has changed, and so many
SHARE, FEW = 32, 1000
#: files of callers begin so
PREFIX = "callers-"
#: bytes that are written at once
PIECE = 1 << 20


def most(contacts: int) -> int:
    """How many callers may have changed in an index of so many contacts before the file is made again."""
    return max(FEW, contacts // SHARE)


def forget(index: sqlite3.Connection) -> None:
    """So much changes that the file is no longer of use; part of a transaction."""
    index.execute(_SQL["forget_caller_file"])


def note(index: sqlite3.Connection, touched: str, limit: int) -> None:
    """The callers whose ids a statement gives may have changed; part of a transaction.

    With more than `limit` of them the file is no longer of use.
    """
    known = _ready(index)
    if known is None:
        return
    changed = {*array("Q", known.changed), *(id_ for (id_,) in index.execute(touched))}
    if len(changed) > limit:
        forget(index)
    else:
        _put(index, known._replace(changed=array("Q", sorted(changed)).tobytes()))


def renew(index: Path, ends: Callable[[], bool]) -> None:
    """Make the file, unless it is there; `ends` is asked again and again whether to give up.

    Where it cannot be made now, that is told, and it is tried again after the next run. Raises IndexDamaged
    when the index was damaged and is made anew, or sqlite3.Error where SQLite finds it damaged.
    """
    with _trouble_told(index, ends), _only_one(index), closing(writer.connect(index)) as connection:
        connection.set_progress_handler(ends, database.STEPS)
        known = _ready(connection)
        while known is None or not (known.is_made and index.with_name(known.name).exists()):
            known = _made(connection, index, ends)
        for file in index.parent.glob(f"{PREFIX}*"):
            if file.name != known.name:
                file.unlink()


def check(index: Path, ends: Callable[[], bool]) -> None:
    """Delete the file if it does not say what the contacts say, which takes a look at all of them.

    Tells and raises the same.
    """
    with _trouble_told(index, ends), closing(database.connect_reader(index)) as connection:
        connection.set_progress_handler(ends, database.STEPS)
        with suppress(sqlite3.OperationalError):  # where nobody can write, SQLite sorts in another place
            database.sort_on_disk(connection, index.parent)
        connection.execute("BEGIN")
        known = _ready(connection)
        if known is None or not known.is_made:
            return
        path = index.with_name(known.name)
        if problem := _problem(connection, path, known):
            logger.warning("%s is deleted, and made again: %s", path, problem)
            path.unlink(missing_ok=True)


def _problem(connection: sqlite3.Connection, path: Path, known: Ready) -> str | None:
    try:
        with closing(callerfile.CallerFile(path, known.changed)) as file:
            return _contradiction(connection, file, known)
    except FileNotFoundError:
        return None
    except (OSError, Damaged) as error:
        return str(error)


def _contradiction(connection: sqlite3.Connection, file: callerfile.CallerFile, known: Ready) -> str | None:
    """Where the file and the contacts disagree; sums of hashes do not depend on the order."""
    told, elsewhere, changed = 0, set(), {*array("Q", known.changed)}
    for id_, shown_sum in file.sums():
        if shown_sum is None:
            elsewhere.add(number_of(id_))
        elif id_ not in changed:
            told += hash((id_, shown_sum))
    for id_, shown_sum in connection.execute(_SQL["callers_made"]):
        if id_ not in changed and number_of(id_) not in elsewhere:
            told -= hash((id_, shown_sum))
    return "it does not say what the contacts say" if told else None


def _made(connection: sqlite3.Connection, index: Path, ends: Callable[[], bool]) -> Ready | None:
    """Make a file of what the index holds now; None when so much changed meanwhile that it is of no use."""
    new = Ready(f"{PREFIX}{secrets.token_hex(8)}", is_made=False, changed=b"")
    with writer.transaction(connection, "IMMEDIATE"):
        _put(connection, new)
    file, unfinished = index.with_name(new.name), index.with_name(f"{new.name}.new")
    try:
        with unfinished.open("wb", buffering=PIECE) as output:
            for piece in callerfile.packed(connection.execute(_SQL["callers"])):
                output.write(piece)
                if ends():
                    raise InterruptedError("it is given up")
            output.flush()
            os.fsync(output.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    with writer.transaction(connection, "IMMEDIATE"):
        known = _ready(connection)
        if known is None or known.name != new.name:
            return None
        made = known._replace(is_made=True)
        _put(connection, made)
    return made


@contextmanager
def _trouble_told(index: Path, ends: Callable[[], bool]) -> Iterator[None]:
    """What goes wrong within does not concern the run that it comes after, unless the index is damaged."""
    try:
        yield
    except Damaged as error:
        file, problem = which(index), scrub.problem(index, ends)
        if file is not None and problem is not None:
            database.replace(index, file, problem)
            raise IndexDamaged(str(index)) from error
        logger.warning("%s: could not be read (%s), and is sound", index, error)
    except (OSError, *SQLITE) as error:
        if database.is_damage(error):
            raise
        if not ends():
            level = logging.DEBUG if is_disk_full(error) else logging.WARNING  # a full disk is told by runs
            logger.log(level, "who calls is read from the index, which takes longer: %s", error)


def _ready(index: sqlite3.Connection) -> Ready | None:
    return ready(index.execute(_SQL["caller_file"]).fetchone())


def _put(index: sqlite3.Connection, what: Ready) -> None:
    index.execute(_SQL["put_caller_file"], what.row())


@contextmanager
def _only_one(index: Path) -> Iterator[None]:
    """One process makes the file at a time, and the others wait for it."""
    with index.with_name("callers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
