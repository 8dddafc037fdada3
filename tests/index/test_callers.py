"""Who is shown when a number calls: the same as the whole way finds, though it is read from one page."""

import fcntl
import logging
import os
import re
import sqlite3
from itertools import pairwise
from queue import Queue
from threading import current_thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd.errors import IndexDamaged
from lookupd.index import callerfile, scrub
from lookupd.index import reader as reading
from lookupd.index.caller import SOURCE, id_of, span
from lookupd.index.callerfile import PAGE, CallerFile, packed
from lookupd.index.checksum import Damaged, shown, text_shown
from lookupd.number import Tier, parse, question_keys
from lookupd.sync import callers as making
from tests.fakes import ADA, BOB, Directory, FakeBackend, source_of
from tests.sync.ground import FRANCE, people, source_with

#: it has more digits than E.164 allows, as some numbers of Germany do
LONG = "+49134264133207832"
#: these have as many as it allows, and one more
LONGEST, LONGER = LONG[:16], LONG[:17]
ASKED = [
    LONG,
    LONGER,
    LONGEST,
    "+33199001234",
    "+33199001234;ext=7",
    "+33199001299",
    "+49199001234",
    "4711",
    "+33199009999",
]


def never():
    return False


def person(uid, number=None, mobile=None):
    return {"id": uid, "name": f"Person {uid}", "number": number, "mobile": mobile}


def callers(reader, asked, uuids, *, with_suffix=False):
    return reader.callers(parse(asked, FRANCE), uuids, with_suffix=with_suffix)


def names(reader, asked, uuids=None):
    """Of each source the first."""
    found = callers(reader, asked, reader.sources() if uuids is None else uuids)
    return [*{one.synced.id: one.display for one in reversed(found)}.values()]


def firsts(reader, asked, uuids, *, with_suffix=False):
    """The names of the first of each source, as the whole way finds them."""
    number = parse(asked, FRANCE)
    found = reader.reverse(number, question_keys(number, with_suffix=with_suffix), uuids)
    found.sort(key=lambda candidate: candidate.tier is not Tier.EXACT)
    return {
        candidate.synced.name: (candidate.contact.display, candidate.contact.body)
        for candidate in reversed(found)
    }


def file_of(ground):
    [(name,)] = ground.rows("SELECT name FROM caller_file WHERE is_made")
    return ground.paths.index.with_name(name)


async def check(ground):
    """Fail unless both ways agree, for every number and all sources, or each; with the file, and without."""
    ground.check()
    assert scrub.problem(ground.paths.index, never) is None
    for is_there in (True, False):
        async with ground.reading() as reader:
            sources = reader.sources()
            assert (reader._ready._file is not None) == is_there
            for asked in ASKED:
                for uuids in ([*sources], *([uuid] for uuid in sources)):
                    for with_suffix in (False, True):
                        shown = callers(reader, asked, uuids, with_suffix=with_suffix)
                        by_source = {one.synced.name: (one.display, one.body) for one in reversed(shown)}
                        assert by_source == firsts(reader, asked, uuids, with_suffix=with_suffix)
        file_of(ground).unlink(missing_ok=True)
    making.renew(ground.paths.index, never)


@pytest.mark.parametrize(
    "rows",
    [
        [person("z", "+33199001234"), person("a", None, "+33199001234"), person("y", "+33199001234")],
        [person("a", "+33199001234 ext. 7"), person("b", None, "+33199001234")],
        [person("a", "+33199001234"), person("b", None, "+33199001234 ext. 7")],
        [person("b", "+33199001234 ext. 7"), person("a", "+33199001234 ext. 8")],
        [person("a", "+33199001234 ext. 7", "+33199001234")],
        [person("a", "+33 1 99 00 12 xx"), person("b", "+33199001234")],
        [person("a", "+33 1 99 00 12 xx"), person("b", "+33 1 99 00 xx xx")],
        [person("a", "4711")],
        [person("a", LONG), person("b", None, LONG)],
        [person("a", LONGEST), person("b", None, LONGER), person("c", None, LONGEST)],
        [{**person("a", "+33199001234"), "name": None}],
        [{**person("a", "+33199001234"), "note": "x" * PAGE}, person("b", "+33199001299")],
        [],
    ],
)
async def test_of_each_source_the_first_is_shown(ground, rows):
    await ground.hold(*rows, name="one")
    await ground.hold(person("o", "+33199001234"), name="other")
    await check(ground)


