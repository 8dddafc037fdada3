"""Contacts and questions, the same ones each time.

A number is computed from its position, so that any of millions can be asked for without a list of them: 60 %
are French, 20 % German, 10 % British, 10 % North American, all of them valid for libphonenumber.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: another one makes other data: what was built of older ones is built again
VERSION = 1
SEED = 20_260_101
HEAD = (
    "id", "firstname", "lastname", "company", "department", "email", "phone", "mobile", "room",
)  # fmt: skip
#: every such contact differs between two revisions
CHANGED = 100
#: contacts to a company; every fifth contact lists the number of its company as well
STAFF = 50
#: odd and no multiple of 5, so that it walks through each range of numbers without meeting one twice
_STEP = 618_033_989
#: positions of the numbers of companies, and of numbers that nobody has
_COMPANIES, _NOBODY, _END = 18_000_000, 20_000_000, 40_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A range of numbers: country code, what is dialled before it at home, beginnings, digits to follow."""

    country: str
    trunk: str
    beginnings: tuple[str, ...]
    digits: int

    def national(self, position: int) -> str:
        """The national number at a position, each once; there are at least 40,000,000."""
        width = 10**self.digits
        place = position * _STEP % (width * len(self.beginnings))
        return f"{self.beginnings[place // width]}{place % width:0{self.digits}}"


FRANCE, FRANCE_MOBILE = Plan("33", "0", ("1",), 8), Plan("33", "0", ("61", "62", "66", "67"), 7)
BERLIN, GERMANY_MOBILE = Plan("49", "0", ("30",), 8), Plan("49", "0", ("160", "170", "171", "175"), 7)
BRITAIN_MOBILE = Plan("44", "0", ("73",), 8)
AMERICA = Plan(
    "1", "", tuple(f"{area}{first}" for area in (212, 415, 617, 646, 718) for first in range(2, 10)), 6
)
_PLANS = (FRANCE, FRANCE_MOBILE, BERLIN, FRANCE, FRANCE_MOBILE, BRITAIN_MOBILE, FRANCE, FRANCE_MOBILE,
          GERMANY_MOBILE, AMERICA)  # fmt: skip


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    "John Mary Anna Paul Marc Zoé Luc Emma Noah Jürgen Maria Bob Ada Yves Carla Dana Erik Fay Gus Hugo "
    "Amélie Björn Chloé Dörte Élodie François Gaëlle Håkon Inès Łukasz Małgorzata Siân Åse Çağlar Ivan Alfie"
)
#: an eighth of the contacts has one of these names
COMMON = _words(
    "Smith Müller Martin Dupont Maier Abel Zorn Bélanger Novak Rossi García Brown Jones Moore "
    "Marchand O'Brien Weiß Sørensen Wójcik Nuñez"
)
#: of these all other names are made
SYLLABLES = _words(
    "ba be bo da de do fa fe ga go ka ke ko la le lo ma me mo na ne no pa ra re sa se ta te va zy qu "
    "dré mül søn"
)
#: a twelfth has a name of one of these
SCRIPTS = tuple(
    (_words(first), _words(last))
    for first, last in (
        ("Γιώργος Ελένη Νίκος Δέσποινα", "Παπαμελετίου Καλογήρου Αστερίου Φεγγαρίου"),
        ("Олена Сергій Євген Наталія", "Стрілченко Ґвинтовенко Марʼяненко Щебетань"),
        ("帆高 美凪 千弦 澄之介", "山田 佐々木 髙橋 小林"),
        ("철수 영희 다온 찬솔", "남궁 선우 제갈 황보"),
        ("أحمد فاطمة يوسف ليلى", "النرجسي البنهاوي الدمنهوري"),
        ("נועה איתן תמר יונתן", "לביא כרמלי שגיא אלמוג"),
        ("आरव प्रिया रोहन सुनीता", "त्रिपाठी भंडारी नीलगिरे"),
    )
)
DEPARTMENTS = _words("Direction Ventes Atelier Logiciel Qualité Logistique Comptabilité Assistance")


@dataclass(frozen=True, slots=True)
class Number:
    """A number to be written."""

    plan: Plan
    national: str

    @classmethod
    def at(cls, position: int) -> Number:
        """The number at a position."""
        plan = _PLANS[position % len(_PLANS)]
        return cls(plan, plan.national(position))

    @property
    def e164(self) -> str:
        """With a plus, and nothing between the digits."""
        return f"+{self.plan.country}{self.national}"

    def grouped(self, separator: str) -> str:
        """The national number in groups, as it stands on paper."""
        first = len(self.national) % 2 or 2
        pairs = [self.national[at : at + 2] for at in range(first, len(self.national), 2)]
        return separator.join([self.national[:first], *pairs])


