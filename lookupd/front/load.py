"""What a front has to do at the moment, and what it refused so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Client:
    """What one address has."""

    connections: int = 0
    in_flight: int = 0
    lookups: int = 0
    #: requests that are read and not begun, and the text searches among them
    waiting: int = 0
    lookups_waiting: int = 0


@dataclass(slots=True, kw_only=True)
class Load:
    """Counters of one front, since it was opened."""

    #: open connections, and those of them that owe a head
    connections: int = 0
    slow: int = 0
    #: requests begun and not answered, and the text searches among them
    in_flight: int = 0
    lookups: int = 0
    #: how many of these there may be, as long as they take what they take now
    most_lookups: int = 0
    #: requests answered without being parsed
    answered_at_once: int = 0
    #: requests answered with 503, by why: queue (a reverse question or another), queue_lookup, in_flight,
    #: lookups, client (one address had too much)
    shed: Counter[str] = field(default_factory=Counter)
    #: connections closed by us, by why: head, body, idle, answer, room (made for another), head_size
    closed: Counter[str] = field(default_factory=Counter)
    #: requests that were no HTTP
    malformed: int = 0
    #: whether no more connections are taken
    is_draining: bool = False

    def facts(self) -> dict[str, object]:
        """All of it, for JSON."""
        return {
            "connections": self.connections,
            "slow": self.slow,
            "in_flight": self.in_flight,
            "lookups": self.lookups,
            "most_lookups": self.most_lookups,
            "answered_at_once": self.answered_at_once,
            "shed": dict(self.shed),
            "closed": dict(self.closed),
            "malformed": self.malformed,
            "draining": self.is_draining,
        }
