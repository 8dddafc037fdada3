"""What telephones dial: only what can be dialled, by the rules of a profile, and never another number."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lookupd.config import DialSettings
from lookupd.dial import DialRules, dialable, dialable_each
from lookupd.number import NumberRules, parse, parse_cell, plan
from tests.number_forms import FORMS

PROPERTIES = settings(max_examples=300, deadline=None, derandomize=True, database=None)
AS_WRITTEN = DialRules()
ZEROS = DialRules(international_prefix="00")
NATIONAL = DialRules(own_country="national")
INTERNATIONAL = DialRules(own_country="international")
ALWAYS_ZEROS = DialRules(own_country="international", international_prefix="00")
ZERO_FIRST = DialRules(outside_prefix="0")
NINE_FIRST = DialRules(outside_prefix="9", trunk_prefix="1", own_country="national")
FOUR_INSIDE = DialRules(outside_prefix="0", internal_digits=4)

DIALLED = [
    # as the directory writes it
    ("01 23 45 67 89", AS_WRITTEN, "FR", "0123456789"),
    ("01.23-45/67(89)", AS_WRITTEN, "FR", "0123456789"),
    ("+33 1 23 45 67 89", AS_WRITTEN, "FR", "+33123456789"),
    ("+33(0)123456789", AS_WRITTEN, "FR", "+33123456789"),
    ("+33 (0)1 23 45 67 89", AS_WRITTEN, None, "+33123456789"),
    ("+39 (0)6 1234 5678", AS_WRITTEN, "FR", "+390612345678"),
    ("+1 (555) 010-9999 ext. 7", AS_WRITTEN, "FR", "+15550109999"),
    ("(555) 010-9999 x7", AS_WRITTEN, "US", "5550109999"),
    ("1-555-010-9999,,7", AS_WRITTEN, "US", "15550109999"),
    ("0123456789;ext=12", AS_WRITTEN, "FR", "0123456789"),
    ("0044 20 7946 0000", AS_WRITTEN, "FR", "00442079460000"),
    ("sip:+33123456789@pbx.example", AS_WRITTEN, "FR", "+33123456789"),
    ("tel:123456789;phone-context=+33", AS_WRITTEN, "DE", "+33123456789"),
    ("Tel. 01 23 45 67 89", AS_WRITTEN, "FR", "0123456789"),
    ("٠١٢٣٤٥٦٧٨٩", AS_WRITTEN, "FR", "0123456789"),
    ("(418)-555.1234", AS_WRITTEN, None, "4185551234"),
    ("5.5.5", AS_WRITTEN, None, "555"),
    ("4711", AS_WRITTEN, "DE", "4711"),
    ("*21", AS_WRITTEN, "DE", "*21"),
    ("#31#", AS_WRITTEN, "DE", "#31#"),
    ("ext. 7", AS_WRITTEN, "FR", "7"),
    ("112", AS_WRITTEN, "FR", "112"),
    # what was lost is put back
    ("123456789", AS_WRITTEN, "FR", "0123456789"),
    ("33123456789", AS_WRITTEN, "FR", "+33123456789"),
    ("13812345678", AS_WRITTEN, "CN", "13812345678"),
    # nothing to dial
    ("", AS_WRITTEN, "FR", None),
    ("   ", AS_WRITTEN, "FR", None),
    ("by e-mail only", AS_WRITTEN, "FR", None),
    ("anonymous", AS_WRITTEN, "FR", None),
    ("+33 1 23 45 67 xx", AS_WRITTEN, "FR", None),
    ("*21*+33123456789#", AS_WRITTEN, "FR", None),
    ("9" * 300, AS_WRITTEN, "FR", None),
    # the first of several
    ("01 23 45 67 89 / 06 87 65 43 21", AS_WRITTEN, "FR", "+33123456789"),
    # an international prefix: the values that clients of wazo-phoned know
    ("+33(0)123456789", ZEROS, None, "0033123456789"),
    ("+33(0)123456789", ZEROS, "FR", "0033123456789"),
    ("0033123456789", ZEROS, "FR", "0033123456789"),
    ("0123456789", ZEROS, "FR", "0123456789"),
    ("+1 (555) 010-9999 ext. 7", ZEROS, None, "0015550109999"),
    ("011 44 20 7946 0000", ZEROS, "US", "00442079460000"),
    ("+44 20 7946 0000", DialRules(international_prefix="011"), "US", "011442079460000"),
    ("0044 20 7946 0000", DialRules(international_prefix="+"), "FR", "+442079460000"),
    # the own country
    ("+33 1 23 45 67 89", NATIONAL, "FR", "0123456789"),
    ("0033 1 23 45 67 89", NATIONAL, "FR", "0123456789"),
    ("+44 20 7946 0000", NATIONAL, "FR", "+442079460000"),
    ("+1 555 010 9999", NATIONAL, "US", "5550109999"),
    ("+1 555 010 9999", DialRules(own_country="national", trunk_prefix="1"), "US", "15550109999"),
    ("555 010 9999", DialRules(trunk_prefix="1"), "US", "15550109999"),
    ("+39 06 1234 5678", NATIONAL, "IT", "0612345678"),
    ("+86 138 1234 5678", NATIONAL, "CN", "13812345678"),
    ("01 23 45 67 89", INTERNATIONAL, "FR", "+33123456789"),
    ("0033 1 23 45 67 89", INTERNATIONAL, "FR", "+33123456789"),
    ("01 23 45 67 89", ALWAYS_ZEROS, "FR", "0033123456789"),
    ("01 23 45 67 89", ALWAYS_ZEROS, None, "0123456789"),
    ("4711", ALWAYS_ZEROS, "FR", "4711"),
    # a line to the outside
    ("01 23 45 67 89", ZERO_FIRST, "FR", "00123456789"),
    ("+33 1 23 45 67 89", ZERO_FIRST, "FR", "00033123456789"),
    ("+44 20 7946 0000", ZERO_FIRST, "US", "0011442079460000"),
    ("0123456789", ZERO_FIRST, None, "00123456789"),
    ("+44 20 7946 0000", ZERO_FIRST, None, "000442079460000"),
    ("4711", ZERO_FIRST, "FR", "4711"),
    ("*21", ZERO_FIRST, "FR", "*21"),
    ("(555) 010-9999", NINE_FIRST, "US", "915550109999"),
    ("1234", FOUR_INSIDE, "FR", "1234"),
    ("112233", FOUR_INSIDE, "FR", "0112233"),
    ("1234567", DialRules(outside_prefix="0", internal_digits=8), "DK", "1234567"),
    ("12 34 56 78", DialRules(outside_prefix="0", internal_digits=8), "DK", "12345678"),
]


@pytest.mark.parametrize(("text", "dial", "region", "dialled"), DIALLED)
def test_a_number_is_dialled_by_the_rules(text, dial, region, dialled):
    assert dialable(text, dial, NumberRules(region=region)) == dialled


def test_every_number_of_a_cell_is_dialled_each_once():
    france = NumberRules(region="FR")
    cell = "01 23 45 67 89; 06 87 65 43 21; +33 1 23 45 67 89"
    assert dialable_each(cell, NATIONAL, france) == ("0123456789", "0687654321")
    assert dialable_each("none", NATIONAL, france) == ()


def test_what_the_pbx_adds_to_calling_numbers_does_not_change_what_is_dialled():
    asked = NumberRules(region="FR", strip_prefixes=("0",), add_prefix="00")
    assert dialable("01 23 45 67 89", AS_WRITTEN, asked) == "0123456789"


@pytest.mark.parametrize(
    ("text", "dial", "dialled"),
    [
        ("030 901820", AS_WRITTEN, "+4930901820"),
        ("030 901820", ZEROS, "004930901820"),
        ("0033 1 23 45 67 89", AS_WRITTEN, "0033123456789"),
        ("0033 1 23 45 67 89", NATIONAL, "0123456789"),
        ("+33 1 23 45 67 89", NATIONAL, "0123456789"),
        ("030 901820", NATIONAL, "+4930901820"),
        ("030 901820", ZERO_FIRST, "0004930901820"),
        ("4711", ZERO_FIRST, "4711"),
    ],
)
def test_a_number_of_a_foreign_directory_is_dialled_from_where_the_telephones_are(text, dial, dialled):
    in_france = replace(dial, region="FR")
    assert dialable(text, in_france, NumberRules(region="DE")) == dialled


# --- rules


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("international_prefix", "zero"),
        ("international_prefix", ""),
        ("trunk_prefix", "+"),
        ("outside_prefix", "0 "),
        ("internal_digits", -1),
        ("own_country", "abroad"),
    ],
)
def test_a_prefix_that_cannot_be_dialled_is_a_mistake_in_the_configuration(key, value):
    with pytest.raises(ValidationError):
        DialSettings(**{key: value})


def test_a_plus_after_a_prefix_is_a_mistake():
    with pytest.raises(ValidationError, match="cannot follow an outside_prefix"):
        DialSettings(outside_prefix="0", international_prefix="+")


def test_the_settings_are_the_rules():
    assert DialSettings().rules(None) == DialRules()
    nine_first = DialSettings(outside_prefix="9", trunk_prefix="1", own_country="national")
    assert nine_first.rules("US") == replace(NINE_FIRST, region="US")


# --- any text, any region, any rules


def prefixes_that_read_back(region):
    """What is dialled before a country code; not where there are several, one for each carrier."""
    if region is None:
        return ["+", "00"]
    home = plan.of_region(region)
    is_one = home.idd.pattern == f"(?:{home.idd_digits})(?=[1-9])"
    return ["+", home.idd_digits] if is_one else ["+"]


@st.composite
def places_and_rules(draw, directory):
    """A country of telephones, and rules whose results can be read there."""
    home = draw(st.sampled_from([directory, *sorted(plan.REGIONS)]))
    return DialRules(
        region=home,
        international_prefix=draw(st.sampled_from([None, *prefixes_that_read_back(home)])),
        own_country=draw(st.sampled_from(["written", "national", "international"])),
    )


def check_that_it_reads_back(text, dial, directory):
    numbers = [number for number in parse_cell(text, NumberRules(region=directory)) if not number.is_block]
    dialled = dialable_each(text, dial, NumberRules(region=directory))
    assert all(re.fullmatch(r"\+?[0-9*#]+", each) for each in dialled)
    at_home = [parse(each, NumberRules(region=dial.region or directory)) for each in dialled]
    read = {number.key for number in at_home if number is not None}
    # What is no number of any plan is transcribed; it may mean something elsewhere.
    assert {number.key for number in numbers if number.is_international} <= read
    if all(number.is_international for number in numbers):
        assert read == {number.key for number in numbers}


@PROPERTIES
@given(st.data(), st.sampled_from([None, *sorted(plan.REGIONS)]))
def test_the_number_of_any_region_is_read_back_from_what_is_dialled(data, directory):
    text = data.draw(st.from_regex(r"\A\+?[0-9][0-9 ().-]{2,17}\Z"))
    check_that_it_reads_back(text, data.draw(places_and_rules(directory)), directory)


@PROPERTIES
@given(st.data(), st.sampled_from(FORMS))
def test_every_known_form_is_read_back_from_what_is_dialled(data, form):
    text, directory, *_ = form
    check_that_it_reads_back(text, data.draw(places_and_rules(directory)), directory)


@PROPERTIES
@given(st.from_regex(r"\A[0-9*#]{1,6}\Z"), st.sampled_from([AS_WRITTEN, ALWAYS_ZEROS, ZERO_FIRST]))
def test_internal_numbers_and_short_codes_are_dialled_as_they_are(text, dial):
    if parse(text, NumberRules(region="FR")):
        assert dialable(text, dial, NumberRules(region="FR")) == text


@PROPERTIES
@given(
    st.text(), st.sampled_from([AS_WRITTEN, ZEROS, NINE_FIRST, FOUR_INSIDE]), st.sampled_from([None, "US"])
)
def test_whatever_a_directory_says_only_what_can_be_dialled_comes_out(text, dial, region):
    for dialled in dialable_each(text, dial, NumberRules(region=region)):
        assert re.fullmatch(r"\+?[0-9*#]+", dialled)
