"""Numbers: how written forms are read, what is compared with what, and that short ways change nothing."""

import dataclasses
import random
import time

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, ValidationResult

from lookupd.number import (
    ALL,
    Number,
    NumberRules,
    Spelling,
    Tier,
    match,
    national_digits,
    parse,
    parse_cell,
    plan,
    question_keys,
    reading,
    spellings,
    suffix_key,
)
from tests.number_forms import COUNTRIES, FORMS

ANYWHERE = NumberRules()
BRITAIN = NumberRules(region="GB")
FRANCE = NumberRules(region="FR")
GERMANY = NumberRules(region="DE")
ITALY = NumberRules(region="IT")
USA = NumberRules(region="US")
PARIS = Number(key="+33123456789")
MOBILE = Number(key="+33611223344")

PROPERTIES = settings(max_examples=500, deadline=None, derandomize=True, database=None)
REGIONS = sorted(plan.REGIONS)
#: their numbers have four or five digits, but there are longer ones too: the short are taken for extensions
ISLANDS = {"KI", "TK"}


# --- one text, one number


@pytest.mark.parametrize(("text", "region", "key", "extension"), FORMS)
def test_a_written_form_is_read_as_its_number(text, region, key, extension):
    number = parse(text, NumberRules(region=region))
    assert number == (Number(key=key, extension=extension) if key else None)


def test_the_table_of_forms_is_wide_and_says_nothing_twice():
    assert len(FORMS) >= 300
    assert len({region for _text, region, _key, _extension in COUNTRIES}) >= 40
    assert len({(text, region) for text, region, _key, _extension in FORMS}) == len(FORMS)


@pytest.mark.parametrize("region", REGIONS)
def test_example_numbers_of_every_region_are_read_in_all_formats(region):
    rules = NumberRules(region=region)
    example = phonenumbers.example_number(region)
    key = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    international = phonenumbers.format_number(example, PhoneNumberFormat.INTERNATIONAL)
    assert (
        parse(key, ANYWHERE)
        == parse(international, USA)
        == parse("00" + key[1:], ANYWHERE)
        == Number(key=key)
    )
    national = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
    assert parse(national, rules) == Number(key=national if region in ISLANDS else key)


@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "0" * 10_000, "1 " * 5_000, "(" * 10_000, ", " * 900, "/ " * 900, "tel " * 62, "1x " * 80],
)
def test_long_garbage_is_no_number_and_costs_nothing(text):
    began = time.perf_counter()
    assert parse(text, FRANCE) is None
    parse_cell(text, FRANCE)
    assert time.perf_counter() - began < 0.1


def test_a_text_is_not_remembered_for_other_rules():
    assert parse("0123456789", FRANCE) == PARIS
    assert parse("0123456789", ANYWHERE) == Number(key="0123456789")
    assert parse("0123456789", GERMANY) == Number(key="+49123456789")


def test_rules_that_cannot_be_are_refused():
    for wrong in ({"region": "XX"}, {"region": "fr"}, {"strip_prefixes": ("",)}, {"add_prefix": "zero"}):
        with pytest.raises(ValueError, match=r"region|prefix"):
            NumberRules(**wrong)


# --- PBX prefixes


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("00123456789", "+33123456789"),  # 0 for an outside line, then the national number
        ("000442079460018", "+442079460018"),
        ("0+442079460018", "+442079460018"),
        ("0123456789", "+33123456789"),  # arrived without the prefix
        ("0442079460018", "+442079460018"),  # 0 before a number that has lost its plus
        ("+33123456789", "+33123456789"),
        ("0101", "0101"),  # not an outside number without its 0: stays
        ("0112", "0112"),
    ],
)
def test_a_prefix_of_the_pbx_goes_only_if_an_outside_number_remains(text, key):
    assert parse(text, dataclasses.replace(FRANCE, strip_prefixes=("0", "9"))) == Number(key=key)


def test_a_national_number_is_not_mistaken_for_a_prefix_and_a_lost_plus():
    rules = dataclasses.replace(GERMANY, strip_prefixes=("0",))
    assert parse("04931123456", rules) == Number(key="+494931123456")
    assert parse("004931123456", rules) == Number(key="+494931123456")
    assert parse("0004931123456", rules) == Number(key="+4931123456")