@pytest.mark.parametrize("most", [0, 1000])
async def test_it_does_not_matter_whether_changes_are_noted_or_the_file_is_made_again(
    ground, most, monkeypatch
):
    monkeypatch.setattr(making, "FEW", most)
    shared, other = "+33199001234", "+33199001299"
    unchanged = [person(f"k{at}", f"+3319900777{at}", shared) for at in range(4)]
    directory = Directory(rows=[person("m", shared, other), person("n", other, shared), *unchanged])
    source = source_of(directory)
    await ground.sync(source)
    await ground.hold(person("o", shared, other), name="other")
    await check(ground)
    before = file_of(ground)
    directory.rows = [
        person("a", shared),
        person("m", "+49199001234", other),  # no longer the first number, and no other in its place
        person("p", f"{other} ext. 7"),
        person("q", "+33199009999"),
        *unchanged,
    ]
    await ground.sync(source, accept_loss=True)
    _, changed = ground.caller_file()
    assert (file_of(ground) == before) == (most == 1000)
    assert changed == (
        {(key, 1) for key in (shared, other, "+49199001234", "+33199009999")} if most == 1000 else set()
    )
    async with ground.reading() as reader:
        mine = [source.uuid]
        assert names(reader, shared, mine) == ["Person a"]
        assert names(reader, "+49199001234", mine) == ["Person m"]
        assert names(reader, other, mine) == ["Person m"]
        assert names(reader, "+33199009999", mine) == ["Person q"]
        assert [names(reader, f"+3319900777{at}", mine) for at in range(4)] == [
            [f"Person k{at}"] for at in range(4)
        ]
    await check(ground)


async def test_what_has_changed_is_noted_run_by_run_until_it_is_too_much(ground, monkeypatch):
    monkeypatch.setattr(making, "FEW", 3)
    directory = Directory(rows=[person(f"{at}", f"+331990012{at:02}") for at in range(9)])
    source = source_of(directory)
    await ground.sync(source)
    files = [file_of(ground)]
    for at in range(6):
        directory.rows[at]["name"] = "Changed"
        await ground.sync(source)
        files.append(file_of(ground))
        async with ground.reading() as reader:
            assert [names(reader, f"+331990012{one:02}") for one in range(9)] == [
                ["Changed" if one <= at else f"Person {one}"] for one in range(9)
            ]
    assert [one == other for one, other in pairwise(files)] == [True, True, True, False, True, True]
    assert [file.name for file in ground.paths.index.parent.glob("callers-*")] == [files[-1].name]


async def test_an_unchanged_source_leaves_the_file_as_it_is(ground):
    source = source_of(Directory(rows=[ADA]))
    await ground.sync(source)
    before = file_of(ground)
    await ground.sync(source)
    assert file_of(ground) == before


async def test_the_last_digits_are_looked_for_where_a_profile_wants_them(ground):
    await ground.sync(source_with(FakeBackend(Directory(rows=[ADA])), with_suffix=True))
    await check(ground)
    async with ground.reading() as reader:
        assert callers(reader, "+49199001234", reader.sources()) == []
        [found] = callers(reader, "+49199001234", reader.sources(), with_suffix=True)
        assert found.display == ADA["name"]


async def test_where_blocks_are_too_many_to_remember_the_index_is_asked_for_them(ground, monkeypatch):
    await ground.hold(person("a", "+33 1 99 00 12 xx"), person("b", "+33 1 99 00 xx xx"))
    for most in (2, 1):
        monkeypatch.setattr(reading, "BLOCKS", most)
        async with ground.reading() as reader:
            [found] = callers(reader, "+33199001299", reader.sources())
            assert found.display == "Person a"
            assert (reader._blocks is None) == (most == 1)
        await check(ground)


