"""What text searches cost: python -m bench.search [contacts] [--folder FOLDER] [--rounds N].

An index of invented people is made in FOLDER (a temporary one by default) unless it is there, then every term
is searched for in turn. Prints a table in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from lookupd.config import Config
from lookupd.contact import Shape
from lookupd.index import database
from lookupd.index.reader import Reader
from lookupd.sync.end import End, Outcome
from lookupd.sync.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEED = 20_260_101
BATCH = 1000
#: the page a client asks for by default
LIMIT = 500
#: common beginnings, a common name, two words, rare beginnings, digits that all numbers share
TERMS = (
    "a",
    "ma",
    "smith",
    "john smith",
    "a b",
    "a b c d e f",
    "zyx",
    "smithqu",
    "exampl",
    "example",
    "+33 1 9",
    "+33199004",
    "nobody",
)
FIRST = [
    "John",
    "Mary",
    "Anna",
    "Paul",
    "Marc",
    "Zoé",
    "Luc",
    "Emma",
    "Noah",
    "Jürgen",
    "Maria",
    "Bob",
    "Ada",
    "Yves",
    "Carla",
    "Dana",
    "Erik",
    "Fay",
    "Gus",
    "Hugo",
]
LAST = [
    "Smith",
    "Müller",
    "Martin",
    "Dupont",
    "Maier",
    "Abel",
    "Zorn",
    "Bélanger",
    "Novak",
    "Rossi",
    "García",
    "Brown",
    "Jones",
    "Moore",
    "Marchand",
]
SYLLABLES = [
    "ba",
    "be",
    "bo",
    "da",
    "de",
    "do",
    "fa",
    "fe",
    "ga",
    "go",
    "ka",
    "ke",
    "ko",
    "la",
    "le",
    "lo",
    "ma",
    "me",
    "mo",
    "na",
    "ne",
    "no",
    "pa",
    "ra",
    "re",
    "sa",
    "se",
    "ta",
    "te",
    "va",
]
SETTINGS = {
    "region": "FR",
    "sources": [
        {
            "name": "people",
            "backend": "csv",
            "unique_column": "id",
            "searched_columns": ["name", "company", "mail"],
            "first_matched_columns": ["number", "mobile"],
            "format_columns": {"reverse": "{name}"},
        }
    ],
}


def people(count: int) -> Iterator[dict[str, object]]:
    """Invented persons, the same ones each time; every eighth last name is a common one."""
    chosen = random.Random(SEED)

    def word(length: int) -> str:
        return "".join(chosen.choices(SYLLABLES, k=length)).capitalize()

    companies = [f"{word(3)} {word(2)}" for _ in range(2000)]
    for n in range(count):
        first = chosen.choice(FIRST)
        last = chosen.choice(LAST) if chosen.random() < 0.125 else word(chosen.choice((2, 3, 3, 4)))
        yield {
            "id": str(n),
            "name": f"{first} {last}",
            "company": chosen.choice(companies),
            "mail": f"{first}.{last}{n}@example.org".lower(),
            "number": f"+33 1 99 {n // 10000:02} {n // 100 % 100:02} {n % 100:02}",
            "mobile": f"06 39 {n // 10000:02} {n // 100 % 100:02} {n % 100:02}",
            "title": word(4),
            "street": f"{n % 200} rue {word(3)} {word(4)}",
        }


def fill(path: Path, count: int) -> None:
    """An index with so many contacts."""
    config = Config.model_validate(SETTINGS)
    [source] = config.sources
    shape = Shape(source, config.rules(source))
    stage = Stage.open(path, path.parent / "staging", shape)
    rows: list[dict[str, object]] = []
    for row in people(count):
        rows.append(shape.checked(row))
        if len(rows) == BATCH:
            stage.add(rows)
            rows = []
    stage.add(rows)
    stage.find_gone()
    now = datetime.now(UTC)
    stage.apply(
        stage.plan(), End(started_at=now, lasted=lambda: 0.0, outcome=Outcome.SUCCEEDED, is_full=True)
    )
    stage.close()


async def measure(path: Path, rounds: int) -> None:
    """Search for every term in turn, and print how long that took."""
    reader = await Reader.open(path)
    uuids = [*reader.sources()]
    spans: dict[str, list[float]] = {term: [] for term in TERMS}
    for _ in range(rounds):
        for term in TERMS:
            begun = time.perf_counter()
            found = await reader.search(term, uuids, limit=LIMIT)
            spans[term].append(time.perf_counter() - begun)
            if found.is_partial:
                print(f"partial: {term!r}")
    await reader.close()
    print(f"{'term':<16}{'p50':>9}{'p99':>9}{'max':>9}   ms")
    for term, times in {**spans, "all": [one for taken in spans.values() for one in taken]}.items():
        print(f"{term:<16}{_row(times)}")


def _row(times: Sequence[float]) -> str:
    ordered = sorted(times)
    chosen = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1])
    return "".join(f"{1000 * one:9.2f}" for one in chosen)


def main() -> None:
    """Make the index, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contacts", nargs="?", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rounds", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (given.folder or Path(temporary)) / "index.db"
        if not path.exists():
            begun = time.perf_counter()
            database.prepare(path)
            fill(path, given.contacts)
            print(f"{given.contacts} contacts in {time.perf_counter() - begun:.1f} s")
        print(f"{path.stat().st_size / 2**20:.0f} MiB")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(measure(path, given.rounds))


if __name__ == "__main__":
    main()
