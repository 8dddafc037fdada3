"""Names are found as people type them: the folded words against the real FTS5."""

# ruff: noqa: RUF001 (names in all scripts hold letters that look alike)

import sqlite3
import unicodedata
from contextlib import closing

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lookupd.fold import (
    RUN_LENGTH,
    SPELLINGS,
    TERM_WORDS,
    WORD_LENGTH,
    index_terms,
    query_words,
    words,
)
from lookupd.index import ranking

TABLE = """
CREATE VIRTUAL TABLE name USING fts5(
    words, content='', tokenize='ascii', prefix='1 2 3 4 5', detail=none, columnsize=0
)
"""

FOUND = [
    # accents, both ways, both cases
    ("muller", "Müller"),
    ("MÜLLER", "müller"),
    ("garcia", "García"),
    ("García", "Garcia"),
    ("nguyen", "Nguyễn"),
    ("duong", "Dương"),
    ("dinh", "Đinh"),
    ("zoe", "Zoé Müller"),
    ("cardenas", "Cárdenas Íñiguez"),
    ("iniguez", "Cárdenas Íñiguez"),
    ("celik", "Çelik"),
    ("dvorak", "Dvořák"),
    ("stefan", "Ștefan"),
    ("francois", "FRANÇOIS"),
    # the long spelling, both ways
    ("mueller", "Müller"),
    ("müller", "Mueller"),
    ("Müller", "Muller"),
    ("goetz", "Götz"),
    ("jaeger", "Jäger"),
    ("soerensen", "Sørensen"),
    ("ø", "Oersted"),
    ("soegaard", "Søgård"),
    ("sogaard", "Søgård"),
    ("søgård", "Søgaard"),
    ("angstroem", "Ångström"),
    ("aakesson", "Åkesson"),
    ("djordjevic", "Đorđević"),
    ("Đorđević", "Djordjevic"),
    # letters that do not decompose
    ("lukasz", "Łukasz"),
    ("soren", "Sørensen"),
    ("strauss", "Strauß"),
    ("strauß", "STRAUSS"),
    ("STRAUẞ", "Strauß"),
    ("dordevic", "Đorđević"),
    ("aero", "Ærø"),
    ("thora", "Þóra Guðmundsdóttir"),
    ("gudmundsdottir", "Þóra Guðmundsdóttir"),
    ("goedel", "GŒDEL"),
    ("cetta", "Ċetta Ħaż-Żabbar"),
    ("haz", "Ċetta Ħaż-Żabbar"),
    ("aliyev", "Əliyev"),
    ("eliyev", "Əliyev"),
    # Turkish i
    ("ipek", "İpek"),
    ("İPEK", "ipek"),
    ("yilmaz", "Yılmaz"),
    ("YILMAZ", "Yılmaz"),
    ("ışık", "Isik"),
    # apostrophes
    ("obrien", "O'Brien"),
    ("o'brien", "O'Brien"),
    ("o’brien", "O'Brien"),
    ("O´Brien", "O’Brien"),
    ("obrien", "O´Brien"),
    ("O`Brien", "OBrien"),
    ("o brien", "O'Brien"),
    ("arc", "Jeanne d’Arc"),
    ("okina", "ʻOkina"),
    ("соловяненко", "Солов'яненко"),
    ("צהל", "צה״ל"),
    # order, hyphens, initials, punctuation
    ("ludenscheidt muller", "Müller-Lüdenscheidt"),
    ("smith-jones", "Smith Jones"),
    ("jones", "Smith-Jones"),
    ("ewing j", "J.R. Ewing"),
    ("J.R.", "J.R. Ewing"),
    ('"ewing" AND (j*', "J.R. Ewing, and sons"),
    ("ann_lee", "Ann Lee"),
    # forms and invisible characters
    ("ann", "Ａｎｎ"),  # full width
    ("ﬁnch", "Finch"),  # ligature
    ("ann\u200b", "A\u00adnn"),
    ("\u202eann\u202c", "Ann"),
    ("3", "Agent ٣"),
    ("٣", "Agent 3"),
    ("१२", "Team 12"),
    # scripts with spaces
    ("иван", "ИВАН Жуков"),
    ("семен", "Семён"),
    ("андрій", "АНДРІЙ"),
    ("галаган", "Ґалаґан"),
    ("γιωργος", "Γιώργος"),
    ("ΓΙΩΡΓΟΣ", "Γιώργος"),
    ("γιωργοσ", "ΓΙΏΡΓΟΣ"),
    ("אבג", "אָבָג"),
    ("שלום", "שָׁלוֹם"),
    ("احمد", "أحمد"),
    ("محمد", "مُحَمَّد"),
    ("محمد", "محـــمد"),
    ("ليلى", "لیلی"),
    ("فاطمة", "فاطمه"),
    ("हिन्दी", "हिन्दी प्रसाद"),
    ("प्रसाद", "हिन्दी प्रसाद"),
    ("தமிழ்", "தமிழ்செல்வன்"),
    # scripts without spaces
    ("山田", "山田太郎"),
    ("太郎", "山田太郎"),
    ("山田 太郎", "山田太郎"),
    ("山田太郎", "山田 太郎"),
    ("山田太郎", "太郎 山田"),
    ("高橋", "髙橋エリカ"),
    ("エリカ", "髙橋エリカ"),
    ("えりか", "髙橋エリカ"),
    ("ｴﾘｶ", "髙橋エリカ"),
    ("ガ", "カ\u3099ブリエル"),
    ("葛", "葛\U000e0100西"),
    ("abc株式", "ABC株式会社"),
    ("会社 abc", "ABC株式会社"),
    ("王", "小王"),
    ("김", "김철수"),
    ("철수", "김철수"),
    ("김철수", "김 철수"),
    ("สมชาย", "สมชาย ใจดี"),
    ("ใจดี", "นายสมชายใจดี"),
    ("ສົມ", "ທ້າວສົມ"),
    ("សុខា", "លោកសុខា"),
    ("အောင်", "ကိုအောင်"),
]

