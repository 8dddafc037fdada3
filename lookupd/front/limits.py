"""How much of everything there may be. Sizes are bytes, times are seconds."""

from __future__ import annotations

import contextlib
import resource
from dataclasses import dataclass

#: descriptors that are left for files, databases and directories
_SPARE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of a front; tests use smaller ones."""

    #: the request line and the headers together: 431
    head: int = 8 * 1024
    #: until a head is complete, from its first byte, or from the connection where it is the first: 408
    head_time: float = 10.0
    #: a body, as it is declared: 413
    body: int = 1024 * 1024
    #: until a body is complete, from the end of its head: 408
    body_time: float = 10.0
    #: a connection without a request
    idle_time: float = 75.0
    #: a client that takes nothing of its answer
    answer_time: float = 10.0
    #: for a client to read why it is turned away, before its connection goes
    farewell_time: float = 1.0
    #: connections; fewer if the process may not open as many files
    connections: int = 10_000
    #: connections that wait to be accepted, as far as net.core.somaxconn lets them
    backlog: int = 4096
    #: requests begun and not answered, of all clients and of one
    in_flight: int = 1000
    in_flight_each: int = 750
    #: the same for text searches, at most
    lookups: int = 11
    lookups_each: int = 8
    #: they wait for each other, so there are only as many as are over in this time, together; but some always
    lookups_time: float = 0.03
    lookups_least: int = 6
    #: how long a request may expect to wait for its turn while too many come, and half of it a lookup
    delay: float = 0.02
    #: the same for a burst, and how long that may last
    burst_delay: float = 0.2
    burst_time: float = 0.1
    #: this long without a delay, the next one is a burst again; and without a reverse question refused,
    #: lookups are let in again
    calm_time: float = 1.0
    #: how long idle connections stay when the front drains
    grace: float = 1.0
    #: and when its process ends: so long after the last request, as nobody else may answer before that
    haste: float = 0.1
    #: between two looks at a part of the connections
    sweep: float = 0.1


def raise_file_limit() -> int:
    """Let this process open as many files as it is allowed to; says how many that are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # some systems have a lower bound of their own
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def most_connections(limits: Limits) -> int:
    """How many connections may be open at once: what the limits say, or what the file limit leaves."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return limits.connections if soft < 0 else max(1, min(limits.connections, soft - _SPARE))
