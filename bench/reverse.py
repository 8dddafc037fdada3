"""Reverse questions over HTTP, against a handler that looks nothing up."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from bench import data, load, servers
from bench.load import Load
from bench.row import Row, absolute, figure, label, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bench.group import Setting
    from bench.load import Measured, Requests

BARE = "requests/s of a bare aiohttp handler with json_response of as large a body, same connections"
#: numbers in one request of the bulk row, and its connections: more would be refused, as too much work waits
BULK, FEW = 50, 2
#: seconds that each size is asked before the next one's turn: what else a machine does comes and goes in some
TURN = 1.0
#: the share of its CPU that a server has at least where nothing else runs, and how often that is tried
OWN, REPEATS = 0.9, 4


class Pair(NamedTuple):
    """What was measured of the daemon, and of the floor just before."""

    ours: Measured
    floor: Measured


#: name of a variant -> what was measured in each round
Rounds = dict[str, list[Pair]]


def rows(setting: Setting) -> Iterator[Row]:
    """Hits, misses, bulk, two numbers of connections, and throughput over the size of the index."""
    with ExitStack() as stack:
        places = {size: setting.place(size) for size in setting.sizes}
        daemons = {size: stack.enter_context(servers.daemon(place)) for size, place in places.items()}
        asked = daemons[setting.size]
        for server in daemons.values():
            server.wait_for_rest()
        body = setting.build / "body.json"
        body.write_text(json.dumps(typical(asked, setting.size)), encoding="utf-8")
        bare = stack.enter_context(servers.bare(body))
        questions = setting.questions()

        single, size = questions.single, setting.size

        def ask(
            requests: Callable[[], Requests],
            connections: int = 16,
            of: int = size,
            seconds: float = setting.seconds,
        ) -> Pair:
            """One variant, and just before it the floor, with as many connections, in half the time."""
            how = Load(connections=connections, seconds=seconds, token=places[of].token())
            plain = replace(how, connections=max(16, connections), seconds=seconds / 2)
            floor = _undisturbed(bare, single(size), plain)
            places[of].read()
            return Pair(_undisturbed(daemons[of], requests(), how), floor)

        turns = max(1, round(setting.seconds / TURN))
        turn = setting.seconds / turns
        few = load.Questions(setting.build, turn)
        sizes = {
            f"hit of {other}": partial(ask, partial(few.single, other), of=other, seconds=turn)
            for other in setting.sizes
        }
        variants = {
            "miss": partial(ask, partial(single, size, data.nobody)),
            "zipf": partial(ask, partial(single, size, data.zipf)),
            "bulk": partial(ask, partial(questions.bulk, size, BULK), FEW),
            "hit 64": partial(ask, partial(single, size), 64),
        }
        measured = _interleaved(sizes, turns * setting.rounds) | _interleaved(variants, setting.rounds)
        yield from _rows(setting, measured)
        yield absolute(f"memory_serving_mib_{label(size)}", [asked.private_mib()], "MiB")


def typical(server: servers.Server, contacts: int) -> dict[str, object]:
    """The answer of middle length."""
    dice = random.Random(data.SEED)
    answers = [server.reverse(data.asked(number, dice)) for number in data.uniform(contacts, 101, dice)]
    return sorted(answers, key=lambda answer: len(json.dumps(answer)))[50]


def _undisturbed(server: servers.Server, requests: Requests, how: Load) -> Measured:
    """Measured again where something else took the server's CPU; a short run does not tell."""
    tries = REPEATS
    while True:
        before = server.cpu_seconds()
        measured = load.run(server.url, requests, how)
        share = (server.cpu_seconds() - before) / measured.seconds
        tries -= 1
        if share > OWN or how.seconds < 1 or not tries:
            return measured
        print(f"  disturbed: the server had {share:.0%} of its CPU", flush=True)


def _interleaved(variants: Mapping[str, Callable[[], Pair]], rounds: int) -> Rounds:
    found: Rounds = defaultdict(list)
    for number in range(rounds):
        for name, measure in variants.items():
            ours, floor = measure()
            found[name].append(Pair(ours, floor))
            told = f"{ours.rate:,.0f}/s, p99 {ours.p99:.1f} ms; bare {floor.rate:,.0f}/s"
            print(f"  round {number + 1}, {name}: {told}", flush=True)
    return found


def _compared(name: str, pairs: Sequence[Pair], each: int = 1) -> Row:
    """`each` numbers to a request of ours."""
    floor = BARE if each == 1 else f"numbers/s, {each} to a request at {FEW} connections, to {BARE}"
    rates = [pair.ours.rate * each for pair in pairs]
    row = ratio(name, rates, [pair.floor.rate for pair in pairs], floor, "/s")
    return replace(row, ours=row.ours + load.failures([pair.ours for pair in pairs]))


def _rows(setting: Setting, measured: Rounds) -> Iterator[Row]:
    name, hit = label(setting.size), f"hit of {setting.size}"
    yield _compared(f"reverse_hit_{name}", measured[hit])
    yield _compared(f"reverse_hit_64_{name}", measured["hit 64"])
    yield _compared(f"reverse_hit_zipf_{name}", measured["zipf"])
    yield _compared(f"reverse_miss_{name}", measured["miss"])
    yield _compared(f"reverse_bulk_{name}", measured["bulk"], BULK)
    for connections, variant in ((16, hit), (64, "hit 64")):
        for share in ("p50", "p99"):
            yield ratio(
                f"reverse_{share}_{connections}_{name}",
                [getattr(pair.ours, share) for pair in measured[variant]],
                [getattr(pair.floor, share) for pair in measured[variant]],
                f"{share} of the bare handler, {connections} connections",
                "ms",
            )
    yield from _flat(setting, measured)


def _flat(setting: Setting, measured: Rounds) -> Iterator[Row]:
    """Each size against the smallest, and against the bare handler for the plot."""
    rates = {size: [pair.ours.rate for pair in measured[f"hit of {size}"]] for size in setting.sizes}
    smallest = setting.sizes[0]
    for size, own in rates.items():
        if size != setting.size:
            yield _compared(f"reverse_hit_{label(size)}", measured[f"hit of {size}"])
        if size != smallest:
            yield ratio(
                f"reverse_flat_{label(smallest)}_{label(size)}",
                own,
                rates[smallest],
                f"requests/s of the daemon with {smallest:,} contacts",
                "/s",
            )


def summary(measured: Sequence[Measured]) -> str:
    """Latencies for a reader."""
    p50, p99 = (median(getattr(one, share) for one in measured) for share in ("p50", "p99"))
    return f"p50 {figure(p50)}, p99 {figure(p99)} ms{load.failures(measured)}"
