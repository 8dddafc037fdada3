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
#: what tells whose the data are: what the daemon has made, else their folder, or the one it will be made in
_SIGNS = ("index.db", "state.db")


def of(data: Path) -> tuple[int, int] | None:
    """User and group the data belong to, where that is somebody else than root, who we are."""
    if os.geteuid() != _ROOT:
        return None
    signs = [data / name for name in _SIGNS]
    for sign in (*signs, data, *data.absolute().parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            there = sign.stat(follow_symlinks=sign not in signs)
            return None if there.st_uid == _ROOT else (there.st_uid, there.st_gid)
    return None


def become(data: Path) -> None:
    """As root, go on as whoever the data belong to, for good."""
    owner = of(data)
    if owner is None:
        return
    if _is_able(owner):
        _turn_into(*owner)
    else:
        output.say(
            f"{data} belongs to user {owner[0]}, whom root may not become here, or who may not read Python "
            f"or lookupd: this goes on as root, and what it makes there may be of no use to the daemon",
            err=True,
        )


def give(owner: tuple[int, int] | None, *files: Path) -> None:
    """Let somebody have these files, as far as they are there."""
    if owner is not None:
        for file in files:
            with suppress(FileNotFoundError):
                os.chown(file, *owner, follow_symlinks=False)


def _turn_into(user: int, group: int) -> None:
    """Become a user, with the groups that it has; for good."""
    try:
        entry = pwd.getpwuid(user)
    except KeyError:  # a number without a name
        os.setgroups([])
        os.setgid(group)
    else:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
    os.setuid(user)


def _is_able(owner: tuple[int, int]) -> bool:
    """Whether this can go on as somebody: tried by a process of its own, as there is no way back."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return status == 0
    try:
        _turn_into(*owner)
        os._exit(not all(os.access(file, os.R_OK) for file in (os.__file__, __file__)))
    finally:
        os._exit(1)
