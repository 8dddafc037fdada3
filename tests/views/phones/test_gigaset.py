"""Gigaset: parts of a list as handsets ask for them, and who is calling."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tests.views.phones.checker import CHECKERS
from tests.views.phones.conftest import USER, Columns, Contacts, contacts, person, serving

PEOPLE = [person(f"Ann P{at:02}", str(1000 + at)) for at in range(10)]
URL = f"/0.1/directories/lookup/default/gigaset/{USER}?"
#: as a base really asks when a telephone rings
RINGING = (
    "command=get%5flist&type=pb&fn=%2a&ln=%2a&ct=%2a&st=%2a&hm={}&nr=%2a&mb=%2a&fx=%2a&sip=%2a&zc=%2a&em=%2a"
    "&in=%2a&bp=%2a&lang=9&first=1&count=1&mac=7C2F80000000&reqsrc=auto&handsetid=1&limit=2048"
)


@dataclass
class Callers:
    """A reverse service that knows one caller."""

    failed: tuple = ()
    name: str = "Ada Lovelace"

    async def who(self, principal, profile, exten):
        [ada] = contacts([person(self.name, "0199001234")])
        known = SimpleNamespace(contact=ada) if exten == "0199001234" else None
        return SimpleNamespace(known=known, failed=self.failed)


@pytest.fixture
async def phones():
    services = {"lookup": Contacts(contacts(PEOPLE)), "catalog": Columns(), "reverse": Callers()}
    async with serving(services) as phones:
        yield phones


async def part(phones, query):
    reply = await phones.ask(URL + query)
    assert reply.status == 200
    return CHECKERS["gigaset"](reply.body)


def place(seen):
    return tuple(int(seen.root.get(name)) for name in ("first", "last", "total"))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (1, 10, 10)),
        ("first=1&count=3", (1, 3, 10)),
        ("first=4&count=3", (4, 6, 10)),
        ("first=9&count=5", (9, 10, 10)),
        ("first=0&count=2", (1, 2, 10)),
        ("first=-1&count=1", (10, 10, 10)),
        ("first=-3&count=2", (8, 9, 10)),
        ("first=-1&count=-3", (8, 10, 10)),
        ("first=5&count=-3", (3, 5, 10)),
        ("first=2&count=-5", (1, 2, 10)),
        ("last=6&count=3", (4, 6, 10)),
        ("first=-99&count=2", (1, 2, 10)),
        ("first=99&count=2", (11, 10, 10)),
        ("first=99&count=-2", (9, 10, 10)),
        ("first=1&count=0", (1, 10, 10)),
        ("first=&count=&limit=", (1, 10, 10)),
        ("first=999999999999999&count=2", (11, 10, 10)),
    ],
)
async def test_a_handset_gets_the_part_it_asks_for(phones, query, expected):
    seen = await part(phones, f"command=get_list&set_first=%2a&{query}")
    assert place(seen) == expected
    ids = [str(at) for at in range(expected[0], expected[1] + 1)]
    assert [entry.get("id") for entry in seen.root] == ids


@pytest.mark.parametrize("limit", [300, 512, 1000, 2048])
async def test_a_reply_has_at_most_the_bytes_the_handset_takes(phones, limit):
    reply = await phones.ask(f"{URL}command=get_list&first=1&count=10&limit={limit}")
    seen = CHECKERS["gigaset"](reply.body, limit)
    assert len(seen.root) >= 1
    assert seen.total == 10


async def test_set_first_or_the_fields_of_a_name_are_what_is_searched_for(phones):
    assert (await part(phones, "set_first=Ann%20P03*")).rows == [("Ann P03", "1003")]
    assert (await part(phones, "fn=Ann+P04*&ln=%2a")).rows == [("Ann P04", "1004")]
    assert place(await part(phones, "set_first=nobody")) == (1, 0, 0)


async def test_the_caller_of_a_ringing_telephone_is_named(phones):
    seen = await part(phones, RINGING.format("0199001234"))
    assert seen.rows == [("Ada Lovelace", "0199001234")]
    assert (seen.root.get("type"), seen.total) == ("pb", 1)
    assert phones.services["lookup"].asked == []


async def test_a_caller_nobody_knows_is_not_found_in_the_field_that_was_asked(phones):
    seen = await part(phones, RINGING.format("0123456789"))
    assert (seen.total, seen.root.get("notfound")) == (0, "hm")
    assert phones.guests.log == [0]


@pytest.mark.parametrize("withheld", ["anonymous", "%D9%A3", "sip%3Ax"])
async def test_a_caller_without_a_number_is_not_the_first_of_everybody(phones, withheld):
    seen = await part(phones, RINGING.format(withheld))
    assert (seen.total, seen.root.get("notfound")) == (0, "hm")
    assert phones.services["lookup"].asked == []


async def test_a_caller_whose_name_cannot_be_seen_is_shown_by_number(phones):
    phones.services["reverse"].name = "\u200d"
    seen = await part(phones, RINGING.format("0199001234"))
    assert seen.rows == [("0199001234", "0199001234")]


async def test_a_caller_who_cannot_be_looked_up_is_an_error_and_not_an_absence(phones):
    phones.services["reverse"].failed = ("far",)
    seen = await part(phones, RINGING.format("0123456789"))
    assert (seen.kind, seen.text("errorid")) == ("error", "6")


async def test_what_the_base_sends_to_know_its_reply_by_comes_back(phones):
    seen = await part(phones, "type=yp&reqid=a%26b&set_first=Ann%20P03")
    assert (seen.root.get("type"), seen.root.get("reqid")) == ("yp", "a&b")
    assert (await part(phones, "type=evil")).root.get("type") == "pr"


@pytest.mark.parametrize("query", ["first=x", "count=1e3", "limit=%00", "last=--1"])
async def test_a_place_that_is_no_number_is_refused(phones, query):
    assert (await phones.ask(f"{URL}command=get_list&{query}")).status == 400