async def test_a_source_whose_id_is_too_high_is_looked_through_the_whole_way(ground):
    await ground.hold(person("a", "+33199001235"), name="low")
    ground.rows("INSERT INTO source (id, uuid, name) VALUES (?, 'u', 'former')", SOURCE + 1)
    # The ids it would have are those of other numbers in other sources.
    source = await ground.hold(person("a", "+33199001234"), person("b", "+33199001235"), name="high")
    async with ground.reading() as reader:
        assert reader.sources()[source.uuid].id == SOURCE + 2
        assert names(reader, "+33199001234") == ["Person a"]
        assert sorted(names(reader, "+33199001235")) == ["Person a", "Person b"]
        assert reader._ready._file is None
    shown, _ = ground.caller_file()
    assert [*shown] == [("+33199001235", 1)]
    ground.check()


async def test_who_is_shown_changes_with_a_sync(ground):
    directory = Directory(rows=[ADA])
    source = source_of(directory)
    await ground.sync(source)
    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == [ADA["name"]]
        directory.rows = [{**ADA, "name": "Ada Dupont", "mobile": None}, BOB]
        await ground.sync(source)
        assert names(reader, ADA["number"]) == ["Ada Dupont"]
        assert names(reader, ADA["mobile"]) == []
        assert names(reader, BOB["number"]) == [BOB["name"]]
        assert reader._ready._file is not None
    await check(ground)


async def test_a_source_that_is_removed_is_shown_no_more(ground):
    await ground.hold(ADA, name="gone")
    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == [ADA["name"]]
        ground.rows("DELETE FROM source")
        assert names(reader, ADA["number"]) == []


