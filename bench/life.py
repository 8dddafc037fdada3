"""From the start of the process to its first answer."""

from __future__ import annotations

import json
import random
import time
from statistics import median
from typing import TYPE_CHECKING

from bench import data, servers
from bench.row import Row, absolute, figure, label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.group import Setting


def rows(setting: Setting) -> Iterator[Row]:
    """Seconds, with the index in the page cache, beside those of the bare handler."""
    place, dice = setting.place(), random.Random(data.SEED)
    body = setting.build / "body.json"
    body.write_text(json.dumps({"display": None}), encoding="utf-8")
    ours, floors = [], []
    for _ in range(setting.rounds):
        with servers.bare(body, cpu=None) as server:
            floors.append(server.start_seconds)
        [number] = data.uniform(setting.size, 1, dice)
        begun = time.perf_counter()
        with servers.daemon(place, cpu=None) as server:
            if server.reverse(data.asked(number, dice))["display"] is None:
                raise RuntimeError(f"{number.e164} is in the index, and was not found")
            ours.append(time.perf_counter() - begun)
    print(f"  {', '.join(map(figure, ours))} s", flush=True)
    theirs = f"{figure(median(floors))} s for the bare handler to listen"
    yield absolute(f"start_s_{label(setting.size)}", ours, "s", ours="first answer", theirs=theirs)
