"""A phone system that calls, in a process of its own: `python -m chaos.caller`, for `chaos.load`.

Reads what to ask as a line of JSON, says "ready", begins at the next line, and prints what came of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.faults.load import Target, closed_loop, open_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.faults.load import LoadReport

WRONG = "wrong"


class Calls:
    """The questions of one load, and what their answers say, in the order in which they came."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._questions: list[tuple[str, str | None]] = spec["questions"]
        self._path, self._word = KINDS[spec["kind"]]
        self._profile = quote(spec["profile"])
        self.words: list[str] = []

    def path(self, number: int) -> str:
        """The path of the request of a number."""
        asked, _ = self._questions[number % len(self._questions)]
        return self._path.format(profile=self._profile, asked=quote(asked))

    def hear(self, number: int, body: bytes) -> bool:
        """Note what an answer says; whether it is right is told by that word."""
        question, name = self._questions[number % len(self._questions)]
        self.words.append(self._word(json.loads(body), name))
        if self.words[-1] == WRONG:
            print(f"asked {question!r}, not {name!r}: {body[:500]!r}", file=sys.stderr)
        return True


def word(answer: Mapping[str, Any], name: str | None) -> str:
    """What an answer comes to, where the directory has `name`, or nobody.

    "fresh", "stale" or "expired": the right name. "absent": rightly nobody. "incomplete": nobody, and it says
    that a source could not be asked. "wrong": anything else.
    """
    explained = answer["explain"]
    if answer["display"] is not None:
        return str(explained["freshness"]) if answer["display"] == name else WRONG
    if explained["failed"]:
        return "incomplete"
    return "absent" if name is None else WRONG


def word_of_lookup(answer: Mapping[str, Any], name: str | None) -> str:
    """Whether a lookup found somebody of this name: "found", "partial" if time was up, or "wrong"."""
    if answer["explain"]["is_partial"]:
        return "partial"
    return "found" if any(name in result["column_values"] for result in answer["results"]) else WRONG


def word_of_plain(answer: Mapping[str, Any], name: str | None) -> str:
    """Whether an answer that explains nothing has the right name: "found", "absent" or "wrong"."""
    if answer["display"] != name:
        return WRONG
    return "absent" if name is None else "found"


#: paths, and what answers come to
KINDS: Mapping[str, tuple[str, Callable[[Mapping[str, Any], str | None], str]]] = {
    "reverse": ("/0.1/directories/reverse/{profile}/chaos?explain=true&exten={asked}", word),
    "plain": ("/0.1/directories/reverse/{profile}/chaos?exten={asked}", word_of_plain),
    "lookup": ("/0.1/directories/lookup/{profile}?explain=true&term={asked}", word_of_lookup),
}


def told(report: LoadReport, words: Sequence[str]) -> dict[str, Any]:
    """What is handed over: good answers are replaced by what they say."""
    said = iter(words)
    return {
        "outcomes": [next(said) if outcome == "200" else outcome for outcome in report.outcomes],
        "latencies": list(report.latencies),
        "lags": list(report.lags),
        "seconds": report.seconds,
    }


def main() -> None:
    """Ask, and print."""
    spec = json.loads(sys.stdin.readline())
    calls = Calls(spec)
    target = Target(
        url=spec["url"],
        path=calls.path,
        is_right=calls.hear,
        timeout=spec["timeout"],
        keeps_alive=spec["keeps_alive"],
    )
    print("ready", flush=True)
    sys.stdin.readline()
    if spec["clients"]:
        report = asyncio.run(closed_loop(target, clients=spec["clients"], seconds=spec["seconds"]))
    else:
        report = asyncio.run(open_loop(target, rate=spec["rate"], seconds=spec["seconds"]))
    print(json.dumps(told(report, calls.words)))


if __name__ == "__main__":
    main()