def test_the_prefixes_are_tried_in_their_order():
    rules = dataclasses.replace(USA, strip_prefixes=("9", "81"))
    assert parse("92125550123", rules) == parse("812125550123", rules) == Number(key="+12125550123")
    assert parse("9 011 33 1 23 45 67 89", rules) == PARIS


@pytest.mark.parametrize(
    ("prefix", "rules", "text", "key"),
    [
        ("0", GERMANY, "301234567", "+49301234567"),
        ("0", GERMANY, "033123456789", "+33123456789"),  # one zero of 00 was cut off
        ("0", FRANCE, "123456789", "+33123456789"),
        ("0", FRANCE, "+33123456789", "+33123456789"),
        ("+", GERMANY, "33123456789", "+33123456789"),
        ("+", GERMANY, "0301234567", "+49301234567"),
        ("+", ANYWHERE, "33123456789", "+33123456789"),
        ("00", GERMANY, "33123456789", "+33123456789"),
        ("+33", ANYWHERE, "123456789", "+33123456789"),
        ("+33", FRANCE, "33123456789", "+33123456789"),
        ("0", GERMANY, "7042", "7042"),
        ("+33", FRANCE, "112", "112"),
        ("+33", FRANCE, "*97", "*97"),
    ],
)
def test_what_the_pbx_cut_off_is_put_back_before_outside_numbers(prefix, rules, text, key):
    assert parse(text, dataclasses.replace(rules, add_prefix=prefix)) == Number(key=key)


# --- one cell, several numbers


@pytest.mark.parametrize(
    ("text", "rules", "keys"),
    [
        (
            "01 23 45 67 89 / 06 11 22 33 44; +49 30 1234",
            FRANCE,
            ["+33123456789", "+33611223344", "+49301234"],
        ),
        ("01 23 45 67 89, 06 11 22 33 44", FRANCE, ["+33123456789", "+33611223344"]),
        ("0123456789,0611223344", FRANCE, ["+33123456789", "+33611223344"]),
        ("0123456789|0611223344\n7042\r\n112", FRANCE, ["+33123456789", "+33611223344", "7042", "112"]),
        ("0123456789 or 0611223344", FRANCE, ["+33123456789", "+33611223344"]),
        ("0123456789 oder 0611223344 & 7042", FRANCE, ["+33123456789", "+33611223344", "7042"]),
        ("0123456789 0611223344", FRANCE, ["+33123456789", "+33611223344"]),
        ("+33 1 23 45 67 89 +33 6 11 22 33 44", FRANCE, ["+33123456789", "+33611223344"]),
        ("0123456789/0611223344", FRANCE, ["+33123456789", "+33611223344"]),
        ("0123456789; 01.23.45.67.89; +33123456789", FRANCE, ["+33123456789"]),
        ("Tel. 0123456789, Fax: 0611223344", FRANCE, ["+33123456789", "+33611223344"]),
        ("0123456789, ask for Ada", FRANCE, ["+33123456789"]),
        ("none; 7042", FRANCE, ["7042"]),
        (" 0123456789 ", FRANCE, ["+33123456789"]),
        (" 33123456789", GERMANY, ["33123456789"]),
        ("030/1234567", GERMANY, ["+49301234567"]),
        ("030 / 1234567, 040/7654321", GERMANY, ["+49301234567", "+49407654321"]),
        ("030 1234 / 040 1234567", GERMANY, ["+49301234", "+49401234567"]),
        ("030 1234567/68/69", GERMANY, ["+49301234567", "+49301234568", "+49301234569"]),
        ("030/1234567/68", GERMANY, ["+49301234567", "+49301234568"]),
        ("01/23/45/67/89", FRANCE, ["+33123456789"]),
        ("7042/7043", GERMANY, ["7042", "7043"]),
        ("7042 / 030 1234567", GERMANY, ["7042", "+49301234567"]),
        ("(212) 555-0123 / (212) 555-0199", USA, ["+12125550123", "+12125550199"]),
        ("+33 1 23 45 67 xx; 7042", FRANCE, ["+331234567xx", "7042"]),
        ("sip:7042@pbx;transport=tls;lr; 0123456789", FRANCE, ["7042", "+33123456789"]),
        ("sip://7042@pbx", FRANCE, ["7042"]),
        ('"Lovelace, Ada" <sip:+33123456789@pbx>', FRANCE, ["+33123456789"]),
        ("0123456789\t0611223344", FRANCE, ["+33123456789", "+33611223344"]),
        ("", FRANCE, []),
        ("Ada Lovelace, Max Mustermann", FRANCE, []),
        *((text, GERMANY, []) for text in ("4,93012E+11", "4.93012E+11", " 4,9e11 ", "4E+10", "-4,93012E-2")),
        ("7042, 030 1234567", GERMANY, ["7042", "+49301234567"]),
        ("0123456789" * 300, FRANCE, []),
    ],
)
def test_a_cell_gives_its_numbers_in_order_each_once(text, rules, keys):
    assert [number.key for number in parse_cell(text, rules)] == keys


