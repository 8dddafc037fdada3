"""Clients that never end a request, in a process of their own: `python -m chaos.slow URL COUNT SECONDS`.

Prints how many are connected, and goes on until it is killed, or the time is over.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

from tests.faults.load import Target, slow_clients

#: clients of one group send their bytes at the same moment, the groups one after the other, all in a second
GROUPS = 200


async def main(url: str, count: int, seconds: float) -> None:
    """Connect, say so, and send a byte each second."""
    async with AsyncExitStack() as stack:
        groups = []
        for place in range(GROUPS):
            size = count // GROUPS + (place < count % GROUPS)
            group = slow_clients(Target(url=url), size, seconds=seconds, every=1.0)
            groups.append(await stack.enter_async_context(group))
            await asyncio.sleep(1 / GROUPS)
        print(sum(group.open for group in groups), flush=True)
        await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
