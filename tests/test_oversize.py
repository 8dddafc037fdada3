"""Cells, and rows, that are larger than a contact may be: the person stays, and has a name and numbers."""

import time

import pytest

from lookupd import MultiValue
from lookupd.contact import LONGEST_SEARCHED, Shape
from lookupd.hearing import Hearing
from lookupd.number import parse
from lookupd.oversize import COLUMNS, oddities
from lookupd.row import (
    LONGEST_CELL,
    LONGEST_NAMES,
    LONGEST_ROW,
    MOST_COLUMNS,
    MOST_VALUES,
    are_clean,
    checked,
)
from tests.fakes import source_of
from tests.test_contact import ADA, FRANCE, shape_of

LARGE = 10_000_000
MAIL = {**ADA, "note": "x" * (LONGEST_CELL + 1)}


def nested(depth, width):
    """A list of so many lists of lists, which takes little memory, and no end of time."""
    cell = "x"
    for _ in range(depth):
        cell = [cell] * width
    return cell


@pytest.mark.parametrize(
    "cell",
    [
        "lorem ipsum " * (LARGE // 12),
        "Müller-Lüdenscheidt " * (LARGE // 20),
        "山田太郎 " * (LARGE // 5),
        "\0" * LARGE,
        " " * LARGE,
        "\udcff" * LARGE,
        ["01 99 00 12 35"] * 100_000,
        MultiValue(["01 99 00 12 35"] * 100_000),
        MultiValue(["x" * 40_000] * 2),
        ["x" * 40_000] * 2,
        {"x" * 40_000: "x" * 40_000},
        {str(number): number for number in range(100_000)},
        {*range(100_000)},
        nested(18, 10),
        [2**4000] * 100,
    ],
    ids=lambda cell: type(cell).__name__,
)
@pytest.mark.parametrize("column", ["note", "mail", "mobile"])
def test_a_cell_that_is_too_large_is_left_out_at_once_and_name_and_number_stay(column, cell):
    shape, left_out, begun = shape_of(), [], time.perf_counter()
    row = shape.checked({**ADA, "more": 7, column: cell}, left_out)
    contact = shape.contact(row)
    assert time.perf_counter() - begun < 0.25
    assert row == {**ADA, "more": 7, column: None}
    assert left_out == [column]
    assert contact.display == ADA["name"]
    assert [listed.number.key for listed in contact.numbers] == ["+33199001234"]


def test_what_is_just_small_enough_is_kept():
    row = {**ADA, "note": "x" * LONGEST_CELL, "list": ["y"] * MOST_VALUES, "other": "é" * LONGEST_CELL}
    left_out = []
    assert checked(row, (), left_out) == row
    assert left_out == []
    assert are_clean([{**ADA, "note": "x" * LONGEST_CELL}])
    assert not are_clean([MAIL])


@pytest.mark.parametrize("more", [{}, {"odd": 7}])
def test_of_a_row_that_is_too_large_the_columns_that_are_needed_stay(more):
    notes = {f"note {number}": "x" * LONGEST_CELL for number in range(5)}
    left_out = []
    row = shape_of().checked({**notes, **more, "city": "Paris", **ADA}, left_out)
    assert {column: row[column] for column in (*ADA, *more)} == {**ADA, **more}
    assert left_out == ["note 3", "note 4"]
    assert row["note 2"] == notes["note 2"]
    assert row["city"] == "Paris"
    assert [*row] == [*notes, *more, "city", *ADA]
    assert sum(len(str(cell)) for cell in row.values()) <= LONGEST_ROW + 50


@pytest.mark.parametrize("cell", ["x", None, 7])
def test_of_a_hundred_thousand_columns_the_first_and_those_that_are_needed_stay(cell):
    left_out, begun = [], time.perf_counter()
    row = shape_of().checked({**{f"c{number}": cell for number in range(100_000)}, **ADA}, left_out)
    assert time.perf_counter() - begun < 0.25
    assert len(row) == MOST_COLUMNS + len(ADA)
    assert row.items() >= {**ADA, "c0": cell}.items()
    assert left_out == [f"c{MOST_COLUMNS}"]


def test_a_column_with_an_endless_name_is_left_out():
    name = "c" * (LONGEST_NAMES + 1)
    left_out = []
    assert shape_of().checked({**ADA, name: "x"}, left_out) == ADA
    assert left_out == [name]


def test_a_large_row_among_small_ones_is_not_overlooked():
    small = [{**ADA, "id": str(number)} for number in range(1000)]
    many = {f"note {number}": "x" * LONGEST_CELL for number in range(5)}
    assert are_clean(small)
    assert not are_clean([*small, MAIL, *small])
    assert not are_clean([*small, many, *small])
    assert are_clean([*small, {**ADA, "note": "x" * LONGEST_CELL}, *small])


def test_a_batch_says_what_it_is_kept_without():
    batch = source_of(None)._checked([ADA, MAIL, MAIL])
    assert batch.rows == [ADA, {**ADA, "note": None}, {**ADA, "note": None}]
    assert (batch.left_out, batch.refused) == (["note", "note"], [])


def test_a_number_is_answered_though_its_row_has_a_picture():
    number = parse("0199001234", FRANCE)
    hearing = Hearing("staff", shape_of(), "first_match")
    hearing.take(number, {**ADA, "photo": "A" * LARGE})
    assert hearing.heard[number].display == ADA["name"]


def test_the_words_at_the_beginning_of_a_long_cell_are_found():
    words = " ".join(f"w{number}" for number in range(5000))
    shape = shape_of(searched_columns=("name", "note"))
    for cell in (words, MultiValue([words]), MultiValue(words.split()), words.split()):
        terms = shape.contact(shape.checked({**ADA, "note": cell})).terms.split("\n")[1]
        assert terms.startswith("w0 w1 ")
        assert "w500 " in terms
        assert len(terms) <= LONGEST_SEARCHED


def test_of_endlessly_many_numbers_the_first_are_found():
    cells = [f"01990{number:05}" for number in range(MOST_VALUES)]
    shape = shape_of()
    numbers = shape.contact(shape.checked({**ADA, "phone": MultiValue(cells)})).numbers
    assert [listed.number.key for listed in numbers[:2]] == ["+33199000000", "+33199000001"]
    assert len(numbers) == 400


def test_a_person_may_have_some_dozen_numbers():
    cells = [f"01990{number:05}" for number in range(60)]
    shape = shape_of()
    assert len(shape.contact(shape.checked({**ADA, "phone": cells})).numbers) == 60


def test_each_column_is_logged_once(caplog):
    shape = shape_of()
    for _ in range(3):
        shape.checked(MAIL)
    shape.checked({**ADA, "photo": MAIL["note"]})
    assert [record.message.split(",")[0] for record in caplog.records] == [
        "source 'staff': a contact is kept without 'note'",
        "source 'staff': a contact is kept without 'photo'",
    ]


def test_a_source_with_endlessly_many_large_columns_does_not_flood_the_log(caplog):
    shape = shape_of()
    for number in range(3 * COLUMNS):
        shape.checked({**ADA, f"c{number}": MAIL["note"]})
    assert len(caplog.records) == COLUMNS


def test_what_is_told_of_a_column_is_short_and_one_line():
    [told] = oddities({"a\nb" + "x" * LARGE: 2})
    assert told.startswith("2 contacts are kept without 'a\\nbxxx")
    assert len(told) < 250


def test_a_shape_in_another_process_tells_too(caplog):
    make, args = shape_of().__reduce__()
    assert isinstance(make(*args), Shape)
    make(*args).checked(MAIL)
    assert "kept without 'note'" in caplog.text
