"""What reading a number costs, and where ways of reading differ: python -m bench.numbers [n].

Prints Markdown for docs/numbers.md. Without rphonenumbers its columns are left out.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
from typing import TYPE_CHECKING, Protocol

import phonenumbers

from lookupd.number import NumberRules, parse, parse_cell, plan, reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

#: a text and the region it is read in
Written = tuple[str, str]
ROUNDS = 3
SEED = 20_260_101


class Reader(Protocol):
    """One way to read a number."""

    def __call__(self, text: str, region: str, /) -> object:
        """The number, in whatever form."""


def library_reader(library: ModuleType, *, is_valid: bool = False) -> Callable[[str, str], str | None]:
    """Parse, check, E.164: what a caller of a libphonenumber port writes."""
    possible = library.ValidationResult.IS_POSSIBLE

    def read(text: str, region: str) -> str | None:
        try:
            number = library.parse(text, region)
        except library.NumberParseException:
            return None
        if is_valid:
            good = library.is_valid_number(number)
        else:
            good = library.is_possible_number_with_reason(number) == possible
        return library.format_number(number, library.PhoneNumberFormat.E164) if good else None

    return read


#: what is known by heart once it was asked: what reading costs without that is the question
_MEMOS = (reading._remembered, plan._by_library, plan._is_valid, plan._is_written_without_trunk)  # noqa: SLF001
RULES = {region: NumberRules(region=region) for region in plan.REGIONS}


def read_number(text: str, region: str) -> object:
    """What a question costs."""
    return parse(text, RULES[region])


def read_cell(text: str, region: str) -> object:
    """What a number column costs at sync."""
    return parse_cell(text, RULES[region])


def inputs(count: int) -> dict[str, list[Written]]:
    """Sets of written numbers, as they are sent and as directories hold them."""
    dice = random.Random(SEED)

    def fill(form: str) -> str:
        return "".join(dice.choice("0123456789") if sign == "#" else sign for sign in form)

    forms = {
        "`+331########`": ("+331########", "FR"),
        "`01########`, FR": ("01########", "FR"),
        "`01 ## ## ## ##`, FR": ("01 ## ## ## ##", "FR"),
        "`00331########`, DE": ("00331########", "DE"),
        "`030/#######`, DE": ("030/#######", "DE"),
        "`(212) 5##-####`, US": ("(212) 5##-####", "US"),
        "`331########`, FR": ("331########", "FR"),
        "`+33 (0)1 ## ## ## ##`": ("+33 (0)1 ## ## ## ##", "FR"),
        "`01 ## ## ## ## ext. 7`, FR": ("01 ## ## ## ## ext. 7", "FR"),
        "`sip:+331########@pbx`": ("sip:+331########@pbx", "FR"),
        "`7###`, FR": ("7###", "FR"),
    }
    sets = {name: [(fill(form), region) for _ in range(count)] for name, (form, region) in forms.items()}
    sets["national, all regions mixed"] = [national_example(dice, dice.choice(REGIONS)) for _ in range(count)]
    return sets


REGIONS = sorted(plan.REGIONS)


def national_example(dice: random.Random, region: str) -> Written:
    """An example number as it is written at home, its last three digits at random."""
    example = phonenumbers.example_number(region) or phonenumbers.PhoneNumber()
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL)
    digits = [at for at, sign in enumerate(written) if sign.isdigit()][-3:]
    return "".join(dice.choice("0123456789") if at in digits else c for at, c in enumerate(written)), region


def mutated(count: int) -> list[Written]:
    """National and international example numbers with signs added, lost and replaced."""
    dice = random.Random(SEED)
    texts = []
    for _ in range(count):
        region = dice.choice(REGIONS)
        example = phonenumbers.example_number(region) or phonenumbers.PhoneNumber()
        style = dice.choice([0, 1, 2, 3])
        text = list(phonenumbers.format_number(example, style))
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(text))
            text[at : at + dice.randint(0, 1)] = dice.choice(
                ["", *"0123456789", " ", "-", "#", "x", "+", "/", "٣"]
            )
        texts.append(("".join(text), region))
    return texts


def microseconds(read: Reader, texts: Sequence[Written]) -> float:
    """The best of some rounds, per number; nothing is remembered from one round to the next."""
    best = float("inf")
    for _ in range(ROUNDS):
        for memo in _MEMOS:
            memo.cache_clear()
        began = time.perf_counter()
        for text, region in texts:
            read(text, region)
        best = min(best, time.perf_counter() - began)
    return best / len(texts) * 1e6


def readers() -> dict[str, Reader]:
    """The ways to read that are compared, lookupd's own first."""
    found: dict[str, Reader] = {
        "lookupd `parse`": read_number,
        "lookupd `parse_cell`": read_cell,
        "phonenumbers, possible": library_reader(phonenumbers),
        "phonenumbers, valid": library_reader(phonenumbers, is_valid=True),
    }
    try:
        found["rphonenumbers, possible"] = library_reader(importlib.import_module("rphonenumbers"))
    except ImportError:
        print("(rphonenumbers is not installed)", file=sys.stderr)
    return found


def print_costs(count: int) -> None:
    """One row per form, one column per way of reading; the ratio is phonenumbers to `parse`."""
    ways = readers()
    print("| us per number |", " | ".join(ways), "| ratio |")
    print("|---" + "|--:" * (len(ways) + 1) + "|")
    for name, texts in inputs(count).items():
        costs = [microseconds(read, texts) for read in ways.values()]
        print(f"| {name} |", " | ".join(f"{cost:.1f}" for cost in costs), f"| {costs[2] / costs[0]:.1f} |")
    again = [("+33123456789", "FR")] * count
    print(f"\nremembered: {microseconds(read_number, again):.2f} us")


def print_differences(count: int) -> None:
    """How often the Rust port differs from the reference."""
    reference = library_reader(phonenumbers)
    texts = mutated(count)
    for name, read in readers().items():
        if name.startswith("rphonenumbers"):
            different = [
                (*text, reference(*text), read(*text)) for text in texts if reference(*text) != read(*text)
            ]
            print(f"\n{name}: {len(different)} of {count} mutated inputs differ from phonenumbers, such as")
            for text, region, theirs, ours in different[:8]:
                print(f"  {text!r} ({region}): {theirs} / {ours}")


if __name__ == "__main__":
    number_count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print_costs(number_count)
    print_differences(number_count)