@pytest.mark.parametrize(
    "text",
    [
        "01 23 45 67 89, ext. 7",
        "01 23 45 67 89;ext=7",
        "0123456789,,7",
        "tel:0123456789;ext=7;phone-context=+33",
        "tel:0123456789;phone-context=+33; ext=7",
        "01 23 45 67 89 / ext. 7",
    ],
)
def test_an_extension_in_a_cell_stays_with_its_number(text):
    assert parse_cell(text, FRANCE) == (Number(key="+33123456789", extension="7"),)


# --- what is compared


def test_a_question_looks_for_the_number_its_blocks_and_its_last_digits():
    assert question_keys(PARIS) == (
        (Tier.EXACT, "+33123456789"),
        (Tier.COMPANY, "+3312345678x"),
        (Tier.COMPANY, "+331234567xx"),
        (Tier.COMPANY, "+33123456xxx"),
        (Tier.COMPANY, "+3312345xxxx"),
        (Tier.SUFFIX, "~123456789"),
    )


@pytest.mark.parametrize("key", ["7042", "112", "*97", "0123456789", "+331234567xx"])
def test_internal_numbers_and_blocks_are_found_exactly_or_not_at_all(key):
    assert question_keys(Number(key=key)) == ((Tier.EXACT, key),)
    assert suffix_key(Number(key=key)) is None


def test_only_numbers_of_nine_national_digits_have_a_suffix():
    assert suffix_key(Number(key="+12125550123")) == "~125550123"
    assert suffix_key(Number(key="+4532123456")) is None
    assert suffix_key(Number(key="+33123456789", extension="7")) == "~123456789"


@pytest.mark.parametrize(
    ("asked", "known", "tier"),
    [
        (PARIS, PARIS, Tier.EXACT),
        (Number(key="7042"), Number(key="7042"), Tier.EXACT),
        (PARIS, Number(key=PARIS.key, extension="7"), Tier.EXTENSION),
        (Number(key=PARIS.key, extension="7"), PARIS, Tier.EXTENSION),
        (Number(key=PARIS.key, extension="7"), Number(key=PARIS.key, extension="7"), Tier.EXACT),
        (Number(key=PARIS.key, extension="7"), Number(key=PARIS.key, extension="8"), None),
        (PARIS, Number(key="+331234567xx"), Tier.COMPANY),
        (PARIS, Number(key="+331234566xx"), None),
        (PARIS, Number(key="+44123456789"), Tier.SUFFIX),
        (PARIS, MOBILE, None),
        (Number(key="7042"), Number(key="+3370427042"), None),
        (Number(key="123456789"), PARIS, None),
    ],
)
def test_two_numbers_match_by_their_best_tier(asked, known, tier):
    assert match(asked, known) == tier


def test_tiers_are_ordered_best_first():
    assert list(Tier) == ["exact", "extension", "company", "suffix"]


def test_a_number_says_what_it_is():
    assert PARIS.is_international
    assert not PARIS.is_block
    assert Number(key="+331234567xx").is_international
    assert Number(key="+331234567xx").is_block
    assert not Number(key="7042").is_international


# --- spellings


def test_a_number_is_spelled_as_directories_hold_it():
    assert spellings(PARIS, FRANCE) == (
        "+33123456789",
        "+33 1 23 45 67 89",
        "01 23 45 67 89",
        "0123456789",
        "0033123456789",
        "33123456789",
        "01-23-45-67-89",
        "01.23.45.67.89",
        "tel:+33-1-23-45-67-89",
    )


