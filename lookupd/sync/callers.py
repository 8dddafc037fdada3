"""The file of callers: made again when too much has changed since, and until then what has changed is noted.

Nobody waits for it. It is made of the index as it is at one moment, beside other runs, which note what they
change meanwhile; it counts when all of it is on the disk.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import time
from array import array
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from lookupd.datafile import SQLITE, which
from lookupd.errors import IndexDamaged
from lookupd.index import callerfile, database, scrub, writer
from lookupd.index.caller import Ready, number_of, ready
from lookupd.index.checksum import Damaged, checksum
from lookupd.sql import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

_SQL = statements("lookupd.index", "queries.sql") | statements("lookupd.sync", "callers.sql")
#: the file is made again when one in so many contacts has changed, but not for so few, and for so many in any
#: case, as readers read their ids on the loop
SHARE, FEW, MANY = 32, 100, 50_000
#: files of callers are named so, and with an end as long as they are being made
PREFIX, UNFINISHED = "callers-", ".new"
_OURS = re.compile(rf"{PREFIX}[0-9a-f]{{16}}(?:{re.escape(UNFINISHED)})?")
#: how long to wait before it is seen again whether another process is done with the file, in seconds
PAUSE = 0.1
#: bytes that are written at once
PIECE = 1 << 20


def most(index: sqlite3.Connection) -> int:
    """How many callers may have changed before the file is made again."""
    contacts: int = index.execute(_SQL["contacts"]).fetchone()[0]
    return min(max(FEW, contacts // SHARE), MANY)


def forget(index: sqlite3.Connection) -> None:
    """So much changes that the file is no longer of use; part of a transaction."""
    index.execute(_SQL["forget_caller_file"])


def note(index: sqlite3.Connection, touched: str, limit: int) -> None:
    """The callers whose ids a statement gives may have changed; part of a transaction.

    With more than `limit` of them the file is no longer of use.
    """
    known = _ready(index)
    changed = {*array("Q", known.changed if known else b""), *(id_ for (id_,) in index.execute(touched))}
    if known is None or len(changed) > limit:
        forget(index)
    else:
        _put(index, known._replace(changed=array("Q", sorted(changed)).tobytes()))


def renew(index: Path, ends: Callable[[], bool]) -> None:
    """Make the file, unless it is there; `ends` is asked again and again whether to give up.

    Where it cannot be made now, that is told, and it is tried again after the next run. Raises IndexDamaged
    when the index was damaged and is made anew, or OSError or sqlite3.Error when that is impossible now.
    """
    with _trouble_told(index, ends):
        if which(index) is None or _is_made(index):
            return
        with _only_one(index, ends), closing(writer.connect(index)) as connection:
            connection.set_progress_handler(ends, database.STEPS)
            connection.create_function("sound", 6, _sound, deterministic=True)
            known = _ready(connection)
            while known is None or not (known.is_made and index.with_name(known.name).exists()):
                known = _made(connection, index, ends)
            for file in _files(index):
                if file.name != known.name:
                    file.unlink(missing_ok=True)


def check(index: Path, ends: Callable[[], bool]) -> None:
    """Forget the file if it is not what the contacts say, which takes a look at all of them.

    Or if anything has changed since it was made: then it may name people who were removed. Tells and raises
    the same.
    """
    with _trouble_told(index, ends), closing(writer.connect(index)) as connection:
        connection.set_progress_handler(ends, database.STEPS)
        connection.execute("BEGIN")
        known = _ready(connection)
        if known is None or not known.is_made or not index.with_name(known.name).exists():
            return
        problem = None if known.changed else _problem(connection, index.with_name(known.name), ends)
        connection.execute("COMMIT")
        if problem is not None:
            logger.warning("%s: %s; it is made again", index.with_name(known.name), problem)
        if (problem is not None or known.changed) and not ends():
            with writer.transaction(connection, "IMMEDIATE"):
                forget(connection)


def _is_made(index: Path) -> bool:
    """Whether the file is there, and nothing else of ours."""
    with closing(database.connect_reader(index)) as connection:
        known = _ready(connection)
    return known is not None and known.is_made and [file.name for file in _files(index)] == [known.name]


def _files(index: Path) -> list[Path]:
    return [file for file in index.parent.glob(f"{PREFIX}*") if _OURS.fullmatch(file.name)]


def _sound(*contact: Any) -> bool:  # noqa: ANN401 - damage may be of any type
    """True; raises where a contact is not what was stored. SQLite says then that a function failed."""
    id_, uid, numbers, terms, shown_sum, whole_sum = contact
    if checksum(shown_sum, uid, numbers, terms) != whole_sum:
        raise Damaged(f"contact {id_} is not what was stored")
    return True


def _problem(connection: sqlite3.Connection, path: Path, ends: Callable[[], bool]) -> str | None:
    try:
        with closing(callerfile.CallerFile(path, b"")) as file:
            return _contradiction(connection, file, ends)
    except (OSError, Damaged) as error:
        return str(error)


def _contradiction(
    connection: sqlite3.Connection, file: callerfile.CallerFile, ends: Callable[[], bool]
) -> str | None:
    """Where the file and the contacts disagree; sums of hashes do not depend on the order."""
    told, elsewhere = 0, set[int]()
    for at, (id_, shown_sum) in enumerate(file.sums()):
        if shown_sum is None:
            elsewhere.add(number_of(id_))
        else:
            told += hash((id_, shown_sum))
        if not at % database.STEPS and ends():
            return None
    for id_, shown_sum in connection.execute(_SQL["callers_made"]):
        if number_of(id_) not in elsewhere:
            told -= hash((id_, shown_sum))
    return "it does not say what the contacts say" if told else None


def _made(connection: sqlite3.Connection, index: Path, ends: Callable[[], bool]) -> Ready | None:
    """Make a file of what the index holds now; None when so much changed meanwhile that it is of no use."""
    new = Ready(f"{PREFIX}{secrets.token_hex(8)}", is_made=False, changed=b"")
    with writer.transaction(connection, "IMMEDIATE"):
        _put(connection, new)
    file, unfinished = index.with_name(new.name), index.with_name(f"{new.name}{UNFINISHED}")
    try:
        with unfinished.open("wb", buffering=PIECE) as output:
            for piece in callerfile.packed(connection.execute(_SQL["callers"]), new.name):
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
    except (OSError, Damaged, *SQLITE) as error:
        if ends():
            return
        if isinstance(error, Damaged) or (isinstance(error, SQLITE) and database.is_damage(error)):
            file, problem = which(index), scrub.problem(index, ends)
            if file is not None and problem is not None:
                database.replace(index, file, problem)
                raise IndexDamaged(str(index)) from error
        logger.warning("who calls is read from the index, which takes longer: %s", error)


def _ready(index: sqlite3.Connection) -> Ready | None:
    return ready(index.execute(_SQL["caller_file"]).fetchone())


def _put(index: sqlite3.Connection, what: Ready) -> None:
    index.execute(_SQL["put_caller_file"], what.row())


@contextmanager
def _only_one(index: Path, ends: Callable[[], bool]) -> Iterator[None]:
    """One process makes the file at a time, and the others wait for it."""
    with index.with_name("callers.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if ends():
                    raise
                time.sleep(PAUSE)
        yield
