"""Names and terms of every kind: each document is accepted, and following its links shows everybody once."""

import itertools
from collections import Counter
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookupd.views.phones.document import clean
from lookupd.views.phones.vendors import VENDORS
from tests.views.phones.checker import CHECKERS
from tests.views.phones.conftest import Columns, Contacts, contacts, person, serving
from tests.views.phones.situations import WORDS

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = st.text(st.characters(), max_size=12) | st.sampled_from(["Ann", "ann", "x" * 500, "\u0301" * 90])
NUMBER = st.none() | st.from_regex(r"[1-9][0-9]{2,5}", fullmatch=True)
PEOPLE = st.lists(st.builds(person, NAME, NUMBER, NUMBER, NUMBER), max_size=20)
LIMIT = st.none() | st.integers(1, 7)
PAGED = ("aastra", "cisco", "fanvil", "polycom", "snom", "thomson", "yealink-browser")
UNPAGED = tuple(word for word in WORDS if word not in {*PAGED, "gigaset", "openstage", "panasonic", "ascom"})
#: the finder remembers what a user was shown, so every example has a user of its own
USERS = itertools.count()

EVERY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def phones():
    async with serving({"lookup": Contacts(), "catalog": Columns(), "reverse": None}) as phones:
        yield phones


def checked(word, reply):
    assert reply.status == 200
    checker = CHECKERS[word.removesuffix("-gxp")]
    assert reply.headers["Content-Type"] == checker.content_type
    return checker(reply.body)


def wanted(people):
    """Every number of every contact."""
    each = [{one[column] for column in ("number", "mobile", "home")} - {None} for one in people]
    return Counter(number for numbers in each for number in numbers)


def first(word, limit, term=""):
    more = "" if limit is None else f"&limit={limit}"
    return f"/phones/{word}/default/lookup?xivo_user_uuid={next(USERS)}&term={quote(term, safe='')}{more}"


async def walk(phones, word, url, step=None):
    """The numbers on all pages from this one on, back and forth."""
    seen, before = [], []
    while url is not None:
        page = checked(word, await phones.ask(url))
        seen += page.numbers
        before.append(page.previous)
        url = page.next if step is None else step(page)
    assert before[0] is None
    assert all(before[1:]) or step is not None
    return Counter(number for _, number in seen)


@pytest.mark.parametrize("word", PAGED)
@EVERY
@given(people=PEOPLE, limit=LIMIT)
async def test_following_the_links_shows_every_number_of_everybody_once(word, phones, people, limit):
    phones.services["lookup"].contacts = contacts(people)
    assert await walk(phones, word, first(word, limit)) == wanted(people)


@EVERY
@given(people=PEOPLE, limit=LIMIT)
async def test_choosing_the_next_page_on_an_openstage_shows_every_number_once(phones, people, limit):
    phones.services["lookup"].contacts = contacts(people)
    start = first("openstage", limit)

    def chosen(page):
        options = [option.attrib for option in page.root.iter("Option")]
        on = [one["Value"] for one in options if one["Key"] == "offset" and int(one["Value"]) > places[-1]]
        places.extend(map(int, on))
        return f"{page.text('.//Url')}&offset={on[0]}" if on else None

    places = [0]
    assert await walk(phones, "openstage", start, chosen) == wanted(people)


@EVERY
@given(people=PEOPLE, count=st.integers(1, 5), size=st.none() | st.integers(400, 900))
async def test_a_gigaset_that_asks_for_one_part_after_another_gets_every_number_once(
    phones, people, count, size
):
    phones.services["lookup"].contacts = contacts(people)
    url = f"/phones/gigaset/default/lookup?xivo_user_uuid={next(USERS)}&command=get_list&set_first=*"
    seen, place, total = [], 1, 1
    while place <= total:
        more = "" if size is None else f"&limit={size}"
        reply = await phones.ask(f"{url}&first={place}&count={count}{more}")
        part = CHECKERS["gigaset"](reply.body, size)
        seen += part.numbers
        total = part.total
        place = int(part.root.get("last")) + 1
        assert len(part.root) or not total
    assert Counter(number for _, number in seen) == wanted(people)


@pytest.mark.parametrize("word", UNPAGED)
@EVERY
@given(people=PEOPLE)
async def test_a_phone_without_pages_gets_every_number_at_once(word, phones, people):
    phones.services["lookup"].contacts = contacts(people)
    page = checked(word, await phones.ask(first(word, None)))
    assert Counter(number for _, number in page.numbers) == wanted(people)


@pytest.mark.parametrize("word", WORDS)
@EVERY
@given(people=PEOPLE, term=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
async def test_no_term_breaks_a_document(word, phones, people, term):
    phones.services["lookup"].contacts = contacts(people)
    checked(word, await phones.ask(first(word, 2, term)))
    for entry in ("menu", "input"):
        if getattr(VENDORS[word], entry) is not None:
            checked(
                word,
                await phones.ask(f"/phones/{word}/default/{entry}?xivo_user_uuid={quote(term, safe='')}"),
            )


@pytest.mark.parametrize("word", ["cisco", "polycom"])
async def test_ten_thousand_hits_are_walked_to_the_end(word, phones):
    people = [person(f"P{at:05}", str(10_000 + at)) for at in range(10_000)]
    phones.services["lookup"].contacts = contacts(people)
    url = f"/phones/{word}/default/lookup?xivo_user_uuid={next(USERS)}"
    last = checked(word, await phones.ask(f"{url}&offset=9990"))
    assert last.numbers[-1] == ("P09999", "19999") or last.next is not None
    assert await walk(phones, word, url) == wanted(people)
    assert clean(last.numbers[0][0]) == "P09990"
