"""Text searches over HTTP, one at a time: what a user waits for."""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import quote

from bench import data, load, servers
from bench.load import Load
from bench.reverse import summary
from bench.row import Row, absolute, figure, label

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.group import Setting
    from bench.load import Measured

#: terms that were chosen, beside those that are made of the data
CHOSEN: Mapping[str, tuple[str, ...]] = {
    "common": ("a", "m", "ma", "smith", "john"),
    "two_words": ("john smith", "a b", "ma mü", "zoé novak", "smith john baba"),
    "digits": ("+33 1 0", "01", "0612", "+49 30", "0033 6"),
    "accents": ("müller", "zoé", "weiss", "muller", "wojcik"),
    "everybodys": ("com", "exampl", "example", "contac", "john exampl"),
    "empty": (" ",),
    "scripts": ("山田", "Παπα", "нат", "남궁", "أحمد", "त्रि"),
}
#: what is appended to each term: the page a client gets that names none, and a small one further down
PAGES = {"": "", "_page": "&limit=20&offset=40"}
#: a page that nobody gets who does not ask for it: measured, but for the kind of the most common terms only
LARGE = "&limit=500"


def rows(setting: Setting) -> Iterator[Row]:
    """p99 of each kind of term, of the worst kind, and of all kinds at 4 connections."""
    with ExitStack() as stack:
        place = setting.place()
        server = stack.enter_context(servers.daemon(place))
        token = place.token()
        server.wait_for_rest()
        kinds = _kinds()
        found: dict[str, list[Measured]] = defaultdict(list)
        one = Load(connections=1, seconds=setting.seconds / 2, token=token)
        four = Load(connections=4, seconds=setting.seconds, token=token)
        for number in range(setting.rounds):
            for kind, terms in kinds.items():
                for page, options in PAGES.items():
                    requests = load.terms(setting.build, terms, options)
                    measured = load.run(server.url, requests, one)
                    found[f"{kind}{page}"].append(measured)
                    print(f"  round {number + 1}, {kind}{page}: {summary([measured])}", flush=True)
            every = [
                term
                for terms in zip(*(_cycled(terms) for terms in kinds.values()), strict=True)
                for term in terms
            ]
            large = load.run(server.url, load.terms(setting.build, kinds["common"], LARGE), one)
            found["common_500"].append(large)
            found["mixed_4"].append(load.run(server.url, load.terms(setting.build, every), four))
    name = label(setting.size)
    usual = [kind for kind in found if kind not in {"mixed_4", "common_500"}]
    worst = max(usual, key=lambda kind: _p99(found[kind]))
    yield _row(f"lookup_p99_ms_{name}", found[worst], f"the worst kind, {worst.replace('_', ' ')}")
    for kind, runs in found.items():
        yield _row(f"lookup_{kind}_{name}", runs, summary(runs))


def _p99(measured: Sequence[Measured]) -> float:
    return median(one.p99 for one in measured)


def _row(name: str, measured: Sequence[Measured], ours: str) -> Row:
    rate = figure(median(one.rate for one in measured))
    return absolute(name, [one.p99 for one in measured], "ms", ours=f"{ours}, {rate}/s")


def _kinds() -> dict[str, list[str]]:
    """Terms by kind, ready to stand in a URL."""
    dice = random.Random(data.SEED)
    rare = [data.word(dice, 3)[: dice.randint(5, 7)] for _ in range(200)]
    return {"rare": _quoted(rare)} | {kind: _quoted(terms) for kind, terms in CHOSEN.items()}


def _quoted(terms: Sequence[str]) -> list[str]:
    return [quote(term) for term in terms]


def _cycled(terms: Sequence[str]) -> list[str]:
    return [terms[at % len(terms)] for at in range(200)]
