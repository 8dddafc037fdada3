"""A lookup object is put together from ready texts, and says what `json.dumps` would."""

import json
from datetime import UTC, datetime

import pytest

from lookupd.answer import Hit, Origin
from lookupd.config import Column
from lookupd.contact import Contact, anonymous_uid
from lookupd.freshness import Freshness
from lookupd.views.dird import shape

RELATIONS = dict.fromkeys(("xivo_id", "agent_id", "user_id", "user_uuid", "endpoint_id"))


def hit(fields, *, uid="1", source="staff", backend="csv"):
    contact = Contact(source=source, uid=uid, body=json.dumps(fields), display=None)
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return Hit(contact, backend, Origin.INDEX, noon, Freshness.FRESH)


def told(*hits, columns, **more):
    text = shape.lookup(shape.results(hits, columns), columns, "term", **more)
    assert text == json.dumps(json.loads(text))
    return json.loads(text)


@pytest.mark.parametrize(
    "value",
    [
        "",
        'Zoé "Z" \\ Müller\n',
        "山田 \N{GRINNING FACE}",
        0,
        -1.5,
        10**30,
        True,
        False,
        ["a", 1],
        {"a": ["é"]},
    ],
)
def test_a_value_arrives_as_it_is(value):
    found = told(hit({"x": 1, "name": value}), columns=[Column(title='"', field="name", default="none")])
    assert found["results"][0]["column_values"] == [value]
    assert found["column_headers"] == ['"']


@pytest.mark.parametrize("fields", [{}, {"name": None}])
@pytest.mark.parametrize("default", [None, "no ü"])
def test_the_default_stands_where_there_is_none(fields, default):
    [result] = told(hit(fields), columns=[Column(field="name", default=default)])["results"]
    assert result["column_values"] == [default]


def test_marks_are_false_whatever_the_contact_has():
    columns = [
        Column(type="favorite", field="name", default="x"),
        Column(type="personal"),
        Column(default="y"),
    ]
    [result] = told(hit({"name": "Ada"}), columns=columns)["results"]
    assert result["column_values"] == [False, False, "y"]


def test_each_contact_says_whose_it_is():
    hits = [
        hit({}, uid='1"é'),
        hit({}, uid=anonymous_uid(7)),
        hit({}, source='"other"', backend="ldap"),
        hit({}, source='"other"'),
    ]
    results = told(*hits, columns=[])["results"]
    assert [(one["source"], one["backend"]) for one in results] == [
        ("staff", "csv"),
        ("staff", "csv"),
        ('"other"', "ldap"),
        ('"other"', "csv"),
    ]
    ids = ['1"é', None, "1", "1"]
    assert [one["relations"] for one in results] == [{**RELATIONS, "source_entry_id": id_} for id_ in ids]


def test_what_is_told_besides_stands_at_the_end():
    found = told(columns=[Column(title="Name", field="name", type="name")], total=3, explain={"is_cut": True})
    assert list(found.items()) == [
        ("column_headers", ["Name"]),
        ("column_types", ["name"]),
        ("results", []),
        ("term", "term"),
        ("total", 3),
        ("explain", {"is_cut": True}),
    ]
