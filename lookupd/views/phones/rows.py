"""Contacts -> what phones show of them: a name and numbers that can be dialled. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lookupd.fold import words
from lookupd.views.phones.document import clean, is_seen
from lookupd.views.phones.label import Kind, kind, rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lookupd.config import Column
    from lookupd.contact import Contact


@dataclass(frozen=True, slots=True)
class Number:
    """A number as a phone dials it."""

    digits: str
    #: the heading of its column
    header: str = ""

    @property
    def kind(self) -> Kind:
        """What it is for."""
        return kind(self.header)


@dataclass(frozen=True, slots=True)
class Entry:
    """A contact: a name that can be seen, and at least one number."""

    name: str
    numbers: tuple[Number, ...]
    #: who it is, the same each time
    identity: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line on a phone: a contact, and as many of its numbers as a line of this phone has."""

    entry: Entry
    numbers: tuple[Number, ...]
    #: whether an earlier row of the same contact has its first numbers
    is_further: bool = False


def entry(contact: Contact, columns: Sequence[Column], dial: Callable[[str], Iterable[str]]) -> Entry | None:
    """What is shown of a contact; None where it has nothing to dial."""
    fields = contact.fields
    cells = ((column, _cell(column, fields)) for column in columns)
    found: dict[str, Number] = {}
    names: list[str] = []
    for column, value in cells:
        if column.type == "name":
            names += map(clean, _texts(value))
        if column.type == "number":
            header = column.title or column.field or ""
            for digits in (digits for text in _texts(value) for digits in dial(text)):
                found.setdefault(digits, Number(digits, header))
    if not found:
        return None
    numbers = tuple(sorted(found.values(), key=lambda number: rank(number.header)))
    name = next(filter(is_seen, [*names, clean(contact.display or "")]), numbers[0].digits)
    return Entry(name, numbers, f"{contact.source}/{contact.uid}")


def in_order_of_names(entries: Iterable[Entry]) -> list[Entry]:
    """Entries as a printed book has them."""
    return sorted(entries, key=lambda entry: (words(entry.name), entry.name, entry.identity))


def rows(entries: Iterable[Entry], *, per_row: int, longest: int) -> list[Row]:
    """The lines for contacts, with so many numbers in each; longer numbers are left out, not cut."""
    made = []
    for entry in entries:
        numbers = entry.numbers
        if any(len(number.digits) > longest for number in numbers):
            numbers = tuple(number for number in numbers if len(number.digits) <= longest)
        if len(numbers) <= per_row:  # nearly all; no copies, as there may be many
            made += [Row(entry, numbers)] if numbers else []
            continue
        starts = range(0, len(numbers), per_row)
        made += [Row(entry, numbers[at : at + per_row], is_further=at > 0) for at in starts]
    return made


def parts(name: str) -> tuple[str, str]:
    """First and last name, for phones that keep them apart; the last one may be empty."""
    last, comma, first = name.partition(", ")
    if comma and first.strip():
        return first.strip(), last.strip()
    first, _, last = name.partition(" ")
    return first, last.strip()


def slots(numbers: Sequence[Number]) -> tuple[Number | None, Number | None, Number | None]:
    """Up to three numbers as the one that is called first, the mobile, and another."""
    mobile = next((number for number in numbers if number.kind is Kind.MOBILE), None)
    others = [number for number in numbers if number is not mobile]
    main = others[0] if others else None
    return main, mobile, others[1] if len(others) > 1 else None


def _cell(column: Column, fields: dict[str, object]) -> object:
    value = fields.get(column.field) if column.field is not None else None
    return column.default if value is None else value


def _texts(value: object) -> Iterator[str]:
    """Every text in a cell."""
    if isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        yield from _texts([*value.values()])
    elif isinstance(value, float) and value.is_integer():
        yield str(int(value))
    elif value is not None and not isinstance(value, bool):
        yield str(value)