def spoil(file, how):
    content = bytearray(file.read_bytes())
    match how:
        case "cut off":
            content = content[: len(content) // 2]
        case "empty":
            content = b""
        case "text":
            content = b"<!DOCTYPE html>" * 1000
        case "pages exchanged":
            content[:PAGE], content[PAGE : 2 * PAGE] = content[PAGE : 2 * PAGE], content[:PAGE]
        case "page of zeros":
            content[:PAGE] = bytes(PAGE)
        case int():
            content[how] ^= 4
    file.write_bytes(content)


SPOILT = [
    "cut off",
    "empty",
    "text",
    "pages exchanged",
    "page of zeros",
    *range(0, PAGE, 251),
    4,
    -1,
    -9,
    -17,
    -30,
]


@pytest.mark.parametrize("how", SPOILT)
async def test_a_damaged_file_costs_no_answer_and_is_made_again_by_the_next_sync(ground, how, caplog):
    rows = [{**row, "number": f"+331990{at:05}"} for at, row in enumerate(people(100))]
    source = source_of(Directory(rows=rows))
    await ground.sync(source)
    for is_open in (True, False):
        file = file_of(ground)
        async with ground.reading() as reader:
            if is_open:
                assert reader.sources()
            spoil(file, how)
            shown = [names(reader, row["number"]) for row in rows]
            assert shown == [[row["name"]] for row in rows]
        assert not file.exists() or how not in SPOILT[:5]
        if file.exists():  # what was spoilt lies where nothing is read
            making.check(ground.paths.index, never)
        await ground.sync(source)
        assert file_of(ground).exists()
        await check(ground)
    assert "ERROR" not in caplog.text


async def test_a_file_that_is_gone_costs_no_answer(ground):
    source = source_of(Directory(rows=[ADA]))
    await ground.sync(source)
    file_of(ground).unlink()
    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == [ADA["name"]]
        assert reader._ready._file is None
        await ground.sync(source)
        assert reader._ready._file is None  # nothing has been asked since
        assert names(reader, ADA["number"]) == [ADA["name"]]
        assert reader._ready._file is not None


async def test_whose_name_is_ready_is_shown_though_the_contact_is_spoilt(ground):
    await ground.hold(ADA)
    async with ground.reading() as reader:
        ground.rows("UPDATE contact SET display = 'Adb'")
        assert names(reader, ADA["number"]) == [ADA["name"]]


async def test_what_is_said_about_the_file_counts_only_as_it_was_stored(ground):
    await ground.hold(ADA)
    ground.rows("UPDATE caller_file SET changed = x'0102030405060708'")
    assert "about the file of callers" in scrub.problem(ground.paths.index, never)
    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == [ADA["name"]]
        assert reader._ready._file is None


async def test_a_file_that_does_not_say_what_the_contacts_say_is_made_again(ground, caplog):
    await ground.hold(ADA, BOB)
    right = file_of(ground)
    id_ = id_of(33199001234, 1)
    right.write_bytes(b"".join(packed([(id_, "Somebody", "{}", shown(1, "Somebody", "{}"))], right.name)))
    making.check(ground.paths.index, never)
    assert "Somebody" not in caplog.text
    assert "does not say what the contacts say" in caplog.text
    making.renew(ground.paths.index, never)
    assert not right.exists()
    await check(ground)


async def test_a_comparison_that_is_given_up_says_nothing_about_the_file(ground, caplog):
    await ground.hold(ADA, BOB)
    wrong = file_of(ground)
    stranger = (id_of(33199001234, 1), "Somebody", "{}", shown(1, "Somebody", "{}"))
    wrong.write_bytes(b"".join(packed([stranger], wrong.name)))
    making.check(ground.paths.index, lambda: True)
    assert not caplog.records
    assert file_of(ground) == wrong
    making.check(ground.paths.index, never)
    assert "does not say what the contacts say" in caplog.text


async def test_what_has_changed_is_read_again_only_where_it_is_another(ground):
    directory = Directory(rows=[ADA, BOB])
    source = source_of(directory)
    await ground.sync(source)
    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == [ADA["name"]]
        asked = []
        reader._points.set_trace_callback(asked.append)

        def reads():
            return sum("SELECT name, is_made, changed" in statement for statement in asked)

        await ground.sync(source)
        assert names(reader, ADA["number"]) == [ADA["name"]]
        assert (len([one for one in asked if "FROM caller_file" in one]), reads()) == (1, 0)
        directory.rows = [{**ADA, "name": "Ada Dupont"}, BOB]
        await ground.sync(source)
        assert names(reader, ADA["number"]) == ["Ada Dupont"]
        assert reads() == 1


async def test_a_file_that_is_left_is_not_closed_by_who_answers(ground, monkeypatch):
    """Closing one that is deleted frees its blocks, which takes long."""
    await ground.hold(ADA)
    closed = Queue()

    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == [ADA["name"]]
        former, close = reader._ready._file, CallerFile.close
        monkeypatch.setattr(
            CallerFile, "close", lambda file: (close(file), closed.put((file, current_thread())))
        )
        ground.rows("DELETE FROM caller_file")
        assert names(reader, ADA["number"]) == [ADA["name"]]
        assert reader._ready._file is None
        file, thread = closed.get(timeout=30)
        assert file is former
        assert thread is not current_thread()


async def test_a_file_that_says_what_the_contacts_say_stays(ground):
    directory = Directory(rows=[ADA, BOB, {**person("x", "+33199001277"), "note": "x" * PAGE}])
    source = source_of(directory)
    await ground.sync(source)
    directory.rows = [{**ADA, "name": "Ada Dupont"}, *directory.rows[1:]]
    await ground.sync(source)
    before = file_of(ground)
    making.check(ground.paths.index, never)
    assert before.exists()


@pytest.mark.parametrize(
    "spoil",
    [
        "display = 'Adb'",
        "body = replace(body, 'Ada', 'Adb')",
        "numbers = replace(numbers, '1234', '1235')",
        "numbers = replace(numbers, '[', '{')",
        "shown = shown + 1",
        "shown = 1 << 40",
        "display = CAST(x'41ff' AS TEXT)",
    ],
)
async def test_a_contact_that_is_not_what_was_stored_gets_into_no_file(ground, spoil):
    source = source_of(Directory(rows=[ADA, BOB]))
    await ground.sync(source)
    file_of(ground).unlink()
    ground.rows(f"UPDATE contact SET {spoil} WHERE uid = '{ADA['id']}'")
    with pytest.raises(IndexDamaged):
        await ground.sync(source)
    assert ground.rows("SELECT count(*) FROM contact") == [(0,)]
    assert not [*ground.paths.index.parent.glob("callers-*")]
    await ground.sync(source)
    await check(ground)


async def test_what_has_changed_is_in_the_file_again_after_the_daily_look(ground):
    directory = Directory(rows=[ADA, BOB])
    source = source_of(directory)
    await ground.sync(source)
    directory.rows = [BOB]
    await ground.sync(source, accept_loss=True)
    before = file_of(ground)
    assert ground.caller_file()[1]
    making.check(ground.paths.index, never)
    making.renew(ground.paths.index, never)
    assert file_of(ground) != before
    assert not ground.caller_file()[1]
    assert ADA["name"].encode() not in file_of(ground).read_bytes()
    await check(ground)


async def test_a_page_of_another_file_is_refused(ground):
    directory = Directory(rows=[ADA])
    source = source_of(directory)
    await ground.sync(source)
    former = file_of(ground).read_bytes()[:PAGE]
    directory.rows = [{**ADA, "name": "Ada Dupont"}]
    await ground.sync(source)
    making.check(ground.paths.index, never)
    making.renew(ground.paths.index, never)
    file = file_of(ground)
    file.write_bytes(former + file.read_bytes()[PAGE:])
    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == ["Ada Dupont"]
        assert reader._ready._file is None


async def test_a_file_that_cannot_be_opened_now_stays(ground, monkeypatch):
    await ground.hold(ADA)

    def refused(*_):
        raise OSError(24, "Too many open files")

    async with ground.reading() as reader:
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refused)
            assert names(reader, ADA["number"]) == [ADA["name"]]
            assert reader._ready._file is None
        assert file_of(ground).exists()
        ground.rows("UPDATE source SET name = 'renamed'")
        assert names(reader, ADA["number"]) == [ADA["name"]]
        assert reader._ready._file is not None