NOT_FOUND = [
    ("mueller", "Muller"),
    ("uller", "Müller"),
    ("muller anna", "Müller Bernd"),
    ("smithjones", "Smith-Jones"),
    ("jr", "J.R. Ewing"),
    ("brienne", "O'Brien"),
    ("か", "ガブリエル"),
    ("郎太", "山田太郎"),
    ("दी", "हिन्दी"),
    ("हन", "हिन्दी"),
    ("ีด", "ใจดี"),
    ("กา", "ก้า"),
    ("not ann", "Ann"),
    ("a OR b", "Ann"),
]

NOTHING = [
    "",
    " ",
    "%",
    "*",
    "''",
    '"',
    "’",
    "- . /",
    "\x00",
    "\u200b\u202e",
    "\ud800",
    "☎ ♥",
    "\u0301",
    "\ufe0f",
]

NAMES = st.one_of(
    st.text(),
    st.text(st.characters(codec="utf-8", categories=("L", "M", "Zs")), max_size=60),
    st.text("aAüÜøßİıŁđʼ'’´-. áắ", max_size=60),
    st.text("山田太郎ガカ\u3099ｶﾞー々김철수각ㄱ\u1100\u1161\u11a8ไทยีก้ 1a", max_size=60),
    st.text("हिन्दीक़زכָّأابּ\u0654٣Ⅷ½㎏ﷺ", max_size=60),
)


def match_expression(term):
    return ranking.expression(query_words(term), "*")


def missed(queries, name):
    """The queries that do not find the name."""
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(TABLE)
        database.execute("INSERT INTO name (rowid, words) VALUES (1, ?)", (" ".join(index_terms(name)),))
        match = "SELECT count(*) FROM name WHERE name MATCH ?"
        hits = {query: database.execute(match, (match_expression(query),)).fetchone() for query in queries}
    return [query for query, (count,) in hits.items() if not count]


def is_found(query, name):
    return not missed([query], name)


