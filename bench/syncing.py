"""Syncing: the first load, an unchanged one, one with 1 % changed; its memory and its file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import data, raw
from bench.place import Place
from bench.row import Row, absolute, figure, label, ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.group import Setting
    from bench.place import Synced

RAW = "rows/s of executemany and FTS5 rebuild of the same rows, in one transaction"
FIRST = "seconds of the first load"
#: how often what takes no long time is measured
TWICE = 2
#: what takes longer than this many seconds is measured once
LONG = 60.0


def rows(setting: Setting) -> Iterator[Row]:
    """The index of the other rows is made here, anew."""
    name, place = label(setting.size), Place.at(setting.build, setting.size)
    idle = _idle(setting)
    first = _told("first load", place.load_first())
    plain = setting.build / "raw.db"
    floors = [raw.build(place.index, plain) for _ in range(TWICE)]
    print(f"  plain SQLite: {', '.join(map(figure, floors))} s", flush=True)
    rate, floor_rates = setting.size / first.seconds, [setting.size / seconds for seconds in floors]
    yield ratio(f"sync_first_{name}", [rate] * TWICE, floor_rates, RAW, "rows/s")
    on_disk = sum(file.stat().st_size for file in place.index_files())
    sizes = [on_disk / setting.size], [plain.stat().st_size / setting.size]
    yield ratio(f"index_bytes_{name}", *sizes, "bytes on disk for each contact of the raw build", "B")
    plain.unlink()
    times = 1 if first.seconds > LONG else TWICE
    full = [_told("unchanged, all rows pulled", place.sync("people", "--full")) for _ in range(times)]
    _expect(full, changed=0)
    yield _against(f"sync_unchanged_{name}", full, first)
    known = [_told("unchanged, and the back-end knows it", place.sync()) for _ in range(TWICE)]
    yield _against(f"sync_unchanged_file_{name}", known, first)
    changed = [_told("1 % changed", place.sync_changed()) for _ in range(times)]
    _expect(changed, changed=-(-setting.size // data.CHANGED))
    yield _against(f"sync_changed_{name}", changed, first)
    grown = [one.peak_mib - idle.peak_mib for one in (first, *full, *changed)]
    told = f"first {figure(grown[0])}, unchanged {figure(grown[1])}, changed {figure(grown[-1])} MiB"
    yield Row(
        name=f"memory_sync_mib_{name}",
        value=max(grown),
        low=min(grown),
        high=max(grown),
        floor=f"none: MiB above the peak of a sync of one contact ({figure(idle.peak_mib)} MiB)",
        unit="MiB",
        ours=told,
    )
    yield absolute(f"sync_first_s_{name}", [first.seconds], "s", ours=f"{figure(rate)} rows/s")


def _idle(setting: Setting) -> Synced:
    """What the process takes by itself."""
    place = Place.at(setting.build, 1)
    return place.load_first()


def _told(what: str, synced: Synced) -> Synced:
    counts = ", ".join(
        f"{count} {name}" for name, count in synced.counts.items() if count and name != "source"
    )
    print(f"  {what}: {figure(synced.seconds)} s, peak {figure(synced.peak_mib)} MiB ({counts})", flush=True)
    return synced


def _expect(runs: Sequence[Synced], *, changed: int) -> None:
    for run in runs:
        if run.counts["changed"] != changed or run.counts["added"] or run.counts["removed"]:
            raise RuntimeError(f"a sync that should change {changed} contacts says {dict(run.counts)}")


def _against(name: str, runs: Sequence[Synced], first: Synced) -> Row:
    return ratio(name, [run.seconds for run in runs], [first.seconds] * len(runs), FIRST, "s")
