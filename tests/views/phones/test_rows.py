"""Contacts as phones show them: their names, their numbers, in which order, how many in a row."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.config import Column
from lookupd.contact import Contact
from lookupd.views.phones import rows
from lookupd.views.phones.label import Kind
from lookupd.views.phones.rows import Entry, Number, parts, slots

COLUMNS = [
    Column(title="Mobile", type="number", field="mobile"),
    Column(title="Name", type="name", field="name"),
    Column(title="Also", type="name", field="nick"),
    Column(title="Fax", type="number", field="fax"),
    Column(title="Office", type="number", field="office", default="100"),
    Column(title="Room", type=None, field="room"),
]


def dial(text):
    return [part for part in text.split("/") if part.isdigit()]


def entry(display=None, **fields):
    contact = Contact(source="s", uid="1", body=json.dumps(fields), display=display)
    return rows.entry(contact, COLUMNS, dial)


def shown(entry):
    return [(number.digits, number.header) for number in entry.numbers]


def test_numbers_come_in_the_order_of_what_they_are_for():
    seen = entry(name="Ada", mobile="3", fax="4", office="1/2", room="99")
    assert shown(seen) == [("1", "Office"), ("2", "Office"), ("3", "Mobile"), ("4", "Fax")]


def test_a_number_in_two_columns_is_shown_once():
    assert shown(entry(name="Ada", mobile="1", office="1")) == [("1", "Mobile")]


@pytest.mark.parametrize("value", [["3", "4"], {"a": "3", "b": ["4"]}, "3/4"])
def test_every_number_of_a_cell_is_shown_whatever_holds_it(value):
    assert shown(entry(name="Ada", mobile=value, office="x")) == [("3", "Mobile"), ("4", "Mobile")]


@pytest.mark.parametrize("value", [3, 3.0])
def test_a_number_may_be_a_number(value):
    assert shown(entry(name="Ada", mobile=value, office="")) == [("3", "Mobile")]


@pytest.mark.parametrize("name", ["", " ", "\u200b", "\u200d", "\u0301", "\ufeff\u00ad"])
def test_a_name_of_which_nothing_can_be_seen_is_none(name):
    assert entry(name=name, nick="Ada").name == "Ada"
    assert entry(display="Ada", name=name).name == "Ada"
    assert entry(display=name, name=name, mobile="3").name == "100"


def test_the_default_of_a_column_counts_where_nothing_stands():
    assert shown(entry(name="Ada")) == [("100", "Office")]


def test_who_has_nothing_to_dial_is_not_shown():
    assert entry(name="Ada", office="by mail", mobile=True) is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"name": " Ada\n Lovelace", "nick": "A"}, "Ada Lovelace"),
        ({"name": "\x01 ", "nick": "A"}, "A"),
        ({"display": "From the source"}, "From the source"),
        ({"display": " ", "name": None}, "100"),
    ],
)
def test_a_name_is_never_empty(fields, name):
    assert entry(**fields).name == name


NUMBERS = st.lists(st.integers(1, 10**12).map(lambda n: Number(str(n), "Office")), max_size=9, unique=True)


@given(st.lists(NUMBERS, max_size=5), st.integers(1, 5))
def test_rows_have_every_number_that_a_phone_takes_once(people, per_row):
    made = rows.rows([Entry("x", tuple(one)) for one in people], per_row=per_row, longest=8)
    dialled = [number.digits for row in made for number in row.numbers]
    assert dialled == [number.digits for one in people for number in one if len(number.digits) <= 8]
    assert all(1 <= len(row.numbers) <= per_row for row in made)
    assert sum(not row.is_further for row in made) == len({id(row.entry) for row in made})


@pytest.mark.parametrize(
    ("name", "apart"),
    [
        ("Ada Lovelace", ("Ada", "Lovelace")),
        ("Ada de la Tour", ("Ada", "de la Tour")),
        ("Ada", ("Ada", "")),
        ("Lovelace, Ada", ("Ada", "Lovelace")),
        ("ACME, ", ("ACME,", "")),
    ],
)
def test_first_and_last_names_are_told_apart(name, apart):
    assert parts(name) == apart


@pytest.mark.parametrize(
    ("headers", "places"),
    [
        (["Office"], ("Office", None, None)),
        (["Mobile"], (None, "Mobile", None)),
        (["Office", "Mobile", "Home"], ("Office", "Mobile", "Home")),
        (["Office", "Home", "Fax"], ("Office", None, "Home")),
        (["Mobile", "Cell"], ("Cell", "Mobile", None)),
    ],
)
def test_numbers_have_their_places_on_phones_with_three(headers, places):
    found = slots([Number("1", header) for header in headers])
    assert tuple(number and number.header for number in found) == places


def test_kinds_of_numbers_are_told_by_their_headings():
    assert Number("1", "Mobiltelefon").kind is Kind.MOBILE