@pytest.mark.parametrize(("query", "name"), FOUND)
def test_a_name_is_found_as_people_type_it(query, name):
    assert is_found(query, name)


@pytest.mark.parametrize(("query", "name"), FOUND)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_composed_and_decomposed_text_are_the_same(query, name, form):
    assert is_found(unicodedata.normalize(form, query), name)
    assert is_found(query, unicodedata.normalize(form, name))


@pytest.mark.parametrize(("query", "name"), NOT_FOUND)
def test_another_name_is_not_found(query, name):
    assert not is_found(query, name)


@pytest.mark.parametrize("term", NOTHING)
def test_a_term_without_a_word_has_no_expression(term):
    assert query_words(term) == []
    assert match_expression(term) is None


def test_words_come_in_order():
    assert words("Müller-Lüdenscheidt, O'Brien") == ["muller", "ludenscheidt", "obrien"]
    assert words("J.R. 山田エリカ3") == ["j", "r", "山田えりか", "3"]


def test_a_typed_word_has_its_short_spelling_first():
    assert query_words("müller") == [("muller", "mueller")]
    assert query_words("muller Jörg") == [("muller",), ("jorg", "joerg")]


def test_an_expression_asks_for_all_words_in_any_spelling():
    assert match_expression("Müller a") == '("muller"* OR "mueller"*) AND "a"*'


def test_every_place_of_an_unspaced_run_is_indexed():
    assert index_terms("山田太郎") == ["山田太郎", "田太郎", "太郎", "郎"]


def test_no_indexed_piece_starts_with_a_mark():
    assert index_terms("ก้า") == ["ก้า", "า"]


def test_a_typed_word_counts_once():
    assert query_words("Ann ann ÀNN") == [("ann",)]


def test_a_long_term_is_cut_to_its_first_words():
    assert query_words("a b c d e f g h i j") == [(letter,) for letter in "abcdefgh"]
    assert len(query_words("x " * 10_000 + "y")) == 1
    assert len(query_words(" ".join(map(str, range(10_000))))) == TERM_WORDS


def test_a_long_word_is_cut_alike_when_typed_and_when_indexed():
    assert index_terms("x" * 1000) == ["x" * WORD_LENGTH]
    assert query_words("x" * 1000) == [("x" * WORD_LENGTH,)]
    assert query_words("山" * 1000) == [("山" * RUN_LENGTH,)]


def test_a_long_run_is_indexed_within_bounds():
    run = "".join(chr(0x4E00 + at) for at in range(1000))
    terms = index_terms(run)
    assert len(terms) == 64
    assert max(map(len, terms)) == RUN_LENGTH
    assert is_found(run[40:80], run)


def test_the_spellings_of_a_word_are_bounded():
    assert len(query_words("üöäøåđðəŋ" * 5)[0]) == SPELLINGS


@given(NAMES, NAMES)
def test_no_text_upsets_the_search(query, name):
    assume(query_words(query))
    is_found(query, name)


@settings(max_examples=300)
@given(NAMES)
def test_folding_twice_is_folding_once(name):
    assert words(" ".join(words(name))) == words(name)


@settings(max_examples=300)
@given(NAMES)
def test_a_name_is_found_by_itself(name):
    assume(words(name))
    assert is_found(name, name)


@settings(max_examples=300)
@given(NAMES)
def test_a_name_is_found_by_each_of_its_words_and_their_beginnings(name):
    beginnings = [word[:length] for word in words(name) for length in range(1, len(word) + 1)]
    assert missed(beginnings, name) == []


@given(NAMES)
def test_words_hold_nothing_that_would_split_them(name):
    for word in words(name):
        assert word
        assert all(
            char.isalnum() if char.isascii() else unicodedata.category(char)[0] in "LMN" for char in word
        )


@pytest.mark.parametrize("code", range(128))
def test_an_ascii_character_is_folded_as_beside_another_one(code):
    assert words(f"a{chr(code)}b") == words(f"a{chr(code)}b \u00e9")[:-1]
