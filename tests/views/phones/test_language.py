"""What phones show, in the language they ask for; and catalogues that say everything."""

import ast
import re
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lookupd.views.phones.language as language_module
from lookupd.views.phones.language import read_catalogues, texts

ENOUGH = {"fr", "de", "es", "it", "nl", "pt"}
CATALOGUES = sorted(read_catalogues())
PLACEHOLDER = re.compile(r"%[a-z%]")
FOLDER = Path(language_module.__file__).parent


@pytest.mark.parametrize(
    ("header", "language", "is_asked"),
    [
        (None, "en", False),
        ("", "en", False),
        ("fr", "fr", True),
        ("FR-ca", "fr", True),
        ("fr_FR", "fr", True),
        ("gibberish,fr-CA,*q=nothing", "fr", True),
        ("de-DE,de;q=0.9,en;q=0.8", "de", True),
        ("en;q=0.5, it ;q=0.9", "it", True),
        ("en;q=0.5,it;q=.9", "it", True),
        ("en,fr", "en", True),
        ("xx,nl;q=0.1", "nl", True),
        ("no", "nb", True),
        ("nn-NO", "nb", True),
        ("pt-BR", "pt", True),
        ("fr;q=0", "en", False),
        ("fr;q=0,es", "es", True),
        ("xx", "en", False),
        ("*", "en", False),
        ("french", "en", False),
        (";;,,q=;", "en", False),
        ("xx," * 5000 + "fr", "en", False),
    ],
)
def test_a_language_is_negotiated_tolerantly(header, language, is_asked):
    found = texts(header)
    assert (found.language, found.is_asked) == (language, is_asked)


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(alphabet=st.sampled_from("frde-_,;=*q0.19 \x00é"), max_size=60))
def test_whatever_a_phone_asks_for_it_gets_texts(header):
    assert texts(header)("Search")


def test_french_phones_read_what_they_always_read():
    assert texts("fr")("No entries") == "Aucune entrée"
    assert texts(None)("No entries") == "No entries"


def test_a_text_nobody_translated_is_shown_in_english():
    assert texts("fr")("Brand new") == "Brand new"


def test_there_are_the_languages_that_are_promised():
    assert set(CATALOGUES) >= ENOUGH
    assert all((FOLDER / "locale" / f"{name}.po").is_file() for name in CATALOGUES)


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_catalogue_has_every_text_and_no_other(language):
    assert set(read_catalogues()[language]) == set(read_catalogues()["fr"])


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_catalogue_keeps_placeholders_and_is_short_enough_for_a_display(language):
    for text, translated in read_catalogues()[language].items():
        assert PLACEHOLDER.findall(text) == PLACEHOLDER.findall(translated)
        assert translated == translated.strip()
        assert len(translated) <= 40
        assert translated.isprintable()


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_catalogue_declares_its_language_and_charset(language):
    text = (files("lookupd.views.phones") / "locale" / f"{language}.po").read_text(encoding="utf-8")
    assert f'"Language: {language}\\n"' in text
    assert "charset=UTF-8" in text


def test_every_text_the_views_show_is_in_the_catalogues():
    known = set(read_catalogues()["fr"])
    shown = {text for file in FOLDER.rglob("*.py") for text in shown_texts(file)}
    assert shown <= known, shown - known


def test_a_shown_text_is_found_in_code(tmp_path):
    (tmp_path / "one.py").write_text("a = texts('One') + self.texts('Two') + other('Three') + texts(x)\n")
    assert set(shown_texts(tmp_path / "one.py")) == {"One", "Two"}


def shown_texts(file):
    """The literals that code gives to something called `texts`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            if name == "texts" and isinstance(node.args[0].value, str):
                yield node.args[0].value
