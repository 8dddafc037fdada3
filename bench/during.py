"""Reverse questions while a sync runs: a steady stream of them, everything on whichever CPU is free."""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from statistics import median
from typing import TYPE_CHECKING

from bench import data, load, servers
from bench.load import Load
from bench.place import GUESTS
from bench.reverse import summary
from bench.row import Row, figure, label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.group import Setting
    from bench.load import Measured, Questions
    from bench.place import Place, Synced

#: 16 connections that rest 32 ms on average: 500 requests/s at most
CONNECTIONS, THINK = 16, 32
IDLE = "p99 with no sync running, before and after; 16 connections, about 500 requests/s"


def rows(setting: Setting) -> Iterator[Row]:
    """p99 during an unchanged sync, one with changes, and the first load of another source."""
    place = setting.place().copy(setting.build / "during")
    data.write_csv(place.folder / f"{GUESTS}.csv", max(1, setting.size // 10))
    stream = _Stream(place, setting.questions(), setting.seconds)
    with servers.daemon(place, cpu=None) as server:
        server.wait_for_rest()
        stream.once(server)  # warm
        idle = [stream.once(server) for _ in range(setting.rounds)]
        during = {"an unchanged sync": stream.beside(server, lambda: place.sync("people", "--full"))}
        place.change()
        during["1 % changed"] = stream.beside(server, place.sync)
        during["a first load of a tenth as many"] = stream.beside(server, lambda: place.sync(GUESTS))
        idle += [stream.once(server) for _ in range(setting.rounds)]
    shutil.rmtree(place.folder)
    floor = median(one.p99 for one in idle)
    print(f"  idle: p99 {figure(floor)} ms, at worst {figure(max(one.max for one in idle))}", flush=True)
    ratios = {what: [one.p99 / floor for one in windows] for what, windows in during.items()}
    for what, each in during.items():
        print(f"  {what}: {summary(each)}, at worst {figure(max(one.max for one in each))}", flush=True)
    worst = max(ratios, key=lambda what: median(ratios[what]))
    every = [one for each in ratios.values() for one in each]
    windows = [one for each in during.values() for one in each]
    p99 = figure(median(one.p99 for one in during[worst]))
    yield Row(
        name="reverse_p99_during_sync",
        value=median(ratios[worst]),
        low=min(every),
        high=max(every),
        floor=IDLE,
        ours=f"{p99} ms during {worst}, {label(setting.size)}{load.failures(windows)}",
        theirs=f"{figure(floor)} ms",
    )


class _Stream:
    """Questions at a steady rate, in windows of some seconds."""

    def __init__(self, place: Place, questions: Questions, seconds: float) -> None:
        self._place = place
        self._questions = questions
        self._load = Load(
            connections=CONNECTIONS, seconds=seconds, token=place.token(), think=THINK, cpu=None
        )

    def once(self, server: servers.Server) -> Measured:
        """One window."""
        return load.run(server.url, self._questions.single(self._place.contacts), self._load)

    def beside(self, server: servers.Server, sync: Callable[[], Synced]) -> list[Measured]:
        """The windows that a sync takes; one that outlasts it counts only if there is no other."""
        with ThreadPoolExecutor(1) as thread:
            running: Future[Synced] = thread.submit(sync)
            windows = [self.once(server)]
            while not running.done():
                windows.append(self.once(server))
            running.result()
        return windows[:-1] or windows
