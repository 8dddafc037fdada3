"""From the row of a directory to the contact that is stored, found and served."""

import enum
import json
import subprocess
import sys
from collections import UserDict
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd import MultiValue
from lookupd.config import SourceSettings
from lookupd.contact import Shape, anonymous_uid, twin_uid
from lookupd.number import Number, NumberRules
from lookupd.row import DEEPEST, RowRefused

FRANCE = NumberRules(region="FR")
COLUMNS = {
    "unique_column": "id",
    "searched_columns": ("name", "mail"),
    "first_matched_columns": ("phone", "mobile"),
    "format_columns": {"reverse": "{name}"},
}
ADA = {"id": "1", "name": "Ada Bélanger", "mail": "ada@example.com", "phone": "01 99 00 12 34"}


def shape_of(rules=FRANCE, *, with_suffix=False, **settings):
    source = SourceSettings(name="staff", backend="fake", **{**COLUMNS, **settings})
    return Shape(source, rules, with_suffix=with_suffix)


SHAPE = shape_of()


def value(cell):
    """A cell as it is stored."""
    return SHAPE.checked({"x": cell})["x"]


def contact(row, shape=SHAPE):
    return shape.contact(shape.checked(row))


def keys(row, shape=SHAPE):
    return [listed.number.key for listed in contact(row, shape).numbers]


def terms(row, shape=SHAPE):
    return contact(row, shape).terms.split("\n")


class Color(str, enum.Enum):  # noqa: UP042 - its str() is not its value, unlike that of a StrEnum
    RED = "red"


class Unsayable:
    def __str__(self):
        raise RuntimeError("no")


# --- cells


@pytest.mark.parametrize(
    ("cell", "stored"),
    [
        (None, None),
        ("", None),
        (" \t\n\u00a0", None),
        ("x", "x"),
        (" x ", " x "),
        ("Bélanger", "Bélanger"),
        (0, 0),
        (-7, -7),
        (True, True),
        (1.5, 1.5),
        (float("nan"), None),
        (float("inf"), None),
        (["a", "", None, 1], ["a", None, None, 1]),
        (("a", "b"), ["a", "b"]),
        ([], []),
        ({"c", "a", "b"}, ["a", "b", "c"]),
        (frozenset({2}), [2]),
        ({"work": "01", "none": "", 5: [""]}, {"work": "01", "none": None, "5": [None]}),
        (UserDict({"a": "b"}), {"a": "b"}),
        (date(2026, 1, 2), "2026-01-02"),
        (Decimal("1.50"), "1.50"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Color.RED, "red"),
        ("a\udcffb", "a?b"),
        ("\ud800", "?"),
        ({"\udcff": ["\udcff"]}, {"?": ["?"]}),
        (MultiValue([" ", ""]), None),
        ([MultiValue(["1", "", "2"])], [["1", "2"]]),
    ],
)
def test_a_cell_is_stored_as_json_can_say_it(cell, stored):
    found = value(cell)
    assert found == stored
    assert type(found) is type(stored)


def test_of_several_values_those_that_are_not_empty_are_kept():
    found = value(MultiValue(["", "a\udcff", " ", "b"]))
    assert found == "a?"
    assert found.all == ("a?", "b")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (b"x", "column 'x' holds bytes; its back-end must decode them"),
        ([{"a": bytearray(b"x")}], "column 'x' holds bytes"),
        (memoryview(b"x"), "column 'x' holds bytes"),
        (10**2000, "column 'x' holds a number too large"),
        ([[Unsayable()]], "column 'x' holds a Unsayable that is no text"),
        ({Unsayable(): 1}, "column 'x' holds a Unsayable that is no text"),
    ],
)
def test_what_no_contact_can_hold_is_refused_with_its_column(cell, said):
    with pytest.raises(RowRefused, match=said):
        value(cell)


def nested(depth, kind=list):
    cell = "x"
    for _ in range(depth):
        cell = [cell] if kind is list else {"k": cell}
    return cell


@pytest.mark.parametrize("kind", [list, dict])
def test_a_cell_may_nest_but_not_without_end(kind):
    assert value(nested(DEEPEST, kind)) == nested(DEEPEST, kind)
    with pytest.raises(RowRefused, match=r"column 'x' nests deeper than 20 levels"):
        value(nested(DEEPEST + 1, kind))


