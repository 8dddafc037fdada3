"""Templates of format_columns: filled by any row, never by what is behind one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd import MultiValue
from lookupd.template import Template, shown

ROW = {
    "cn": "Ann Árvai",
    "a.b": "dotted",
    "2": "second",
    "none": None,
    "blank": "  ",
    "age": 42,
    "ratio": 1.5,
    "is_vip": True,
    "numbers": ["0123", "0456"],
    "empty": [],
    "by_label": {"mobile": "06", "work": ["01", "02"], "none": None},
    "phones": MultiValue(["0123", "0456"]),
    "mixed": [None, "x"],
}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{cn}", "Ann Árvai"),
        ("{cn} <{age}>", "Ann Árvai <42>"),
        ("{a.b}", "dotted"),
        ("{2}", "second"),
        ("{ratio} {is_vip}", "1.5 True"),
        ("{cn} {none}", "Ann Árvai"),
        ("  {cn}, {missing}", "Ann Árvai,"),
        ("{none}", None),
        ("{cn} ({none})", "Ann Árvai"),
        ("{cn} ({none} {age})", "Ann Árvai ( 42)"),
        ("{missing} ({cn}) [{none}], <{none} {missing}>", "(Ann Árvai),"),
        ("({none})", None),
        ("{cn} ()", "Ann Árvai ()"),  # as it is meant
        ("{missing}", None),
        ("{blank}", None),
        ("", None),
        ("   ", None),
        ("plain", "plain"),
        ("{{cn}}", "{cn}"),
        ("{numbers}", "0123"),
        ("{numbers[1]}", "0456"),
        ("{numbers[2]}", None),
        ("{numbers[-1]}", None),
        ("{numbers[x]}", None),
        ("{empty}", None),
        ("{empty[0]}", None),
        ("{by_label[mobile]}", "06"),
        ("{by_label[work]}", "01"),
        ("{by_label[work][1]}", "02"),
        ("{by_label[fax]}", None),
        ("{cn}{by_label[none]}", None),
        ("{cn}{cn[0]}", None),
        ("{age[0]}", None),
        ("{phones}", "0123"),
        ("{mixed}", None),
        ("{mixed[1]}", "x"),
        ("{numbers[999999999999999999]}", None),
        ("{numbers[\u00b2]}", None),
        ("{numbers[" + "9" * 5000 + "]}", None),
    ],
)
def test_a_template_is_filled_from_the_fields_of_a_row(template, filled):
    assert Template(template).fill(ROW) == filled


def test_what_is_filled_in_is_text_and_no_template():
    assert Template("{a}").fill({"a": "{b} {{"}) == "{b} {{"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{}", r"\{\} is not a column, as in \{name\} or \{numbers\[0\]\}"),
        ("{[0]}", r"\{\[0\]\} is not a column"),
        ("{a!r}", r"\{a!r\} is not a column"),
        ("{a:>9}", r"\{a:>9\} is not a column"),
        ("{a!s:x}", r"\{a!s:x\} is not a column"),
        ("{a[b]c}", r"\{a\[b\]c\} is not a column"),
        ("{a[]}", r"\{a\[\]\} is not a column"),
        ("{a", "expected '}'"),
        ("a}", "Single '}'"),
        ("{", "Single '{'"),
        ("{a:{b}}", "is not a column"),
    ],
)
def test_what_is_no_template_is_refused_with_the_reason(template, said):
    with pytest.raises(ValueError, match=said):
        Template(template)


class Watched:
    """A value whose attributes and items nobody may read."""

    def __getattr__(self, name):
        raise AssertionError(name)

    def __getitem__(self, item):
        raise AssertionError(item)

    def __str__(self):
        return "watched"


@pytest.mark.parametrize(
    "name", ["v.__class__", "v.secret", "v.__class__.__mro__", "v[secret]", "v[__class__]"]
)
def test_no_attribute_and_no_foreign_item_is_ever_read(name):
    assert Template(f"{{{name}}}").fill({"v": Watched()}) is None
    assert Template("{v}").fill({"v": Watched()}) == "watched"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
NAMES = st.sampled_from(["a", "b", "a.b", "0"])
FIELDS = st.builds(
    lambda name, items: name + "".join(f"[{item}]" for item in items),
    NAMES,
    st.lists(st.sampled_from(["0", "1", "x", "mobile", "\u0661", "\u00b2", " "]), max_size=2),
)
TEMPLATES = st.lists(FIELDS.map("{{{}}}".format) | st.text(string.ascii_letters + " ")).map("".join)


@given(TEMPLATES, st.dictionaries(NAMES, VALUES))
def test_a_template_never_raises_whatever_the_row_holds(text, row):
    filled = Template(text).fill(row)
    assert filled is None or filled == filled.strip() != ""


@given(st.text())
def test_any_text_is_a_template_or_refused(text):
    try:
        template = Template(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        template.fill(ROW)


@given(VALUES)
def test_any_value_is_shown_as_one_text(value):
    assert isinstance(shown(value), str)


def test_of_several_values_the_first_is_shown():
    assert shown([["a", "b"], "c"]) == "a"
    assert shown(("x",)) == "x"
    assert shown([None, "x"]) == ""
