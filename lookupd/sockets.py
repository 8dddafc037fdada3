"""The listening sockets of a serving process, and how one process tells another of them."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """Where a process listens."""

    http: Sequence[socket.socket]
    #: what a service manager has handed over for views, by their names
    views: Mapping[str, Sequence[socket.socket]] = field(default_factory=dict)

    @classmethod
    def inherited(cls, words: Iterable[str]) -> Self:
        """Those that another process tells of, whose descriptors this one has inherited."""
        http: list[socket.socket] = []
        views: dict[str, list[socket.socket]] = {}
        for word in words:
            name, _, number = word.rpartition("=")
            one = socket.socket(fileno=int(number))
            one.settimeout(0)
            (views.setdefault(name, []) if name else http).append(one)
        return cls(http=http, views=views)

    def words(self) -> dict[str, int]:
        """A word of the command line for each, "7" or "fastagi=8", and its descriptor."""
        named = [("", one) for one in self.http]
        named += [(f"{name}=", one) for name, sockets in self.views.items() for one in sockets]
        return {f"{name}{one.fileno()}": one.fileno() for name, one in named}