def test_a_cell_that_holds_itself_is_refused():
    cell = []
    cell.append(cell)
    with pytest.raises(RowRefused, match="nests deeper"):
        value(cell)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({1: "x"}, "a column's name must be a text, not int"),
        ({None: "x"}, "a column's name must be a text, not None"),
        (["x"], "a row must be a mapping of columns, not list"),
        (None, "a row must be a mapping of columns, not NoneType"),
    ],
)
def test_a_row_without_columns_is_refused(row, said):
    with pytest.raises(RowRefused, match=said):
        SHAPE.checked(row)


def test_a_lone_surrogate_reaches_neither_the_body_nor_the_terms():
    made = contact({"id": "\udcff1", "name": MultiValue(["A\udcffda", "\ud800"]), "x\udcff": "y"})
    assert made.fields == {"id": "?1", "name": "A?da", "x?": "y", "reverse": "A?da"}
    assert "\\ud" not in made.body
    assert (made.terms + made.display + made.uid).encode()


CELLS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.dates()
    | st.text(st.characters(), max_size=20)
    | st.lists(st.text(st.characters()), min_size=1).map(MultiValue),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*ADA, "mobile", "x\udcff"]), CELLS))
def test_any_row_becomes_a_contact_or_is_refused(row):
    try:
        made = contact(row)
    except RowRefused:
        return
    assert json.loads(made.body.encode()) == made.fields
    assert made.uid.encode()
    assert made.terms.encode()
    assert [*SHAPE.index_keys(made)] == [
        (item.number.key, item.number.extension or "", item.rank) for item in made.numbers
    ]


# --- contacts


def test_a_contact_holds_raw_and_formatted_fields():
    made = contact(ADA)
    assert made.fields == {**ADA, "reverse": "Ada Bélanger"}
    assert (made.source, made.uid, made.display) == ("staff", "1", "Ada Bélanger")
    assert made.body.isascii()


def test_a_format_may_use_the_ones_before_it():
    shape = shape_of(format_columns={"name": "{name}!", "reverse": "{name} ({mail})"})
    assert contact(ADA, shape).display == "Ada Bélanger! (ada@example.com)"


def test_several_values_are_shown_as_the_first():
    made = contact({**ADA, "phone": MultiValue(["01 99 00 12 34", "01 99 00 56 78"])})
    assert made.fields["phone"] == "01 99 00 12 34"


@pytest.mark.parametrize("row", [{}, {"name": None}, {"name": ""}])
def test_a_contact_without_a_name_has_no_display(row):
    assert contact(row).display is None


@pytest.mark.parametrize("name", [5, ["x"], {"a": "b"}, True])
def test_a_display_is_a_text(name):
    shape = shape_of(format_columns={})
    assert contact({"reverse": name}, shape).display is None
    assert contact({"reverse": "x"}, shape).display == "x"


# --- numbers


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("01 99 00 12 34", ["+33199001234"]),
        ("01 99 00 12 34 / +49 30 1234567", ["+33199001234", "+49301234567"]),
        (MultiValue(["01 99 00 12 34", "7"]), ["+33199001234", "7"]),
        (["01 99 00 12 34", ["7"], None], ["+33199001234", "7"]),
        ({"work": "01 99 00 12 34", "fax": {"home": "7"}}, ["+33199001234", "7"]),
        (33199001234, ["+33199001234"]),
        (33199001234.0, ["+33199001234"]),
        (7, ["7"]),
        (7.0, ["7"]),
        (Decimal(7), ["7"]),
        (True, []),
        (None, []),
        ("anonymous", []),
    ],
)
def test_every_number_in_a_cell_is_found(cell, found):
    assert keys({"phone": cell}) == found


def test_numbers_keep_the_rank_of_their_column_and_stand_once():
    made = contact({"mobile": "06 39 98 12 34, 01 99 00 12 34", "phone": "+33199001234"})
    assert [(listed.number.key, listed.rank) for listed in made.numbers] == [
        ("+33199001234", 0),
        ("+33639981234", 1),
    ]


def test_only_number_columns_hold_numbers():
    assert keys({"fax": "01 99 00 12 34", "name": "01 99 00 12 34"}) == []


def test_a_number_is_read_in_the_region_of_its_source():
    assert keys({"phone": "030 1234567"}, shape_of(NumberRules(region="DE"))) == ["+49301234567"]


