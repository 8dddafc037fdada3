"""What phones send: read in whatever way they write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.views.phones import query
from lookupd.views.phones.query import NoNumber


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        ("", {}),
        ("a=1&b=2&", {"a": "1", "b": "2"}),
        ("&&a=1", {"a": "1"}),
        ("?a=1", {"a": "1"}),
        ("u=1?term=x", {"u": "1", "term": "x"}),
        ("term=who?", {"term": "who?"}),
        ("term=a+b%20c%2Bd", {"term": "a b c+d"}),
        ("term=M%C3%BCller", {"term": "Müller"}),
        ("term=M%FCller", {"term": "Müller"}),
        ("term=a%26b%3Dc", {"term": "a&b=c"}),
        ("term", {"term": ""}),
        ("command=get%5flist&fn=%2a", {"command": "get_list", "fn": "*"}),
        ("a=1&a=2", {"a": "2"}),
        ("a=%zz%", {"a": "%zz%"}),
    ],
)
def test_a_query_is_read_as_phones_write_it(raw, sent):
    assert query.parse(raw) == sent


@pytest.mark.parametrize("text", ["", "*", "**", " * ", "#SEARCH", "#search", "__T__", "\x00"])
def test_stars_and_placeholders_stand_for_everybody(text):
    assert query.term(text) == ""


@pytest.mark.parametrize(("text", "term"), [("mü*", "mü"), ("*lee*ann", "lee ann"), ("  a\tb ", "a b")])
def test_a_term_is_what_is_left_without_stars(text, term):
    assert query.term(text) == term


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("-3", -3), ("+4", 4), (" 5 ", 5), ("", None), ("9" * 30, 10**9), ("-" + "9" * 30, -(10**9))],
)
def test_whole_numbers_are_read_and_none_is_too_large(text, number):
    assert query.whole({"n": text}, "n") == number


@pytest.mark.parametrize("text", ["x", "1.5", "0x10", "--1", "\u0661", "1 2", "9" * 31])
def test_anything_else_is_no_number(text):
    with pytest.raises(NoNumber, match="n"):
        query.whole({"n": text}, "n")


@given(st.text(), st.text())
def test_any_query_can_be_read(raw, value):
    sent = query.parse(raw)
    query.term(sent.get("term", value))