def test_another_country_s_number_has_no_national_spelling_and_the_home_idd():
    assert spellings(PARIS, USA, [Spelling.NATIONAL, Spelling.NATIONAL_DIGITS, Spelling.IDD]) == (
        "01133123456789",
    )


def test_a_spelling_that_would_be_read_otherwise_is_left_out():
    assert Spelling.DIGITS in ALL
    assert "33123456789" not in spellings(PARIS, GERMANY)


def test_the_styles_are_kept_in_their_order():
    assert spellings(PARIS, FRANCE, [Spelling.NATIONAL, Spelling.E164]) == ("01 23 45 67 89", "+33123456789")


def test_internal_numbers_and_blocks_have_one_spelling():
    assert spellings(Number(key="7042"), FRANCE) == ("7042",)
    assert spellings(Number(key="+331234567xx"), FRANCE) == ("+331234567xx",)


@pytest.mark.parametrize("region", REGIONS)
def test_every_spelling_is_read_back_as_its_number(region):
    rules = NumberRules(region=region)
    number = parse(
        phonenumbers.format_number(phonenumbers.example_number(region), PhoneNumberFormat.E164), rules
    )
    written = spellings(number, rules)
    assert written[0] == number.key
    assert len(set(written)) == len(written) >= 4
    assert {parse(text, rules) for text in written} == {number}


def test_digits_dialled_at_home_begin_with_the_trunk_prefix():
    assert national_digits(PARIS, FRANCE) == "0123456789"
    assert national_digits(Number(key="+12125550123"), USA) == "2125550123"
    assert national_digits(Number(key="+390612345678"), ITALY) == "0612345678"
    assert national_digits(PARIS, GERMANY) == national_digits(PARIS, ANYWHERE) == "33123456789"
    assert national_digits(Number(key="7042"), FRANCE) == "7042"


# --- the short ways are libphonenumber's


