"""Rows -> contacts, ready to stage: most of what a first load computes.

`python -m lookupd.sync.making DESCRIPTOR` is a process that does only this. A socket that it inherits brings
a shape and the id of its source, then rows again and again, and takes what they became. It ends when the
other end is closed, so that it never outlives the run that started it.
"""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, TypeAlias

from lookupd.index.checksum import checksum, shown

if TYPE_CHECKING:
    from lookupd.contact import Shape
    from lookupd.sync.naming import Named

#: a row of staging.changed: uid, fingerprint, display, body, numbers, terms, shown, checksum
Made: TypeAlias = "tuple[str, int, str | None, str, str, str, int, int]"


def made(shape: Shape, source_id: int, named: Named) -> list[Made]:
    """What rows have become, in the same order."""
    return [_made(shape, source_id, uid, fingerprint, row) for uid, (fingerprint, row) in named.items()]


def _made(shape: Shape, source_id: int, uid: str, fingerprint: int, row: dict[str, object]) -> Made:
    contact = shape.contact(row, uid)
    display, body, terms = contact.display, contact.body, contact.terms
    numbers = shape.index_numbers(contact)
    shown_sum = shown(source_id, display, body)
    whole_sum = checksum(shown_sum, uid, numbers, terms)
    return uid, fingerprint, display, body, numbers, terms, shown_sum, whole_sum


def main() -> None:
    """Run as a process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # may come to all of us: the run decides
        signal.signal(number, signal.SIG_IGN)
    # It ends when the other end is closed, or with a row that it cannot make: the run will tell why.
    with Connection(int(sys.argv[1])) as run, suppress(Exception):
        shape, source_id = run.recv()
        while True:
            run.send(made(shape, source_id, run.recv()))


if __name__ == "__main__":
    main()
