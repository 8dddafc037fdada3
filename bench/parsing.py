"""Reading numbers as they are asked, against libphonenumber's Python port."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING
from urllib.parse import unquote

import phonenumbers

from bench import data
from bench.numbers import library_reader
from bench.row import Row, absolute, ratio
from lookupd.number import NumberRules, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.group import Setting

LIBRARY = "numbers/s of phonenumbers: parse, is it possible, E.164"
#: numbers to a round, for each second of it
NUMBERS = 20_000
#: different texts that are asked again and again
WARM = 1000


def rows(setting: Setting) -> Iterator[Row]:
    """Texts that were never seen before, and few that come again."""
    dice, rules, library = random.Random(data.SEED), NumberRules(region="FR"), library_reader(phonenumbers)
    count = round(NUMBERS * setting.seconds)
    again = _texts(WARM, dice)
    cold, warm, floors = [], [], []
    _rate(again, lambda text: parse(text, rules))
    for _ in range(setting.rounds):
        texts = _texts(count, dice)
        floors.append(_rate(texts, lambda text: library(text, "FR")))
        cold.append(_rate(texts, lambda text: parse(text, rules)))
        warm.append(_rate(again * (count // WARM + 1), lambda text: parse(text, rules)))
    yield absolute("numbers_per_second", cold, "/s", ours="never seen before")
    yield absolute("numbers_per_second_warm", warm, "/s", ours=f"{WARM} texts again and again")
    yield ratio("numbers_cold", cold, floors, LIBRARY, "/s")
    yield ratio("numbers_warm", warm, floors, LIBRARY, "/s")


def _texts(count: int, dice: random.Random) -> list[str]:
    return [unquote(data.asked(data.Number.at(dice.randrange(20_000_000)), dice)) for _ in range(count)]


def _rate(texts: Sequence[str], read: Callable[[str], object]) -> float:
    begun = time.perf_counter()
    for text in texts:
        if read(text) is None:
            raise RuntimeError(f"{text!r} is not read")
    return len(texts) / (time.perf_counter() - begun)
