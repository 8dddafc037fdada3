"""R20: every text search ends in time, whatever the text."""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import time
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from chaos.ground import number, wait_for_sync
from chaos.scenario import Figure, Scenario, claim, exactly, none, noted, span, within
from lookupd.index.reader import CANDIDATES
from tests.process import RunningDaemon, lookupd, write_config, write_csv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CONTACTS, TERMS = 100_000, 2000
LIMIT, MOST = 0.25, 1000
SEED = 20
GIVEN = ("Ann", "Maria", "Martin", "Zoé", "Łukasz", "Søren", "İpek", "Jürgen", "Mark", "Ali")
FAMILY = ("Smith", "Müller", "Martin", "O'Brien", "Nguyễn", "García", "Strauß", "Maier", "Dubois", "Ærø")
#: what is common, what means something to FTS5, SQL or a URL, and what is no text at all
PLAIN = ("", "a", "m", "ma", "mar", "smith", "a m", "martin martin", "0", "01", "+33", "3319", "0199000001")
PIECES = (
    *('"', "'", "*", "(", ")", "-", "+", "^", ":", "{", "}", "AND", "OR", "NOT", "NEAR", "NEAR/2"),
    *(
        "name:",
        "%",
        "_",
        ";--",
        "\\",
        "\0",
        "\n",
        "\u202e",
        "太郎",
        "ß",
        "\ud800",
        "\U0001f600",
        "é",
        "e\u0301",
    ),
    *("a", "ma", "smith", "33", " ", "\t", "x" * 50, "a " * 30),
)


def run(scale: float, folder: Path) -> Sequence[Figure]:
    """One search after the other."""
    contacts, terms = max(2000, round(CONTACTS * scale)), max(200, round(TERMS * scale))
    write_csv(folder / "staff.csv", list(_rows(contacts)))
    config = write_config(folder, {"name": "staff", "sync": {"every": "1h", "at_start": False}})
    subprocess.run(lookupd(config, "sync"), check=True, capture_output=True)
    with RunningDaemon(config) as daemon:
        wait_for_sync(daemon, "staff")
        asked = [
            (term, *_searched(connection, term))
            for connection in _connected(daemon)
            for term in _terms(terms)
        ]
        daemon.stop()
        is_clean = "Traceback" not in daemon.log
    statuses = Counter(status for _, status, _, _ in asked)
    slowest, _, longest, _ = max(asked, key=lambda one: one[2])
    spans = sorted(seconds for _, _, seconds, _ in asked)
    return [
        within("max", longest, LIMIT),
        noted(f"p99 {span(spans[int(0.99 * len(spans))])}, the slowest for {slowest[:20]!a}"),
        none(len(asked) - statuses[200] - statuses[400], f"of {len(asked):,} neither 200 nor 400"),
        exactly(max(found for *_, found in asked), MOST, "contacts at most"),
        exactly(max(found for term, *_, found in asked if term.strip()), CANDIDATES, "for a term"),
        claim("nothing unforeseen in the log", holds=is_clean),
        noted(f"{contacts:,} contacts"),
    ]


def _rows(contacts: int) -> Iterator[dict[str, str]]:
    chance = random.Random(SEED)
    for place in range(contacts):
        full = f"{chance.choice(GIVEN)} {chance.choice(FAMILY)} {place}"
        yield {"id": f"{place}", "name": full, "number": number(place)}


def _terms(count: int) -> list[str]:
    chance = random.Random(SEED)
    made = ["".join(chance.choices(PIECES, k=chance.randint(1, 6))) for _ in range(count - len(PLAIN))]
    return [*PLAIN, *made]


def _connected(daemon: RunningDaemon) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection(urlsplit(daemon.url).netloc, timeout=20)) as connection:
        yield connection


def _searched(connection: http.client.HTTPConnection, term: str) -> tuple[int, float, int]:
    """Status, seconds, and how many contacts came."""
    text = quote(term.encode("utf-8", "surrogatepass"))
    began = time.monotonic()
    connection.request("GET", f"/0.1/directories/lookup/default?limit={MOST}&term={text}")
    reply = connection.getresponse()
    body = reply.read()
    seconds = time.monotonic() - began
    return reply.status, seconds, len(json.loads(body).get("results", ()))


SCENARIO = Scenario(
    id="R20",
    name="text search",
    promised="every text search ends within 250 ms with 1,000 contacts at most; no text causes a 500",
    how=f"{TERMS:,} terms over HTTP, one after the other, at {CONTACTS:,} contacts: common ones, and seeded "
    "mixtures of FTS5, SQL and Unicode",
    run=run,
)
