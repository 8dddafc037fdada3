"""Root runs a command, and the daemon another user: what the command leaves must be of use to the daemon.

SQLite gives the files beside a database to its owner by itself. Everything else would belong to root.
"""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from typing import TYPE_CHECKING

from lookupd.cli import output

if TYPE_CHECKING:
    from pathlib import Path

_ROOT = 0
#: what tells whose the data are: what the daemon has made, else their folder
_SIGNS = ("index.db", "state.db", "")


def of(data: Path) -> tuple[int, int] | None:
    """User and group the data belong to, where that is somebody else than root, who we are."""
    if os.geteuid() != _ROOT:
        return None
    for sign in _SIGNS:
        with suppress(FileNotFoundError, NotADirectoryError):
            there = (data / sign).stat(follow_symlinks=not sign)
            return None if there.st_uid == _ROOT else (there.st_uid, there.st_gid)
    return None


def become(data: Path) -> None:
    """As root, go on as whoever the data belong to, for good."""
    owner = of(data)
    if owner is None:
        return
    user, group = owner
    if not _may_read_us(user):
        output.say(
            f"{data} belongs to user {user}, who may not read Python or lookupd: this goes on as root, "
            f"and what it makes there may be of no use to the daemon",
            err=True,
        )
        return
    try:
        entry = pwd.getpwuid(user)
    except KeyError:  # a number without a name
        os.setgroups([])
        os.setgid(group)
    else:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
    os.setuid(user)


def give(owner: tuple[int, int] | None, *files: Path) -> None:
    """Let somebody have these files, as far as they are there."""
    if owner is not None:
        for file in files:
            with suppress(FileNotFoundError):
                os.chown(file, *owner, follow_symlinks=False)


def _may_read_us(user: int) -> bool:
    """Whether a user may read what is still to be imported."""
    os.seteuid(user)
    try:
        return all(os.access(file, os.R_OK, effective_ids=True) for file in (os.__file__, __file__))
    finally:
        os.seteuid(_ROOT)
