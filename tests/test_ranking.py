"""How well a contact fits what was typed: whole words first, then earlier columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd import fold
from lookupd.index.ranking import (
    BEGUN,
    MISSING,
    closeness,
    expression,
    is_found,
    match_expression,
    measured,
    needles,
    query_words,
    whole_expression,
)

#: three searched columns and the digits
TERMS = "ann abel\nannex ltd\npartner ann\n33199001234 0199001234"


@pytest.mark.parametrize(
    ("term", "distance"),
    [
        ("ann", 0),
        ("abel", 0),
        ("ltd", 1),
        ("partner", 2),
        ("0199001234", 3),
        ("ab", BEGUN),
        ("anne", BEGUN + 1),
        ("par", BEGUN + 2),
        ("+33 1 99", BEGUN + 3),
        ("zoe", MISSING),
        ("ann abel", 0),
        ("ann ltd", 1),
        ("par ab", 2 * BEGUN + 2),
        ("partner ltd", 3),
        ("ann ab", BEGUN),
    ],
)
def test_whole_words_come_first_then_earlier_columns(term, distance):
    assert closeness(TERMS, query_words(term)) == distance


def test_of_the_spellings_of_a_word_the_closest_counts():
    assert closeness("muller mueller", [("muller", "mueller")]) == 0
    assert closeness("mueller\nmuller", [("muller", "mueller")]) == 0


def test_nothing_typed_is_as_close_to_everybody():
    assert closeness(TERMS, []) == closeness("", []) == 0


@pytest.mark.parametrize("term", ["ann", "AB", "ann ltd", "lt par", "+33 1 99", "01 99", "0199001234"])
def test_a_contact_is_found_by_the_beginnings_of_its_words(term):
    assert is_found(TERMS, term)


@pytest.mark.parametrize("term", ["zoe", "ann zoe", "nn", "+33 2", "ltd 0155"])
def test_a_contact_is_not_found_by_other_words(term):
    assert not is_found(TERMS, term)


def test_what_looks_like_a_number_is_also_found_by_whole_words():
    assert is_found("24 7 bar", "24/7")
    assert not is_found("24 77 bar", "24/7")


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("01 99 00", "019900"),
        ("01.99.00", "019900"),
        ("(01) 99-00", "019900"),
        ("+33 (0)1 99", "33199"),
        ("+33(0)1", "331"),
        ("0033 1", "331"),
        ("0033 (0)1", "331"),
        ("(0)1 99", "0199"),
        ("01\u00a099\u202f00", "019900"),
        ("01\u201199", "0199"),
        ("0", "0"),
        ("00", "00"),
        ("1" * 40, "1" * 32),
    ],
)
def test_a_number_is_one_word_however_it_is_typed(typed, digits):
    assert query_words(typed) == [(digits,)]


@pytest.mark.parametrize("typed", ["01a", "1st", "\u0660\u0661 99", "ext. 7", "01_99", "01+x"])
def test_what_holds_anything_else_is_words(typed):
    assert query_words(typed) == fold.query_words(typed)
    assert match_expression(typed) == expression(fold.query_words(typed), "*")


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("01 99", '"0199"* OR ("01" AND "99")'),
        ("0033 1", '"331"* OR ("0033" AND "1")'),
        ("00184", '"184"* OR ("00184")'),
        ("7", '"7"*'),
        ("+", None),
        ("- -", None),
        ("", None),
    ],
)
def test_a_number_is_looked_for_by_its_beginning_or_by_its_groups(typed, wanted):
    assert match_expression(typed) == wanted


@given(st.text(max_size=40) | st.text("0123456789 +-./()\u00a0\u2011", max_size=40))
def test_whatever_is_typed_there_are_words_where_there_is_an_expression(term):
    assert bool(query_words(term)) == (match_expression(term) is not None)


@given(st.text("ab \n", max_size=30), st.lists(st.sampled_from("ab"), min_size=1, max_size=3))
def test_a_distance_has_its_bounds(terms, typed):
    words = [(word,) for word in typed]
    assert 0 <= closeness(terms, words) <= MISSING * len(words)


@pytest.mark.parametrize(
    ("typed", "whole", "listed"),
    [
        ("ann abelard", '"ann" AND "abelard"', '"ann"* AND "abela"*'),
        ("müllar", '("mullar" OR "muellar")', '("mulla"* OR "muell"*)'),
        ("Übermut", '("ubermut" OR "uebermut")', '("uberm"* OR "ueber"*)'),
        ("01 99", '"0199" OR ("01" AND "99")', '"0199"* OR ("01" AND "99")'),
        ("0199001234", '"0199001234" OR ("0199001234")', '"01990"* OR ("0199001234")'),
        ("+", None, None),
    ],
)
def test_words_are_looked_for_whole_and_by_their_first_letters(typed, whole, listed):
    assert whole_expression(typed) == whole
    assert match_expression(typed, 5) == listed


def test_what_is_measured_says_whether_every_word_was_there():
    assert measured(TERMS, needles(query_words("par ab"))) == (2 * BEGUN + 2, True)
    assert measured(TERMS, needles(query_words("par zoe"))) == (BEGUN + MISSING + 2, False)
    assert measured(TERMS, []) == (0, True)