def test_the_index_finds_a_number_with_its_extension_and_its_suffix_where_wanted():
    row = {"phone": "+33 1 99 00 12 34 ext. 7"}
    whole = ("+33199001234", "7", 0)
    assert [*SHAPE.index_keys(contact(row))] == [whole]
    shape = shape_of(with_suffix=True)
    [first, second] = shape.index_keys(contact(row, shape))
    assert first == whole
    assert second[0].endswith("199001234")
    assert second[1:] == ("7", 0)
    assert [*shape.index_keys(contact({"phone": "7"}, shape))] == [("7", "", 0)]


# --- what a lookup finds


def test_each_searched_column_is_a_line_and_the_last_holds_the_digits():
    assert terms(ADA) == ["ada belanger", "ada example com", "33199001234 0199001234"]


def test_all_values_of_a_searched_column_are_found():
    row = {"name": MultiValue(["Ada", "Countess"]), "mail": ["a@x", {"home": "b@y"}]}
    assert terms(row) == ["ada countess", "a x b y", ""]


def test_a_whole_number_is_found_as_one_however_it_is_held():
    assert terms({"name": 42.0, "mail": [42, True]}) == ["42", "42", ""]


def test_a_line_break_in_a_cell_is_no_new_line():
    assert terms({"name": "Ada\nBélanger\u2028X"}) == ["ada belanger x", "", ""]


def test_a_formatted_column_is_searched_as_well():
    shape = shape_of(searched_columns=("reverse",), format_columns={"reverse": "Dr {name}"})
    assert terms(ADA, shape)[0] == "dr ada belanger"


def test_without_a_region_a_number_is_found_by_its_international_digits_only():
    assert terms({"phone": "+33199001234"}, shape_of(NumberRules()))[-1] == "33199001234"


def test_a_code_is_found_by_its_digits():
    """As words: the index looks for nothing else, and takes what it did not look for for damage."""
    assert terms({"phone": "*97*12#"})[-1] == "97 12"


def test_a_block_of_numbers_is_not_found_by_digits():
    row = {"phone": "+33 1 99 00 12 xx"}
    assert contact(row).numbers[0].number == Number(key="+331990012xx")
    assert terms(row)[-1] == ""


# --- identity


@pytest.mark.parametrize(
    ("cell", "uid"),
    [("1", "1"), (7, "7"), (0, "0"), (UUID(int=1), str(UUID(int=1))), (MultiValue(["", "b"]), "b")],
)
def test_the_unique_column_identifies_a_contact(cell, uid):
    made = contact({**ADA, "id": cell})
    assert made.uid == made.entry_id == uid


@pytest.mark.parametrize("row", [{"name": "x"}, {"id": None}, {"id": ""}, {"id": float("nan")}])
def test_a_row_without_an_identity_is_known_by_its_content(row):
    made = contact(row)
    assert made.uid == anonymous_uid(SHAPE.fingerprint(SHAPE.checked(row)))
    assert made.entry_id is None


def test_a_source_without_a_unique_column_knows_all_by_their_content():
    shape = shape_of(unique_column=None)
    assert shape.uid(ADA) is None
    assert contact(ADA, shape).entry_id is None
    assert contact(ADA, shape).uid != contact({**ADA, "name": "Bob"}, shape).uid


def test_a_twin_shows_the_identity_it_shares():
    row = SHAPE.checked(ADA)
    made = SHAPE.contact(row, twin_uid("1", SHAPE.fingerprint(row)))
    assert made.uid != "1"
    assert made.entry_id == "1"


@pytest.mark.parametrize("fingerprint", [-1, 0, -(2**63), 2**63 - 1])
def test_made_identities_are_of_one_length(fingerprint):
    assert len(anonymous_uid(fingerprint)) == 17
    assert twin_uid("a", fingerprint) == "a" + anonymous_uid(fingerprint)


# --- fingerprints


