"""All connections of a front: how many there may be, and which have taken too long.

Time-outs are found by looking at a part of the connections ten times a second, so a request sets no timer.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from itertools import islice
from typing import TYPE_CHECKING

from lookupd.front.form import Forms
from lookupd.front.limits import most_connections
from lookupd.front.load import Client
from lookupd.front.room import Room

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.front.bounded import Bounded
    from lookupd.front.limits import Limits
    from lookupd.front.load import Load

#: connections that each look takes at least, and the share of all that it takes at least
_FEW = 100
_SHARE = 10
#: connections among which the quietest is looked for when there are too many
_SAMPLE = 50
#: hosts of one network share an address as far as bounds go
_IPV6_PREFIX = 64


class Watch:
    """Who is connected."""

    def __init__(
        self,
        limits: Limits,
        load: Load,
        clock: Callable[[], float],
        at_once: Callable[[bytes], bytes | None] | None = None,
        search_cost: Callable[[], float] | None = None,
    ) -> None:
        self.limits = limits
        self.load = load
        self.clock = clock
        #: gives the whole reply to a request it can answer without waiting
        self.at_once = at_once
        #: how many text searches may be under way
        self.room = Room(limits, load, search_cost)
        self.forms = Forms()
        #: connections that owe a head, since when, the oldest first
        self.heads: dict[Bounded, float] = {}
        #: set while there are no connections
        self.emptied = asyncio.Event()
        self.emptied.set()
        #: all, those first that were not looked at for the longest
        self._open: OrderedDict[Bounded, None] = OrderedDict()
        self._clients: dict[str, Client] = {}
        self._most = most_connections(limits)

    def enter(self, connection: Bounded, address: str) -> Client:
        """Take a connection, and close another if there are too many; gives what its address has."""
        self._open[connection] = None
        self.emptied.clear()
        self.owes_head(connection, self.clock())
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = Client()
        client.connections += 1
        self.load.connections = len(self._open)
        return client

    def make_room(self, newest: Bounded) -> None:
        """Close a connection if there are too many: the slowest, else a quiet one, else the newest."""
        if len(self._open) > self._most:
            oldest = next(iter(self.heads), newest)
            victim = self._quietest() or newest if oldest is newest else oldest
            victim.drop("room")

    def leave(self, connection: Bounded, address: str, client: Client) -> None:
        """A connection is lost."""
        self.forget(connection)
        client.connections -= 1
        self.forget_client(address, client)

    def forget(self, connection: Bounded) -> None:
        """A connection no longer counts, although it may not be gone yet."""
        self.has_head(connection)
        self._open.pop(connection, None)
        self.load.connections = len(self._open)
        if not self._open:
            self.emptied.set()

    def forget_client(self, address: str, client: Client) -> None:
        """Forget what an address has, if that is nothing."""
        if not client.connections and not client.in_flight and self._clients.get(address) is client:
            del self._clients[address]

    def owes_head(self, connection: Bounded, now: float) -> None:
        """A head has begun, or is to begin."""
        if connection not in self.heads:
            self.heads[connection] = now
            self.load.slow = len(self.heads)

    def has_head(self, connection: Bounded) -> None:
        """A head is complete."""
        self.heads.pop(connection, None)
        self.load.slow = len(self.heads)

    def sweep(self) -> None:
        """Look at the next connections, and close those that have taken too long."""
        now = self.clock()
        for connection in list(islice(self._open, max(_FEW, len(self._open) // _SHARE))):
            self._open.move_to_end(connection)
            connection.check(now)

    def last_answers(self) -> None:
        """Let the next answer on each connection be its last."""
        for connection in self._open:
            connection.ends()

    def close_idle(self) -> None:
        """Close all that have no request under way."""
        for connection in [connection for connection in self._open if connection.is_idle]:
            connection.force_close()

    def drop_all(self) -> None:
        """Close all, whatever they do."""
        for connection in list(self._open):
            connection.drop("drain")

    def _quietest(self) -> Bounded | None:
        some = [connection for connection in islice(self._open, _SAMPLE) if connection.is_idle]
        some = [connection for connection in some if connection not in self.heads]
        return min(some, key=lambda connection: connection.heard_at, default=None)


def address_of(peername: object) -> str:
    """The address bounds are counted for: an IPv4 address, or the network of an IPv6 one."""
    if not isinstance(peername, tuple) or not peername:
        return ""  # a Unix socket
    text = str(peername[0])
    if ":" not in text:
        return text
    address = ipaddress.IPv6Address(text.partition("%")[0])
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _IPV6_PREFIX), strict=False))
