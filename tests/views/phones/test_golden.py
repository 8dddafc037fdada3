"""What each kind of phone is shown in each situation: as somebody last read it, and as the phone takes it."""

import pytest
import pytest_asyncio

from lookupd.views.phones.vendors import VENDORS
from tests.views.phones.checker import CHECKERS
from tests.views.phones.golden import FOLDER, golden
from tests.views.phones.situations import ODD, PEOPLE, WORDS, shown

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: kinds of phones that show nothing but entries
WORDLESS = {word for word in WORDS if VENDORS[word].message is None}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def replies(tmp_path_factory):
    return {(word, name): reply async for word, name, reply in shown(tmp_path_factory.mktemp("golden"))}


def checker(word):
    return CHECKERS[word.removesuffix("-gxp")]


async def test_every_document_is_the_golden_one(replies):
    files = {
        str(file.relative_to(FOLDER)): file.read_text(encoding="utf-8") for file in FOLDER.rglob("*.txt")
    }
    assert {f"{word}/{name}.txt": golden(reply) for (word, name), reply in replies.items()} == files


@pytest.mark.parametrize("word", WORDS)
async def test_a_phone_accepts_what_it_gets_in_every_situation(word, replies):
    for (kind, name), reply in replies.items():
        if kind == word and (name != "error" or word not in WORDLESS):
            assert reply.status == 200, name
            assert reply.headers["Content-Type"] == checker(word).content_type
            checker(word)(reply.body)


@pytest.mark.parametrize("word", WORDS)
async def test_everybody_with_a_number_is_shown_and_nobody_without(word, replies):
    seen = checker(word)(replies[word, "all"].body)
    assert {name for name, _ in seen.rows if not name.endswith(")")} == {
        person["name"] for person in PEOPLE if person["number"] or person["mobile"]
    }


@pytest.mark.parametrize("word", WORDS)
async def test_odd_names_stay_readable(word, replies):
    seen = checker(word)(replies[word, "odd"].body)
    assert len(seen.rows) == 6
    names = {name for name, _ in seen.rows}
    assert ODD[1]["name"] in names
    assert "👩\u200d💻 Ünï code" in names
    assert max(map(len, names)) <= 64


@pytest.mark.parametrize("word", sorted({*WORDS} - WORDLESS))
async def test_nobody_and_not_reachable_are_told_apart_and_in_the_language_of_the_phone(word, replies):
    texts = {name: replies[word, name].text for name in ("empty", "empty-fr", "error")}
    assert "Directory not reachable" in texts["error"]
    assert "not reachable" not in texts["empty"]
    if word != "gigaset":
        assert "No entries" in texts["empty"]
        assert "Aucune entrée" in texts["empty-fr"]


@pytest.mark.parametrize("word", sorted(WORDLESS))
async def test_a_phone_that_cannot_show_a_message_is_left_with_the_book_it_has(word, replies):
    assert replies[word, "error"].status == 503