class Numbers:
    """All numbers that so many contacts have, each once: own ones, then those of companies."""

    def __init__(self, contacts: int) -> None:
        self._own = contacts // 5 * 7 + (0, 2, 4, 5, 6)[contacts % 5]
        self._companies = -(-contacts // STAFF)
        self.count = self._own + self._companies

    def at(self, place: int) -> Number:
        """One of them, by its place."""
        return Number.at(place if place < self._own else _COMPANIES + place - self._own)


def nobodys(dice: random.Random) -> Number:
    """A number that is as good as any, and that no contact has."""
    return Number.at(dice.randrange(_NOBODY, _END))


def of_contact(contact: int) -> tuple[Number, Number | None]:
    """Phone and mobile: of five contacts two have both, one its company's and a mobile, two a phone."""
    kind, first = contact % 5, contact // 5 * 7
    if kind == 2:
        return Number.at(_COMPANIES + contact // STAFF), Number.at(first + 4)
    if kind > 2:
        return Number.at(first + kind + 2), None
    return Number.at(first + 2 * kind), Number.at(first + 2 * kind + 1)


def people(contacts: int, revision: int = 0) -> Iterator[tuple[str, ...]]:
    """The rows of a file of so many contacts; every hundredth has another room in each revision."""
    dice = random.Random(SEED)
    for contact in range(contacts):
        first, last = _name(dice)
        company = (
            f"{SYLLABLES[contact // STAFF % 31].capitalize()}{SYLLABLES[contact // STAFF // 31 % 29]} & Co"
        )
        phone, mobile = of_contact(contact)
        room = f"{revision}" if contact % CHANGED == 0 else "0"
        yield (
            f"{contact:08}",
            first,
            last,
            company,
            DEPARTMENTS[contact % len(DEPARTMENTS)],
            f"contact{contact}@example.com",
            _listed(phone, dice),
            _listed(mobile, dice) if mobile else "",
            room,
        )


def write_csv(file: Path, contacts: int, revision: int = 0) -> None:
    """The same as a file, there whole or not at all."""
    new = file.with_suffix(".new")
    with new.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(HEAD)
        writer.writerows(people(contacts, revision))
    new.replace(file)


def revision(file: Path) -> int:
    """Which one a file holds."""
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        return int(next(reader)["room"])


def word(dice: random.Random, length: int) -> str:
    """Something that may be a name."""
    return "".join(dice.choices(SYLLABLES, k=length)).capitalize()


def _name(dice: random.Random) -> tuple[str, str]:
    chance = dice.random()
    if chance < 1 / 12:
        given, family = dice.choice(SCRIPTS)
        return dice.choice(given), dice.choice(family)
    last = dice.choice(COMMON) if chance < 1 / 12 + 1 / 8 else word(dice, dice.choice((2, 3, 3, 4)))
    return dice.choice(FIRST), last


def _listed(number: Number, dice: random.Random) -> str:
    """A number as directories hold it."""
    country, trunk = number.plan.country, number.plan.trunk
    if country == "33" and dice.random() < 0.5:
        separator = dice.choice((" ", " ", ".", "", "-"))
        return trunk + number.grouped(separator)
    form = dice.randrange(5)
    if form == 0:
        return number.e164
    if form == 1:
        return f"00{country}{number.national}"
    if form == 2 and trunk:
        return f"+{country} ({trunk}){number.grouped(' ')}"
    return f"+{country} {number.grouped(' ')}"


def asked(number: Number, dice: random.Random) -> str:
    """A number as PBXes send it to a French profile, ready to stand in a URL."""
    country, chance = number.plan.country, dice.random()
    if chance < 0.05:
        return f"%2B{country}.{number.grouped('.')}"
    if chance < 0.15:
        return f"%2B{country}%20{number.grouped('%20')}"
    if chance < 0.30:
        return f"00{country}{number.national}"
    if country == "33" and chance < 0.60:
        return f"{number.plan.trunk}{number.national}"
    return f"%2B{country}{number.national}"


def uniform(contacts: int, count: int, dice: random.Random) -> Iterator[Number]:
    """Numbers that somebody has, each as likely as any other."""
    numbers = Numbers(contacts)
    return (numbers.at(dice.randrange(numbers.count)) for _ in range(count))


def zipf(contacts: int, count: int, dice: random.Random) -> Iterator[Number]:
    """The same, the n-th most frequent one n times less often than the first."""
    numbers = Numbers(contacts)
    ranks = (int(numbers.count ** dice.random()) for _ in range(count))
    return (numbers.at(rank * 2_654_435_761 % numbers.count) for rank in ranks)


def nobody(_: int, count: int, dice: random.Random) -> Iterator[Number]:
    """Numbers that nobody has."""
    return (nobodys(dice) for _ in range(count))
