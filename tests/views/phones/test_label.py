"""What a column of numbers holds, told from its heading, in the language of the phone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookupd.views.phones.label import _WORDS, Kind, kind, label, rank
from lookupd.views.phones.language import read_catalogues, texts

ENGLISH, FRENCH, GERMAN, NOBODY = texts("en"), texts("fr"), texts("de"), texts(None)

HEADERS = [
    ("Number", Kind.OFFICE),
    ("Numéro", Kind.OFFICE),
    ("telephoneNumber", Kind.OFFICE),
    ("Phone 2", Kind.OFFICE),
    ("Work", Kind.OFFICE),
    ("Büro", Kind.OFFICE),
    ("Téléphone professionnel", Kind.OFFICE),
    ("勤務先", Kind.OFFICE),
    ("Ext.", Kind.INTERNAL),
    ("Poste interne", Kind.INTERNAL),
    ("ipPhone", Kind.INTERNAL),
    ("Mobile", Kind.MOBILE),
    ("mobile phone", Kind.MOBILE),
    ("Work mobile", Kind.MOBILE),
    ("Portable", Kind.MOBILE),
    ("Handy", Kind.MOBILE),
    ("Mobilnummer", Kind.MOBILE),
    ("Móvil", Kind.MOBILE),
    ("携帯電話", Kind.MOBILE),
    ("Мобильный телефон", Kind.MOBILE),
    ("homePhone", Kind.HOME),
    ("Privatnummer", Kind.HOME),
    ("Домашний", Kind.HOME),
    ("facsimileTelephoneNumber", Kind.FAX),
    ("Office fax", Kind.FAX),
    ("ファックス", Kind.FAX),
    ("Autre numéro", Kind.OTHER),
    ("E-mail", Kind.OTHER),
    ("", Kind.OTHER),
]


@pytest.mark.parametrize(("header", "expected"), HEADERS)
def test_a_heading_tells_what_its_numbers_are_for(header, expected):
    assert kind(header) is expected


def test_numbers_are_shown_from_the_office_to_the_fax():
    headers = ["Other", "Fax", "Home", "Mobile", "Extension", "Number"]
    assert sorted(headers, key=rank) == ["Extension", "Number", "Mobile", "Home", "Fax", "Other"]


def test_internal_and_office_numbers_keep_the_order_of_their_columns():
    assert rank("Extension") == rank("Office") == rank("Number")


@pytest.mark.parametrize(
    ("header", "shown", "expected"),
    [
        ("Mobile", FRENCH, "Mobile"),
        ("Mobile", GERMAN, "Mobil"),
        ("Portable", GERMAN, "Mobil"),
        ("Handy", ENGLISH, "Mobile"),
        ("Work", FRENCH, "Travail"),
        ("ipPhone", FRENCH, "Poste"),
        ("Mobilnummer", FRENCH, "Mobile"),
        ("Work mobile", FRENCH, "Work mobile"),
        ("Assistant's mobile", FRENCH, "Assistant's mobile"),
        ("Mobile 2", FRENCH, "Mobile 2"),
        ("Number", FRENCH, "Numéro"),
        ("Numéro", GERMAN, "Nummer"),
        ("Phone", FRENCH, "Phone"),
        ("Phone 2", FRENCH, "Phone 2"),
        (" Portable ", NOBODY, "Portable"),
        ("Handy", NOBODY, "Handy"),
        ("", FRENCH, ""),
    ],
)
def test_a_label_is_translated_where_it_says_all_of_the_heading(header, shown, expected):
    assert label(header, shown) == expected


@pytest.mark.parametrize("language", sorted(read_catalogues()))
def test_the_labels_of_every_language_are_headings_that_are_understood(language):
    for english in ("Fax", "Mobile", "Home", "Extension", "Internal", "Work", "Business", "Office", "Other"):
        translated = texts(language)(english)
        assert rank(translated) == rank(english), translated


def test_no_word_means_two_things():
    words = [word for line in _WORDS.splitlines() for word in line.split() if line.startswith(" ")]
    assert len(words) == len(set(words))


@settings(deadline=None, derandomize=True, database=None)
@given(st.text())
def test_any_heading_has_a_label_and_a_place(header):
    assert (
        label(header, FRENCH) == header.strip() or label(header, FRENCH) in read_catalogues()["fr"].values()
    )
    assert 0 <= rank(header) <= 4
