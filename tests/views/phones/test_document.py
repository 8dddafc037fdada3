"""Texts in documents: whatever they hold, the document can be read, and says the same."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.views.phones.document import clean, clip, node, xhtml, xml

ANY = st.text(st.characters(), max_size=60)


@given(ANY, ANY)
def test_every_text_can_be_read_again_from_the_document(text, attribute):
    read = ET.fromstring(xml(node("a", node("b", text), name=attribute)))
    assert (read.find("b").text or "") == clean(text)
    assert read.get("name") == clean(attribute)


@given(ANY)
def test_a_text_is_one_line_and_cleaning_it_again_changes_nothing(text):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert cleaned == cleaned.strip()
    assert not {"\n", "\r", "\t", "\0", "\u2028", "\x85"} & set(cleaned)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  Ada\n\tBélanger ", "Ada Bélanger"),
        ("A\x00d\x1ba\x7f\ud800\ufffe\U0001ffff", "Ada"),
        ("أحمد", "أحمد"),
        ("\u202eadA\u202c", "adA"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_what_no_document_may_hold_goes_and_the_rest_stays(text, shown):
    assert clean(text) == shown


@given(ANY.map(clean), st.integers(1, 70))
def test_a_clipped_text_is_the_beginning_of_it_and_no_longer(text, length):
    clipped = clip(text, length)
    assert text.startswith(clipped)
    assert len(clipped) <= length
    assert bool(clipped) == bool(text)


@pytest.mark.parametrize(
    ("text", "length", "clipped"),
    [
        ("Ada Bélanger", 5, "Ada B"),
        ("Ada Bélanger", 4, "Ada"),
        ("Be\u0301langer", 2, "B"),
        ("A👩\u200d💻", 3, "A"),
        ("A👍🏽", 2, "A"),
        ("ക്ഷ" * 3, 1, "ക"),
    ],
)
def test_a_letter_keeps_its_accent_and_an_emoji_its_parts(text, length, clipped):
    assert clip(text, length) == clipped


def test_texts_between_elements_stay_where_they_are():
    page = xhtml(node("p", "one", node("br"), "two < three", node("b", "four")))
    assert page.endswith(b"<p>one<br />two &lt; three<b>four</b></p>\n")
    assert b"<!DOCTYPE html" in page
