"""What a proxy does to a connection: small frozen values.

Bytes are counted from the beginning of the connection.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from tests.faults.wire import Wire

DRIP_PAUSE = 0.02  # seconds; a fast drip sends more than a byte at a time


class Line(Protocol):
    """A connection, as behaviours see it."""

    up: Wire
    down: Wire

    def lose_server(self) -> None:
        """Close the server's side for ever."""


class Behaviour(ABC):  # noqa: B024 - what its two kinds do has nothing in common
    """How a connection behaves."""


class OneWay(Behaviour):
    """Concerns one direction; when `carry` returns, the receiver sees the end of the stream."""

    @abstractmethod
    async def carry(self, wire: Wire) -> None:
        """Move bytes. May be cancelled at any await, and another behaviour goes on from there."""


class Whole(Behaviour):
    """Concerns both directions; the server is not asked. The connection ends when `hold` returns."""

    @abstractmethod
    async def hold(self, line: Line) -> None:
        """Keep the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass(OneWay):
    """As if there were no proxy."""

    async def carry(self, wire: Wire) -> None:
        while await wire.fill():
            await wire.send()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(OneWay):
    """Waits before each chunk."""

    seconds: float

    async def carry(self, wire: Wire) -> None:
        while await wire.fill():
            await asyncio.sleep(self.seconds)
            await wire.send()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip(OneWay):
    """Sends slowly."""

    bytes_per_second: float

    async def carry(self, wire: Wire) -> None:
        piece = max(1, round(self.bytes_per_second * DRIP_PAUSE))
        while await wire.fill():
            await wire.send(piece)
            await asyncio.sleep(piece / self.bytes_per_second)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall(OneWay):
    """Sends `after` bytes, then nothing more, and never ends; what was held back flows when it is healed."""

    after: int = 0

    async def carry(self, wire: Wire) -> None:
        if await wire.send_first(self.after):
            await wire.hold_back()


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate(OneWay):
    """Sends `after` bytes, then ends in good order."""

    after: int = 0

    async def carry(self, wire: Wire) -> None:
        await wire.send_first(self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(OneWay):
    """Sends `after` bytes, then resets both sides (RST)."""

    after: int = 0

    async def carry(self, wire: Wire) -> None:
        if await wire.send_first(self.after):
            raise ConnectionResetError


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupt(OneWay):
    """Flips one bit of the byte at `after`, and one somewhere in every further `every` bytes."""

    seed: int
    after: int = 0
    every: int = 64

    async def carry(self, wire: Wire) -> None:
        while await wire.fill():
            await wire.send(change=self.changed)

    def changed(self, piece: bytes, place: int) -> bytes:
        """The same damage however the stream is cut into pieces."""
        damaged = bytearray(piece)
        for block in range(max(0, place - self.after) // self.every, self._block(place + len(piece)) + 1):
            chosen = random.Random(f"{self.seed} {block}")
            at = self.after + block * self.every + (chosen.randrange(self.every) if block else 0) - place
            if 0 <= at < len(piece):
                damaged[at] ^= 1 << chosen.randrange(8)
        return bytes(damaged)

    def _block(self, place: int) -> int:
        return (place - self.after) // self.every


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackHole(Whole):
    """Accepts, takes everything, answers nothing; what was taken is lost."""

    async def hold(self, line: Line) -> None:
        await line.up.swallow()


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfOpen(Whole):
    """The server is gone, and nobody told the client: for this connection that is final."""

    async def hold(self, line: Line) -> None:
        line.lose_server()
        await line.up.swallow()


@dataclass(frozen=True, slots=True, kw_only=True)
class Garbage(Whole):
    """Answers whatever the client sends with `size` random bytes."""

    seed: int
    size: int = 256

    async def hold(self, line: Line) -> None:
        chosen = random.Random(self.seed)
        while await line.up.fill():
            line.up.held.clear()
            line.down.held[:] = chosen.randbytes(self.size)
            await line.down.send(self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseNew(Behaviour):
    """Nobody listens: a new connection is refused. Open ones go on; `Proxy.cut` ends them."""