async def test_files_of_others_stay(ground):
    other = ground.paths.index.with_name("callers-2025.csv")
    other.write_text("mine")
    unfinished = ground.paths.index.with_name(f"callers-{'0' * 16}.new")
    unfinished.write_text("ours")
    await ground.hold(ADA)
    assert other.exists()
    assert not unfinished.exists()


async def test_where_it_cannot_be_read_what_has_changed_the_file_is_made_again(ground):
    directory = Directory(rows=[ADA])
    source = source_of(directory)
    await ground.sync(source)
    before = file_of(ground)
    ground.rows("UPDATE caller_file SET checksum = checksum + 1")
    directory.rows = [{**ADA, "name": "Ada Dupont"}]
    await ground.sync(source)
    assert file_of(ground) != before
    await check(ground)


async def test_how_much_may_change_follows_from_how_many_contacts_there_are(ground):
    await ground.hold(*people(400))
    ground.rows("UPDATE source SET contacts = 32000")
    with sqlite3.connect(ground.paths.index) as connection:
        assert making.most(connection) == 1000
        for contacts, most in ((0, making.FEW), (10**9, making.MANY)):
            connection.execute("UPDATE source SET contacts = ?", (contacts,))
            assert making.most(connection) == most


async def test_nobody_waits_for_another_maker_where_the_file_is_there_or_who_gives_up(ground):
    await ground.hold(ADA)
    with ground.paths.index.with_name("callers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        making.renew(ground.paths.index, never)
        file_of(ground).unlink()
        making.renew(ground.paths.index, lambda: True)
    assert not [*ground.paths.index.parent.glob("callers-*")]
    making.renew(ground.paths.index, never)
    await check(ground)


async def test_making_the_file_can_be_given_up_at_any_moment(ground, caplog):
    caplog.set_level(logging.WARNING)
    await ground.hold(*people(300))
    for left in (0, 1, 2, 5):
        file_of(ground).unlink(missing_ok=True)
        countdown = iter(range(left))
        making.renew(ground.paths.index, lambda left=countdown: next(left, None) is None)
        assert not [*ground.paths.index.parent.glob("callers-*.new")]
        making.renew(ground.paths.index, never)
        await check(ground)
    assert caplog.text == ""


async def test_a_run_beside_the_making_is_noted_and_a_large_one_has_it_made_again(ground, monkeypatch):
    directory = Directory(rows=people(20))
    source = source_of(directory)
    await ground.sync(source)
    for most in (1000, 0):
        file_of(ground).unlink()
        monkeypatch.setattr(making, "FEW", most)
        real, made = callerfile.packed, []

        def meanwhile(rows, name, real=real, made=made, most=most):
            pieces = [*real(rows, name)]
            if not made:
                made.append(pieces)
                touched = f"SELECT {id_of(33199000000, 1)}"
                with sqlite3.connect(ground.paths.index) as other:
                    making.note(other, touched, most)
            return pieces

        monkeypatch.setattr(callerfile, "packed", meanwhile)
        making.renew(ground.paths.index, never)
        monkeypatch.setattr(callerfile, "packed", real)
        _, changed = ground.caller_file()
        assert changed == ({("+33199000000", 1)} if most else set())
        await check(ground)


async def test_where_the_file_cannot_be_made_the_run_has_succeeded_all_the_same(ground, caplog, monkeypatch):
    def refused(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refused)
    plan = await ground.sync(source_of(Directory(rows=[ADA])))
    assert plan.added == 1
    assert "which takes longer: [Errno 5]" in caplog.text
    async with ground.reading() as reader:
        assert names(reader, ADA["number"]) == [ADA["name"]]


numbers = st.integers(1, 10**15 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
entries = st.dictionaries(
    st.tuples(numbers | st.integers(33199001200, 33199001210), st.integers(1, 5) | st.integers(1, SOURCE)),
    st.tuples(st.none() | texts, st.sampled_from(["{}", '{"a": 1}', f'{{"b": "{"x" * 700}"}}', "y" * PAGE])),
    max_size=60,
)


@given(entries, numbers)
def test_whatever_is_packed_is_found_and_nothing_else(tmp_path_factory, people, stranger):
    ids = sorted(id_of(*by) for by in people)
    by_id = {id_of(*by): one for by, one in people.items()}
    file = tmp_path_factory.mktemp("callers") / "file"
    rows = [(id_, *by_id[id_], shown(id_ & SOURCE, *by_id[id_])) for id_ in ids]
    file.write_bytes(b"".join(packed(rows, file.name)))
    read = CallerFile(file, b"")
    try:
        for number in {number for number, _ in people} | {stranger}:
            wanted = [(id_, *by_id[id_]) for id_ in ids if id_ >> 13 == number]
            found = read.find(id_of(number, 0), id_of(number, SOURCE))
            assert found == (None if _is_too_large(wanted) else wanted)
    finally:
        read.close()


def _is_too_large(wanted):
    """Whether what is shown for a number takes more than a page."""
    size = sum(14 + len(text_shown(id_ & SOURCE, name, body)) for id_, name, body in wanted)
    return size > PAGE - 7


def test_a_file_of_another_format_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"".join(packed([], file.name)))
    CallerFile(file, b"").close()
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    with pytest.raises(Damaged, match="no whole file"):
        CallerFile(file, b"")


KEYS = st.from_regex(r"\+[0-9]{1,18}x{0,4}|~[0-9]{9}|[0-9*#]{1,9}", fullmatch=True)


@given(KEYS, KEYS)
def test_the_ids_of_a_key_are_those_of_no_other(key, other):
    """`Ground.check` holds what is written against the same expression."""
    assert (span(key) is not None) == bool(re.fullmatch(r"\+[1-9][0-9]{0,14}", key))
    if key != other and span(key) and span(other):
        (first, last), (other_first, other_last) = span(key), span(other)
        assert last < other_first or other_last < first
        assert -(2**63) <= first <= last < 2**63
