"""A reverse question without HTTP: the service against plain point reads in a loop."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING
from urllib.parse import unquote

import uvloop

from bench import data, raw
from bench.row import Row, label, ratio
from lookupd import configfile
from lookupd.config import DEFAULT_TENANT
from lookupd.desk import Desk
from lookupd.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.group import Setting
    from bench.place import Place

READ = "point reads/s of plain sqlite3 in a loop, the same statement"
#: questions to a round, for each second of it
QUESTIONS = 10_000


def rows(setting: Setting) -> Iterator[Row]:
    """Questions per second in one process, one after the other."""
    place = setting.place()
    count = round(QUESTIONS * setting.seconds)
    asked, floors = uvloop.run(_measure(place, setting.rounds, count))
    yield ratio(f"reverse_service_{label(setting.size)}", asked, floors, READ, "/s")


async def _measure(place: Place, rounds: int, count: int) -> tuple[list[float], list[float]]:
    asked, floors = [], []
    dice = random.Random(data.SEED)
    principal = Principal(tenant=DEFAULT_TENANT)
    async with AsyncExitStack() as stack:
        desk = await Desk.open(stack, configfile.read(place.config))
        points = stack.enter_context(closing(raw.Points(place.index)))
        who = desk.services["reverse"].who
        for number in range(rounds):
            floors.append(points.per_second(place.contacts, count))
            texts = [unquote(data.asked(one, dice)) for one in data.uniform(place.contacts, count, dice)]
            begun = time.perf_counter()
            answers = [await who(principal, "default", text) for text in texts]
            asked.append(count / (time.perf_counter() - begun))
            if not all(answer.known for answer in answers):
                raise RuntimeError("a number that is in the index was not found")
            print(f"  round {number + 1}: {asked[-1]:,.0f}/s, plain reads {floors[-1]:,.0f}/s", flush=True)
            await asyncio.sleep(0)
    return asked, floors