def fingerprint(row, shape=SHAPE):
    return shape.fingerprint(shape.checked(row))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"name": None}),
        ({"name": "Ada"}, {"name": "ada"}),
        ({"name": "1"}, {"name": 1}),
        ({"name": 1}, {"name": 1.0}),
        ({"name": 1}, {"name": True}),
        ({"name": "a", "mail": "b"}, {"name": "b", "mail": "a"}),
        ({"name": ["a", "b"]}, {"name": ["ab"]}),
        ({"phone": MultiValue(["1", "2"])}, {"phone": MultiValue(["1", "3"])}),
        ({"phone": MultiValue(["1", "2"])}, {"phone": ["1", "2"]}),
        ({"phone": [MultiValue(["1", "2"])]}, {"phone": [MultiValue(["1", "3"])]}),
        ({"phone": {"a": "1"}}, {"phone": {"b": "1"}}),
    ],
)
def test_fingerprints_differ_where_contacts_do(one, other):
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": ""}, {"name": None}),
        ({"name": "  "}, {"name": None}),
        ({"name": float("nan")}, {"name": None}),
        ({"name": ("a",)}, {"name": ["a"]}),
        ({"name": {"b", "a"}}, {"name": ["a", "b"]}),
        ({"name": MultiValue(["", "a"])}, {"name": MultiValue(["a"])}),
        ({"name": Color.RED}, {"name": "red"}),
    ],
)
def test_fingerprints_are_equal_where_contacts_are(one, other):
    assert fingerprint(one) == fingerprint(other)
    assert contact(one) == contact(other)


@given(st.dictionaries(st.sampled_from([*ADA]), CELLS), st.dictionaries(st.sampled_from([*ADA]), CELLS))
def test_equal_fingerprints_mean_equal_contacts(one, other):
    try:
        pairs = [(fingerprint(row), contact(row)) for row in (one, other, dict(one))]
    except RowRefused:
        return
    assert pairs[0] == pairs[2]
    assert (pairs[0][0] == pairs[1][0]) <= (pairs[0][1] == pairs[1][1])


@pytest.mark.parametrize(
    "other",
    [
        shape_of(unique_column="mail"),
        shape_of(unique_column=None),
        shape_of(searched_columns=("name",)),
        shape_of(first_matched_columns=("mobile", "phone")),
        shape_of(format_columns={"reverse": "{name} "}),
        shape_of(format_columns={}),
        shape_of(NumberRules(region="GB")),
        shape_of(NumberRules()),
        shape_of(with_suffix=True),
    ],
)
def test_another_way_to_store_a_row_is_another_fingerprint(other):
    assert fingerprint(ADA, other) != fingerprint(ADA)


def test_settings_that_change_no_contact_change_no_fingerprint():
    assert fingerprint(ADA, shape_of(sync={"every": "1h"}, live=False, config={"x": 1})) == fingerprint(ADA)


def test_a_fingerprint_is_the_same_in_every_process():
    code = (
        "from lookupd.config import SourceSettings; from lookupd.contact import Shape;"
        "from lookupd.number import NumberRules;"
        "s = Shape(SourceSettings(name='a', backend='b'), NumberRules());"
        "print(s.fingerprint(s.checked({'x': {'a', 'b', 'c', 'd'}, 'y': 'z'})))"
    )
    found = {
        subprocess.check_output([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}) for seed in "123"
    }
    assert len(found) == 1


# --- what is written faster than json would


@given(
    st.permutations([*ADA, 'Ü"\\', "%s 100%"]).flatmap(
        lambda columns: st.fixed_dictionaries(dict.fromkeys(columns[:4], CELLS))
    )
)
def test_a_body_is_what_json_says(row):
    try:
        made = contact(row)
    except RowRefused:
        return
    fields = json.loads(made.body)
    assert made.body == json.dumps(fields)
    stored = json.loads(json.dumps(SHAPE.checked(row)))
    assert [*fields.items()][: len(stored)] == [*stored.items()]


def test_the_numbers_of_the_index_are_what_json_says():
    made = contact({**ADA, "phone": "+33 1 99 00 12 34 ext. 7", "mobile": "*97"})
    assert SHAPE.index_numbers(made) == json.dumps([*SHAPE.index_keys(made)])


@pytest.mark.parametrize("cell", ["", " ", "a\0b", "\ud800", "é", MultiValue(["1", "2"]), 1])
def test_a_row_is_checked_the_same_beside_a_cell_of_another_kind(cell):
    alone, beside = SHAPE.checked({"x": cell}), SHAPE.checked({"x": cell, "y": ["z"]})
    assert (alone["x"], type(alone["x"])) == (beside["x"], type(beside["x"]))
