"""Caller names for PBXes, `/cid?number=`, against a handler that looks nothing up."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from bench import data, load, servers
from bench.load import Load
from bench.row import Row, label, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.group import Setting
    from bench.load import Measured
    from bench.place import Place

BARE = "requests/s of a bare aiohttp handler with json_response of a name, same connections"
CONNECTIONS = 16
PATH = "/cid?number="


def rows(setting: Setting) -> Iterator[Row]:
    """Names found, and numbers nobody has."""
    place = setting.place()
    found: dict[str, list[Measured]] = defaultdict(list)
    with ExitStack() as stack:
        stack.enter_context(_trusting(place))
        daemon = stack.enter_context(servers.daemon(place))
        daemon.wait_for_rest()
        name = _typical(daemon, setting.size)
        body = setting.build / "name.json"
        body.write_text(json.dumps({"name": name}), encoding="utf-8")
        bare = stack.enter_context(servers.bare(body))
        how = Load(connections=CONNECTIONS, seconds=setting.seconds, token=place.token())
        questions = setting.questions()
        for number in range(setting.rounds):
            place.read()
            plain = questions.single(setting.size)
            found["bare"].append(load.run(bare.url, plain, how))
            for kind, choose in (("hit", data.uniform), ("miss", data.nobody)):
                asked = replace(questions.single(setting.size, choose), path=PATH)
                found[kind].append(load.run(daemon.url, asked, how))
            told = ", ".join(f"{kind} {measured[-1].rate:,.0f}/s" for kind, measured in found.items())
            print(f"  round {number + 1}: {told}", flush=True)
    for kind in ("hit", "miss"):
        yield _compared(f"cid_{kind}_{label(setting.size)}", found[kind], found["bare"])


def _typical(daemon: servers.Server, contacts: int) -> str:
    """The name of middle length. Raises ValueError when a number that somebody has gives none."""
    dice = random.Random(data.SEED)
    asked = [data.asked(number, dice) for number in data.uniform(contacts, 101, dice)]
    names = sorted((daemon.get(f"{PATH}{number}").decode() for number in asked), key=len)
    if not names[0]:
        raise ValueError(f"{PATH} gives no name for a number that somebody has")
    return names[50]


@contextmanager
def _trusting(place: Place) -> Iterator[None]:
    """The place, configured so that what this machine is told is not counted, as with a PBX."""
    settings = yaml.safe_load(place.config.read_text(encoding="utf-8"))
    settings["guests"] = {"trusted": ["127.0.0.0/8"]}
    place.config.write_text(yaml.safe_dump(settings), encoding="utf-8")
    try:
        yield
    finally:
        place.configure({})


def _compared(name: str, ours: list[Measured], floors: list[Measured]) -> Row:
    row = ratio(name, [one.rate for one in ours], [one.rate for one in floors], BARE, "/s")
    return replace(row, ours=row.ours + load.failures(ours))
