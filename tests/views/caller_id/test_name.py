"""A caller's name as PBXes can show it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.views.caller_id.name import Junk, ascii_only, clean, cut
from lookupd.views.caller_id.settings import JUNK

#: letters, and what lies in wait between them
TEXTS = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from('"<>\\,;|\r\n\t\x00\x1b\x85\u00ad\u037e\u200b\u200d\u2028\u202e\ud800\ufffe\uff02\U0001f469'),
    ),
    max_size=60,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoé Müller", "Zoé Müller"),
        ("  Müller,\tZoé\r\n", "Müller Zoé"),
        ('"Ann" <sip:ann@x>', "Ann sip:ann@x"),
        ("a;b|c\\d", "a b c d"),
        ("A\u00adda\u200b", "Ada"),
        ("\u202eevil\u202c", "evil"),
        ("e\u0301", "é"),
        ("e\u200b\u0301", "é"),
        ("\u037e", ""),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),
        ("\U0001f469\u200d\U0001f4bb Ada", "\U0001f469\u200d\U0001f4bb Ada"),
        ("\u200d\u200c", ""),
        ("\u0301", ""),
        ("", ""),
    ],
)
def test_a_name_is_one_line_without_what_could_harm(text, shown):
    assert clean(text) == shown


@given(TEXTS)
def test_whatever_a_directory_holds_is_harmless(text):
    shown = clean(text)
    assert not set(shown) & set('"<>\\,;|')
    assert {unicodedata.category(char) for char in shown} <= {
        *("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No"),
        *("Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Cf"),
    }
    assert {char for char in shown if unicodedata.category(char) in {"Cf", "Zs"}} <= set(" \u200c\u200d")
    assert shown == shown.strip() == " ".join(shown.split())
    shown.encode()


@given(TEXTS)
def test_cleaning_again_changes_nothing(text):
    assert clean(clean(text)) == clean(text)


@given(TEXTS)
def test_ascii_is_ascii(text):
    assert clean(ascii_only(text)).isascii()


@given(st.text(st.characters(max_codepoint=126)))
def test_ascii_stays_as_it_is(text):
    assert ascii_only(text) == text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Zoé Müller-Lüdenscheidt", "Zoe Muller-Ludenscheidt"),
        ("Łukasz Ørsted Straße ÆON", "Lukasz Orsted Strasse AEON"),
        ("Иван Щербаков", "Ivan Shcherbakov"),
        ("Αθηνά Ζωή", "Athina Zoi"),
        ("O\u2019Brien \u2013 Söhne", "O'Brien - Sohne"),
        ("\uff21\uff22\u3000\uff23", "AB C"),
        ("山田", ""),
    ],
)
def test_names_are_written_in_ascii_letter_by_letter(text, plain):
    assert clean(ascii_only(text)) == plain


@given(TEXTS, st.integers(1, 60))
def test_a_cut_name_is_as_long_as_it_may_be_and_begins_alike(text, length):
    shown = cut(clean(text), length)
    assert len(shown) <= length
    assert clean(text).startswith(shown)
    assert shown == shown.strip()


def test_a_cut_leaves_letters_and_joined_signs_whole():
    assert cut("x\u0323\u0302y", 2) == "x\u0323"
    assert cut("ab\u0323", 2) == "a"
    assert cut("a\U0001f469\u200d\U0001f4bbb", 3) == "a"
    assert cut("a\U0001f44d\U0001f3fdb", 2) == "a"
    assert cut("Ada Lovelace", 4) == "Ada"


@pytest.mark.parametrize(
    "name", ["UNKNOWN", "unavailable", "  Anonymous ", '"Unbekannt"', "N/A", "(none)", "-", "Privé"]
)
def test_words_for_nobody_are_no_names(name):
    assert Junk(JUNK).has(name, ())


@pytest.mark.parametrize("name", ["Ann Unknown", "Na", "Nil Armstrong", "Unknown Pleasures GmbH"])
def test_names_that_hold_such_a_word_are_names(name):
    assert not Junk(JUNK).has(name, ())


@pytest.mark.parametrize(
    "name", ["0199001234", "+33 1 99 00 12 34", "00 33 199-001-234", "1234", "(199) 001234"]
)
def test_the_number_itself_is_no_name(name):
    assert Junk(()).has(name, ("0199001234", "+33199001234"))


@pytest.mark.parametrize("name", ["118 712", "1&1", "34", "Room 1234", "4711", ""])
def test_other_numbers_may_be_names(name):
    assert not Junk(()).has(name, ("0199001234", "+33199001234"))
    assert not Junk(()).has(name, ("", "anonymous", "1"))