def library_key(text, region):
    """What libphonenumber alone makes of a text, or None."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def agrees(ours, theirs):
    """Equal; or ours is None where libphonenumber left a trunk prefix or reads its own answer otherwise."""
    if ours == theirs:
        return True
    if ours is not None:
        return False
    number = phonenumbers.parse(theirs)
    return library_key(theirs, None) != theirs or not phonenumbers.is_valid_number(number)


def random_digits(dice, shortest, longest):
    return "".join(dice.choices("0123456789", k=dice.randint(shortest, longest)))


def test_e164_texts_are_read_as_libphonenumber_reads_them():
    dice = random.Random(20_260_101)
    codes = [*map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "999", "388", "379", "0", "210"]
    trunks = ["", "", "", "0", "1", "8", "00", "06", "9"]
    for _ in range(20_000):
        digits = dice.choice(codes) + dice.choice(trunks) + random_digits(dice, 2, 13)
        assert agrees(plan.international(digits), library_key("+" + digits, None)), digits


def test_national_digits_are_read_as_libphonenumber_reads_them():
    dice = random.Random(20_260_102)
    examples = {
        region: phonenumbers.national_significant_number(phonenumbers.example_number(region))
        for region in REGIONS
    }
    for _ in range(20_000):
        region = dice.choice(REGIONS)
        home = plan.of_region(region)
        digits = dice.choice(["", "0", home.trunk, home.trunk, "00", home.idd_digits, home.country_code])
        ending = random_digits(dice, 1, 4)
        digits += (
            examples[region][: -len(ending)] + ending if dice.random() < 0.5 else random_digits(dice, 3, 14)
        )
        assert agrees(plan.national(digits, region), library_key(digits, region)), (region, digits)


def test_an_unknown_region_has_no_plan():
    with pytest.raises(KeyError):
        plan.of_region("XX")


def test_most_numbers_need_no_call_of_libphonenumber(monkeypatch):
    monkeypatch.delattr(phonenumbers, "parse")
    monkeypatch.delattr(phonenumbers, "is_valid_number")
    assert plan.international("33123456789") == plan.dialled("0123456789", "FR") == "+33123456789"
    assert plan.dialled("0033123456789", "DE") == "+33123456789"
    assert plan.dialled("2125550123", "US") == "+12125550123"
    assert plan.dialled("0612345678", "IT") == "+390612345678"


# --- properties

PIECES = st.one_of(
    st.sampled_from("0123456789"),
    st.sampled_from(["0", "00", "011", "33", "+33", "+49 30", "+", "(0)", "*", "#", "#7"]),
    st.sampled_from(
        [*' -/.,;<>"%()\n\x00', ",,", " or ", "\u00a0", "\u200e", "\u0663", "\u00b2", "\ud800", "\u0130"]
    ),
    st.sampled_from(
        ["x", "xx", " ext. 7", "poste", "Tel. ", "tel:", "sip:", "@pbx", "%2B", ";ext=", ";phone-context=+33"]
    ),
)
TEXTS = st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=18).map("".join))
RULES = st.builds(
    NumberRules,
    region=st.sampled_from(
        [None, "FR", "DE", "GB", "US", "IT", "BR", "AR", "JP", "SG", "AD", "RU", "CN", "AG"]
    ),
    strip_prefixes=st.sampled_from([(), (), ("0",), ("9", "00"), ("*9",)]),
    add_prefix=st.sampled_from(["", "", "0", "+", "00", "+33"]),
)


@PROPERTIES
@given(text=st.text(), rules=RULES)
def test_no_text_raises(text, rules):
    parse(text, rules)
    parse_cell(text, rules)


@PROPERTIES
@given(text=TEXTS, rules=RULES)
def test_a_key_is_read_as_itself(text, rules):
    number = parse(text, rules)
    if number is not None:
        assert parse(number.key, rules) == Number(key=number.key)


@PROPERTIES
@given(text=TEXTS, rules=RULES)
def test_a_key_is_one_of_three_kinds(text, rules):
    for number in (parse(text, rules), *parse_cell(text, rules)):
        if number is not None:
            signs = "+x" if number.is_international else "*#"
            assert number.key.lstrip("+").strip("x").translate(dict.fromkeys(map(ord, signs))).isdecimal()
            assert number.key.isascii()
            assert number.extension is None or (number.extension.isdecimal() and number.extension.isascii())


@PROPERTIES
@given(text=TEXTS, rules=RULES)
def test_every_spelling_of_any_number_is_read_back_as_it(text, rules):
    number = parse(text, rules)
    if number is not None:
        assert {parse(written, rules).key for written in spellings(number, rules)} == {number.key}


@PROPERTIES
@given(texts=st.lists(TEXTS, max_size=4), rules=RULES)
def test_a_cell_never_holds_a_number_twice(texts, rules):
    numbers = parse_cell("; ".join(texts), rules)
    assert len(set(numbers)) == len(numbers)


@PROPERTIES
@given(
    digits=st.text("0123456789", min_size=1, max_size=6),
    region=st.sampled_from(["FR", "DE", "US", "GB", "IT", "ES"]),
)
def test_short_codes_never_become_outside_numbers(digits, region):
    number = parse(digits, NumberRules(region=region))
    assert number is None or number == Number(key=digits)
    assert number is not None or digits.strip("0") == ""


# --- what is read without taking it apart


RULES = (ANYWHERE, FRANCE, ITALY, USA, NumberRules(region="FR", strip_prefixes=("0",), add_prefix="0"))


def agree(text):
    """Fail unless the short way says what the long one does, or nothing."""
    for rules in RULES:
        assert reading._read_plain(text, rules) in {None, reading._read_any(text, rules)}, rules


@pytest.mark.parametrize("region", REGIONS)
def test_numbers_of_every_country_are_read_the_same_in_the_short_way(region):
    number = phonenumbers.example_number(region)
    code, national = number.country_code, phonenumbers.national_significant_number(number)
    for end in (national, national[1:]):
        for text in (f"+{code}{end}", f"+{code} (0){end}", f"+{code}(0) {end}", f"00{code}{end}", f"0{end}"):
            agree(text)
    assert reading._read_plain(f"+{code} (0){national}", ANYWHERE) is not None or len(national) < 5


@PROPERTIES
@given(st.from_regex(r"(\+[1-9][0-9]{0,3})?[ .-]?(\(0\))?[0-9][0-9 .-]{3,16}", fullmatch=True))
def test_whatever_is_read_in_the_short_way_is_read_the_same_in_the_long_one(text):
    agree(text)
