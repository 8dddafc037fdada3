"""Two serving processes against one, wherever the configuration knows how to have several."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from bench import load, servers
from bench.load import Load
from bench.row import Row, ratio
from lookupd.config import Http

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.group import Setting

ONE = "requests/s of one process; 64 connections, wrk and servers share all CPUs"
KEY = "workers"


def rows(setting: Setting) -> Iterator[Row]:
    """Nothing where there is no such key."""
    if KEY not in Http.model_fields:
        print(f"  there is no http.{KEY}: left out", flush=True)
        return
    one = setting.place()
    two = one.copy(setting.build / "workers")
    two.configure({KEY: 2})
    rates: tuple[list[float], list[float]] = ([], [])
    with ExitStack() as stack:
        places = two, one
        running = [stack.enter_context(servers.daemon(place, cpu=None)) for place in places]
        for server in running:
            server.wait_for_rest()
        how = Load(connections=64, seconds=setting.seconds, token=one.token(), cpu=None)
        questions = setting.questions()
        for _ in range(setting.rounds):
            for place, server, found in zip(places, running, rates, strict=True):
                place.read()
                found.append(load.run(server.url, questions.single(setting.size), how).rate)
    yield ratio("workers_2", *rates, ONE, "/s")
