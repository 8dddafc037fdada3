"""The boundary to plugins: whatever a back-end does, above it are contacts, absence, or a SourceError."""

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import repeat

import pytest
from pydantic import BaseModel

from lookupd import BaseSourcePlugin, Changes
from lookupd.contact import Shape
from lookupd.errors import (
    CursorExpired,
    PluginBroken,
    PluginMissing,
    SearchDown,
    SourceBusy,
    SourceClosed,
    SourceDown,
    SourceError,
    SourceFailed,
    SourceTimeout,
)
from lookupd.health import Breaker
from lookupd.loader import Loader
from lookupd.number import Number
from lookupd.source import LOADED_SOON, ROOM, Source, State
from tests.fakes import ADA, BOB, NOBODY, Directory, FakeLoader, config_of, source_of, until
from tests.faults.clock import FakeTime

ADAS = Number(key="+33199001234")
#: long enough for anything that works, and short for what hangs
LONG, SHORT = timedelta(seconds=10), timedelta(milliseconds=20)


class PluginLoader(Loader):
    """Finds one plugin under every name."""

    def __init__(self, plugin):
        super().__init__()
        self._plugin = plugin

    def plugin(self, kind, name):
        return self._plugin


class Plain:
    """A back-end with no base class, written as people write plugins."""

    def __init__(self, rows=(ADA, BOB)):
        self.rows = list(rows)
        self.asked = []

    def load(self, args):
        self.args = args

    def unload(self):
        self.asked.append("unload")

    def search(self, term, args):
        return [row for row in self.rows if term.casefold() in row["name"].casefold()]

    def first_match(self, exten, args):
        self.asked.append(exten)
        return next((row for row in self.rows if exten in (row["number"], row["mobile"])), None)

    def list(self, unique_ids):
        return [row for row in self.rows if row["id"] in unique_ids]


class Doing(Plain):
    """Does in every method what a test says, and returns that."""

    def __init__(self, does):
        super().__init__()
        self.search = self.first_match = self.match_all = self.changes = lambda *_: does()
        self.list = self.list_all = lambda *_: does()


class DoingLater(Plain):
    """The same, on the loop."""

    def __init__(self, does):
        super().__init__()

        async def later(*_):
            return await does()

        self.search = self.first_match = self.match_all = self.list = later


def source_with(plugin, **settings):
    config = config_of({"name": "fake", **settings})
    [own] = config.sources
    return Source(own, Shape(own, config.rules(own)), PluginLoader(plugin), {"sources": "all"})


@pytest.fixture
async def open_source():
    """Makes loaded sources of plugins, and closes them."""
    async with AsyncExitStack() as stack:

        async def open_(plugin, **settings):
            source = (
                source_of(plugin, **settings)
                if isinstance(plugin, Directory)
                else source_with(plugin, **settings)
            )
            stack.push_async_callback(source.close)
            await source.open()
            return source

        yield open_


@pytest.fixture
def stuck():
    """A function that hangs until the test is over."""
    over = threading.Event()
    yield lambda *_: over.wait(60) and None
    over.set()


def ask_search(source, timeout=LONG):
    return source.search("ada", NOBODY, timeout)


def ask_reverse(source, timeout=LONG):
    return source.reverse(ADAS, NOBODY, timeout)


def ask_list(source, timeout=LONG):
    return source.by_uid(["1"], NOBODY, timeout)


async def ask_pull(source):
    return [batch async for batch in source.pull()]


def fails(error):
    def does():
        raise error

    return does


EVERY_QUESTION = pytest.mark.parametrize("ask", [ask_search, ask_reverse, ask_list])


@EVERY_QUESTION
async def test_no_reply_within_the_deadline_is_a_timeout(open_source, ask):
    source = await open_source(Directory(gate=asyncio.Event()))
    with pytest.raises(SourceTimeout, match="'fake' did not reply within 20 ms"):
        await ask(source, SHORT)


@EVERY_QUESTION
async def test_a_blocking_method_has_the_same_deadline(open_source, stuck, ask):
    source = await open_source(Doing(stuck))
    with pytest.raises(SourceTimeout):
        await ask(source, SHORT)


@EVERY_QUESTION
async def test_a_timeout_of_the_plugin_s_own_is_not_ours(open_source, ask):
    source = await open_source(Doing(fails(TimeoutError("of a socket"))))
    with pytest.raises(SourceFailed, match="TimeoutError: of a socket"):
        await ask(source)


async def test_a_plugin_that_turns_our_deadline_into_an_error_of_its_own_has_still_timed_out(open_source):
    async def turns():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("connection lost") from None

    source = await open_source(DoingLater(turns))
    with pytest.raises(SourceTimeout):
        await ask_search(source, SHORT)


@pytest.mark.parametrize("method", ["search", "first_match", "list", "list_all"])
async def test_plain_methods_run_in_the_source_s_own_threads(open_source, method):
    names = []
    plugin = Doing(lambda: names.append(threading.current_thread().name) or [])
    if method == "first_match":
        plugin.match_all = None
    source = await open_source(plugin)
    ask = {"search": ask_search, "first_match": ask_reverse, "list": ask_list, "list_all": ask_pull}[method]
    await ask(source)
    assert {name.rpartition("-")[0] for name in names} == {"source-fake"}


async def test_async_methods_run_on_the_loop(open_source):
    threads = []

    async def does():
        threads.append(threading.current_thread())
        return []

    source = await open_source(DoingLater(does))
    await ask_search(source)
    assert threads == [threading.current_thread()]


async def test_a_hung_source_blocks_neither_another_nor_the_loop(open_source, stuck):
    hung, well = await open_source(Doing(stuck), live={"threads": 1}), await open_source(Plain())
    questions = [asyncio.create_task(ask_search(hung)) for _ in range(3)]
    assert [contact.display for contact in await ask_search(well)] == [ADA["name"]]
    assert not any(question.done() for question in questions)
    for question in questions:
        question.cancel()


def test_a_hung_source_does_not_keep_the_process_from_ending():
    script = """
import asyncio, threading
from lookupd.threads import Threads
async def main():
    await asyncio.wait_for(Threads("source-hung", 2).run(threading.Event().wait), 0.01)
try:
    asyncio.run(main())
except TimeoutError:
    print("gave up", flush=True)
"""
    ended = subprocess.run([sys.executable, "-c", script], timeout=30, capture_output=True, check=True)
    assert ended.stdout == b"gave up\n"


async def test_too_many_waiting_questions_are_refused_at_once(open_source, stuck):
    begun = threading.Event()
    source = await open_source(Doing(lambda: begun.set() or stuck()), live={"threads": 1})
    waiting = [asyncio.create_task(ask_search(source))]
    await until(begun.is_set)
    waiting += [asyncio.create_task(ask_search(source)) for _ in range(ROOM - 1)]
    with pytest.raises(SourceBusy, match=r"'fake' has too many questions .*live\.threads"):
        await asyncio.create_task(ask_search(source))
    assert not any(question.done() for question in waiting)
    for question in waiting:
        question.cancel()


async def test_a_caller_who_stops_waiting_is_not_told_of_a_failure(open_source):
    source = await open_source(Directory(gate=asyncio.Event()))
    question = asyncio.create_task(ask_search(source))
    await asyncio.sleep(0)
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    assert source.last_search_error is None


async def test_a_plugin_needs_no_base_class(open_source):
    source = await open_source(Plain())
    [found] = await ask_search(source)
    [listed] = await ask_list(source)
    assert found == listed == await ask_reverse(source)
    assert (found.source, found.uid, found.display) == ("fake", "1", ADA["name"])


async def test_who_is_not_there_is_none(open_source):
    source = await open_source(Plain([BOB]))
    assert await ask_reverse(source) is None
    assert await ask_search(source) == []


async def test_a_plugin_is_told_its_names(open_source):
    plugin = Plain()
    await open_source(plugin)
    assert (plugin.name, plugin.backend) == ("fake", "fake")


class Method:
    def name(self):
        return "a method"


class Property:
    @property
    def name(self):
        return "a property"


@pytest.mark.parametrize("kind", [Method, Property])
async def test_a_plugin_may_have_a_name_of_its_own(open_source, kind):
    plugin = type("Named", (kind, Plain), {})()
    own = plugin.name
    source = await open_source(plugin)
    assert plugin.name == own
    assert source.name == "fake"


async def test_a_plugin_is_loaded_with_its_section_flat_and_the_whole_configuration(open_source):
    plugin = Plain()
    source = await open_source(plugin, config={"url": "x://y", "name": "not this"})
    section = plugin.args["config"]
    assert section["url"] == "x://y"
    assert (section["name"], section["uuid"], section["region"]) == ("fake", source.uuid, "FR")
    assert section["first_matched_columns"] == ["number", "mobile"]
    assert plugin.args["main_config"] == {"sources": "all"}


async def test_methods_may_leave_out_the_trailing_args(open_source):
    class Short(Plain):
        def search(self, term):
            return super().search(term, None)

        def first_match(self, exten):
            return super().first_match(exten, None)

        def load(self):
            pass

    source = await open_source(Short())
    assert await ask_search(source) == [await ask_reverse(source)]


async def test_methods_may_take_any_arguments(open_source):
    plugin = Doing(lambda: [ADA])
    source = await open_source(plugin)
    assert len(await ask_search(source)) == 1


async def test_a_plain_method_may_return_something_to_await(open_source):
    async def later():
        return [ADA]

    source = await open_source(Doing(later))
    assert [contact.uid for contact in await ask_search(source)] == ["1"]


class Derived(BaseSourcePlugin):
    """With the base class, and without its own match_all and list."""

    def __init__(self):
        self.asked = []

    def load(self, args, /):
        pass

    def search(self, term, args, /):
        return [ADA]

    def first_match(self, exten, args, /):
        self.asked.append((exten, threading.current_thread().name))
        return ADA if exten == ADA["number"] else None


async def test_the_base_class_s_match_all_is_not_used_and_spellings_are_asked_until_one_is_found(open_source):
    plugin = Derived()
    source = await open_source(plugin)
    assert (await ask_reverse(source)).display == ADA["name"]
    assert [exten for exten, _ in plugin.asked] == ["+33199001234", "+33 1 99 00 12 34"]
    assert not source.finds_by_id


async def test_what_a_plugin_sets_on_itself_counts_as_its_own(open_source):
    plugin = Derived()
    plugin.match_all = lambda extens, _: dict.fromkeys(extens, ADA)
    source = await open_source(plugin)
    assert (await ask_reverse(source)).uid == "1"
    assert plugin.asked == []


@pytest.mark.parametrize("method", ["search", "first_match", "list"])
async def test_a_method_that_a_plugin_lacks_is_a_failure_that_says_so(open_source, method):
    plugin = Plain()
    setattr(plugin, method, None)
    source = await open_source(plugin)
    ask = {"search": ask_search, "first_match": ask_reverse, "list": ask_list}[method]
    with pytest.raises(SourceFailed, match=f"in {method}: .*no such method"):
        await ask(source)


@pytest.mark.parametrize(
    ("settings", "is_as_good_as_live", "asks_live"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"live": {}}, True, True),
        ({"sync": False}, True, True),
        ({"live": False}, False, False),
    ],
)
async def test_a_synced_source_is_asked_live_where_that_may_tell_more(
    open_source, settings, is_as_good_as_live, asks_live
):
    plugin = Plain()
    plugin.asks_live_when_synced = not is_as_good_as_live
    source = await open_source(plugin, **settings)
    assert source.asks_live is asks_live


@pytest.mark.parametrize("depends", [True, False])
async def test_a_plugin_says_whether_its_answers_depend_on_who_asks(open_source, depends):
    source = await open_source(Directory(depends_on_caller=depends))
    assert source.depends_on_caller is depends


async def test_a_plugin_is_told_who_asks(open_source):
    told = []

    class Curious(Plain):
        def search(self, term, args):
            told.append(args)
            return []

    await ask_search(await open_source(Curious()))
    [args] = told
    assert args.pop("deadline") > 0
    assert args == {"tenant_uuid": NOBODY.tenant, "token_infos": {"tenant_uuid": NOBODY.tenant}}


async def test_a_plugin_is_told_how_long_the_caller_waits_from_then_on(open_source):
    told, time = [], FakeTime()

    class Spelling(Plain):
        async def first_match(self, exten, args):
            told.append(args["deadline"])
            await time.advance(4)

    source = await open_source(Spelling(), live={"spellings": ["e164", "national", "idd", "dashed"]})
    source.gate.clock = time.monotonic
    await ask_reverse(source, LONG)
    assert told == [10, 6, 2, 0]


@pytest.mark.parametrize("written", ["+33199001234", "+33 1 99 00 12 34", "0199001234", "01.99.00.12.34"])
@pytest.mark.parametrize("asks_all", [True, False])
async def test_a_number_is_found_in_whatever_spelling_the_directory_holds(open_source, written, asks_all):
    row = {**ADA, "number": written}
    source = await open_source(Directory(rows=[row]) if asks_all else Plain([row]))
    assert (await ask_reverse(source)).uid == "1"


async def test_the_spellings_asked_are_a_setting(open_source):
    directory = Directory(rows=[ADA])
    source = await open_source(directory, live={"spellings": ["national_digits", "idd"]})
    assert await ask_reverse(source) is None
    assert directory.asked == [("match_all", ["0199001234", "0033199001234"])]


async def test_a_number_without_a_spelling_that_the_directory_holds_is_absent_without_asking(open_source):
    directory = Directory()
    source = await open_source(directory, live={"spellings": ["national"]})
    assert await source.reverse(Number(key="+4930123456"), NOBODY, LONG) is None
    assert directory.asked == []


async def test_many_numbers_are_one_question(open_source):
    directory = Directory(rows=[ADA, BOB])
    source = await open_source(directory)
    numbers = [ADAS, Number(key="+33199005678"), Number(key="+33199009999")]
    said = await source.reverse_many(numbers, NOBODY, LONG)
    assert [(number, contact.uid) for number, contact in said.items()] == [*zip(numbers, "12", strict=False)]
    assert len(directory.asked) == 1


STRANGER = {"id": "9", "name": "A stranger", "number": "+33 1 99 00 99 99", "mobile": None}


@pytest.mark.parametrize("plugin", [Plain, Doing])
async def test_a_row_without_the_number_that_was_asked_is_not_taken(open_source, plugin):
    if plugin is Doing:
        made = Doing(lambda: {"+33199001234": STRANGER})
    else:
        made = Plain()
        made.first_match = lambda *_: STRANGER
    assert await ask_reverse(await open_source(made)) is None


@pytest.mark.parametrize("plugin", [Plain, Doing])
async def test_a_stranger_under_one_spelling_does_not_hide_the_contact_under_another(open_source, plugin):
    rows = {"+33199001234": STRANGER, "0199001234": ADA}
    made = Doing(lambda: rows) if plugin is Doing else Plain()
    if plugin is Plain:
        made.first_match = lambda exten, _: rows.get(exten)
    assert (await ask_reverse(await open_source(made))).uid == "1"


@pytest.mark.parametrize(
    ("listed", "is_found"),
    [("+33199001234;ext=7", True), ("+33199001234", True), ("+33199001234;ext=8", False)],
)
async def test_another_extension_of_the_same_line_is_another_person(open_source, listed, is_found):
    source = await open_source(Doing(lambda: {"+33199001234": {**ADA, "number": listed}}))
    found = await source.reverse(Number(key="+33199001234", extension="7"), NOBODY, LONG)
    assert (found is not None) is is_found


async def test_a_contact_whose_numbers_cannot_be_read_is_taken_as_the_directory_says(open_source):
    source = await open_source(Doing(lambda: {"+33199001234": {"id": "5", "name": "Eve"}}))
    assert (await ask_reverse(source)).uid == "5"


def generated(rows):
    yield from rows


async def generated_later(rows):
    for row in rows:
        yield row


class Lazy:
    """Rows that are only there when they are iterated, in a thread."""

    def __init__(self, rows):
        self._rows = rows

    def __iter__(self):
        assert threading.current_thread() is not threading.main_thread()
        return iter(self._rows)


@pytest.mark.parametrize("holds", [list, tuple, generated, generated_later, Lazy])
async def test_everything_is_pulled_in_batches_whatever_holds_it(open_source, holds):
    rows = [{**BOB, "id": str(number)} for number in range(2500)]
    source = await open_source(Doing(lambda: holds(rows)))
    batches = await ask_pull(source)
    assert [len(batch.rows) for batch in batches] == [1000, 1000, 500]
    assert [row["id"] for batch in batches for row in batch.rows] == [row["id"] for row in rows]


@pytest.mark.parametrize("holds", [list, generated_later])
async def test_no_batch_is_empty(open_source, holds):
    source = await open_source(Doing(lambda: holds([BOB] * 2000)))
    assert [len(batch.rows) for batch in await ask_pull(source)] == [1000, 1000]


async def test_a_million_rows_never_stand_in_memory(open_source):
    drawn = []
    source = await open_source(Doing(lambda: (drawn.append(1) or BOB for _ in repeat(None))))
    async for batch in source.pull():
        assert len(batch.rows) == len(drawn) == 1000
        break


@pytest.mark.parametrize("holds", [generated, generated_later, Lazy])
@pytest.mark.parametrize("ask", [ask_search, ask_list])
async def test_other_questions_may_be_answered_by_generators_too(open_source, ask, holds):
    source = await open_source(Doing(lambda: holds([ADA])))
    assert [contact.uid for contact in await ask(source)] == ["1"]


async def test_a_generator_that_blocks_has_the_deadline_of_its_question(open_source, stuck):
    source = await open_source(Doing(lambda: (stuck() for _ in "x")))
    with pytest.raises(SourceTimeout):
        await ask_search(source, SHORT)


@pytest.mark.parametrize("kind", [generated, generated_later])
async def test_a_pull_that_fails_half_way_is_an_error(open_source, kind):
    async def breaks_later():
        yield ADA
        raise OSError("cable")

    def breaks():
        yield ADA
        raise OSError("cable")

    source = await open_source(Doing(breaks_later if kind is generated_later else breaks))
    with pytest.raises(SourceFailed, match="in list_all: OSError: cable"):
        await ask_pull(source)


async def test_a_plugin_that_lists_nothing_whole_is_searched_for_each_term_of_the_setting(open_source):
    source = await open_source(Plain(), sync={"search_terms": ["ada", "bob"]})
    assert [row["id"] for batch in await ask_pull(source) for row in batch.rows] == ["1", "2"]
    assert not source.lists_all


async def test_a_source_that_is_never_synced_can_still_be_pulled_once(open_source):
    source = await open_source(Plain(), sync=False)
    assert [len(batch.rows) for batch in await ask_pull(source)] == [2]


async def test_changes_come_in_batches_with_what_was_refused(open_source):
    changes = Changes(rows=[ADA, "garbage"], gone=["7"], cursor="next")
    source = await open_source(Doing(lambda: changes))
    assert source.reports_changes
    told = await source.changes("before")
    [batch] = [batch async for batch in source.changed(told)]
    assert (told.cursor, [row["id"] for row in batch.rows]) == ("next", ["1"])
    assert batch.refused == ["a row must be a mapping of columns, not str"]


@pytest.mark.parametrize("holds", [list, generated, generated_later, Lazy])
async def test_ids_that_are_gone_come_in_batches_whatever_holds_them(open_source, holds):
    uids = [str(number) for number in range(1001)]
    source = await open_source(Plain())
    batches = [batch async for batch in source.gone(Changes(rows=[], gone=holds(uids)))]
    assert [len(batch) for batch in batches] == [1000, 1]
    assert [uid for batch in batches for uid in batch] == uids


async def test_ids_that_cannot_be_read_are_a_failure(open_source):
    def breaks():
        yield "1"
        raise OSError("cable")

    source = await open_source(Plain())
    for gone, reason in ((breaks(), "OSError: cable"), ("7", "returned str, not ids")):
        with pytest.raises(SourceFailed, match=f"in changes: .*{reason}"):
            [batch async for batch in source.gone(Changes(rows=[], gone=gone))]


async def later():
    return "later"


@pytest.mark.parametrize(
    ("cursor", "text"), [("a text", "a text"), ("", None), (lambda: "made", "made"), (later, "later")]
)
async def test_a_cursor_may_be_a_text_or_be_made(open_source, cursor, text):
    source = await open_source(Plain())
    assert await source.cursor(Changes(rows=[], cursor=cursor)) == text


@pytest.mark.parametrize(
    ("cursor", "reason"), [(fails(OSError("cable")), "OSError: cable"), (lambda: 7, "gave int as its cursor")]
)
async def test_a_cursor_that_cannot_be_made_is_a_failure(open_source, cursor, reason):
    source = await open_source(Plain())
    with pytest.raises(SourceFailed, match=f"in changes: .*{reason}"):
        await source.cursor(Changes(rows=[], cursor=cursor))


async def test_a_cursor_is_made_in_the_source_s_own_threads(open_source):
    source = await open_source(Plain())
    name = await source.cursor(Changes(rows=[], cursor=lambda: threading.current_thread().name))
    assert name.startswith("source-fake-")


async def test_an_expired_cursor_is_passed_on_as_it_is(open_source):
    source = await open_source(Doing(fails(CursorExpired("too old"))))
    with pytest.raises(CursorExpired, match="too old"):
        await source.changes("old")


ROWS_OF_NOTHING = [None, 7, "text", b"bytes", {"results": []}]


@pytest.mark.parametrize("garbage", ROWS_OF_NOTHING)
@pytest.mark.parametrize("ask", [ask_search, ask_list, ask_pull])
async def test_what_holds_no_rows_is_a_failure_not_an_absence(open_source, ask, garbage):
    source = await open_source(Doing(lambda: garbage))
    with pytest.raises(SourceFailed, match=f"returned {type(garbage).__name__}, not rows"):
        await ask(source)


@pytest.mark.parametrize("garbage", [None, 7, "text", [ADA]])
async def test_what_holds_no_rows_by_number_is_a_failure_not_an_absence(open_source, garbage):
    source = await open_source(Doing(lambda: garbage))
    with pytest.raises(SourceFailed, match=f"in match_all: .*returned {type(garbage).__name__}, not rows"):
        await ask_reverse(source)


@pytest.mark.parametrize("garbage", ["text", [ADA], {**ADA, "photo": b"\x89PNG"}, {1: "a column"}])
@pytest.mark.parametrize("asks_all", [True, False])
async def test_a_row_for_a_number_that_no_contact_can_hold_is_a_failure(open_source, garbage, asks_all):
    plugin = Doing(lambda: {"+33199001234": garbage})
    if not asks_all:
        plugin.match_all, plugin.first_match = None, lambda *_: garbage
    source = await open_source(plugin)
    with pytest.raises(SourceFailed, match="RowRefused"):
        await ask_reverse(source)
    assert "RowRefused" in source.last_error


async def test_a_row_that_cannot_be_read_spoils_no_other_number(open_source):
    source = await open_source(Doing(lambda: {"+33199001234": ADA, "+33199005678": "garbage"}))
    said = await source.reverse_many([ADAS, Number(key="+33199005678")], NOBODY, LONG)
    assert [type(word).__name__ for word in said.values()] == ["Contact", "SourceFailed"]


@pytest.mark.parametrize("garbage", [1, None, {**BOB, "photo": b"\x89PNG"}, {None: "a column"}])
async def test_rows_that_no_contact_can_hold_are_left_out_and_told(open_source, caplog, garbage):
    source = await open_source(Doing(lambda: [garbage, ADA]))
    assert [contact.uid for contact in await ask_search(source)] == ["1"]
    assert "source 'fake': a row from search is left out: " in caplog.text
    [batch] = await ask_pull(source)
    assert (len(batch.rows), len(batch.refused)) == (1, 1)


@pytest.mark.parametrize("garbage", [None, [ADA], {"rows": []}])
async def test_changes_that_are_none_are_a_failure(open_source, garbage):
    source = await open_source(Doing(lambda: garbage))
    with pytest.raises(SourceFailed, match=f"returned {type(garbage).__name__}, not Changes"):
        await source.changes(None)


@pytest.mark.parametrize("ask", [ask_search, ask_reverse, ask_list, ask_pull])
async def test_an_error_of_the_plugin_keeps_its_cause(open_source, ask):
    error = ZeroDivisionError("oops")
    source = await open_source(Doing(fails(error)))
    with pytest.raises(SourceFailed, match=r"source 'fake' failed in .*: ZeroDivisionError: oops") as caught:
        await ask(source)
    assert caught.value.__cause__ is error
    kept = source.last_search_error if ask is ask_search else source.last_error
    assert kept == str(caught.value)


async def test_the_reason_a_plugin_gives_is_not_changed(open_source):
    error = SourceError("the server is down for maintenance")
    source = await open_source(Doing(fails(error)))
    with pytest.raises(SourceError) as caught:
        await ask_search(source)
    assert caught.value is error
    assert (source.last_search_error, source.last_error) == (str(error), None)


@pytest.mark.parametrize("error", [SystemExit(1), StopIteration(), asyncio.CancelledError()])
async def test_no_exception_of_a_plugin_ends_more_than_its_question(open_source, error):
    source = await open_source(Doing(fails(error)))
    with pytest.raises(SourceFailed, match=type(error).__name__):
        await ask_search(source)


async def test_a_task_that_was_cancelled_inside_a_plugin_is_a_failure(open_source):
    async def waits_for_a_cancelled_task():
        task = asyncio.create_task(asyncio.Event().wait())
        task.cancel()
        return await task

    source = await open_source(DoingLater(waits_for_a_cancelled_task))
    with pytest.raises(SourceFailed, match="something it waited for was cancelled"):
        await ask_search(source)


async def test_a_row_that_breaks_while_it_is_read_is_a_failure(open_source):
    class Broken(dict):
        def items(self):
            raise OSError("the connection is closed")

    source = await open_source(Doing(lambda: [Broken()]))
    for ask in (ask_search, ask_list, ask_pull):
        with pytest.raises(SourceFailed, match="OSError: the connection is closed"):
            await ask(source)


async def test_the_last_error_is_forgotten_with_the_next_good_reply(open_source):
    directory = Directory(rows=[ADA], error=OSError("down"))
    source = await open_source(directory)
    for ask in (ask_search, ask_reverse):
        with pytest.raises(SourceFailed):
            await ask(source)
    directory.error = None
    await ask_reverse(source)
    assert source.last_error is None
    assert source.last_search_error is not None
    await ask_search(source)
    assert source.last_search_error is None


@EVERY_QUESTION
async def test_a_source_that_is_not_loaded_cannot_be_asked(ask):
    source = source_of(Directory(rows=[ADA]))
    with pytest.raises(SourceClosed, match="'fake' is not loaded: not loaded yet"):
        await ask(source)


async def test_a_plugin_that_does_not_load_is_told_with_its_reason():
    source = source_of(Directory(load_error=OSError("no route")))
    with pytest.raises(PluginBroken, match="source 'fake' does not load: OSError: no route"):
        await source.open()
    assert (source.state, source.reason) == (State.FAILED, "OSError: no route")
    with pytest.raises(SourceClosed, match="OSError: no route"):
        await ask_search(source)


class Late(Plain):
    """Loads when it is told to."""

    def __init__(self, gate, rows=(ADA, BOB)):
        super().__init__(rows)
        self.gate = gate

    async def load(self, args):
        super().load(args)
        await self.gate.wait()


@pytest.mark.parametrize("question", ["reverse", "search", "by_uid"])
async def test_who_asks_while_it_loads_for_the_first_time_waits_for_that(question):
    gate = asyncio.Event()
    source = source_with(Late(gate))
    source.is_to_load()
    asking = asyncio.create_task(
        {
            "reverse": lambda: source.reverse(ADAS, NOBODY, LONG),
            "search": lambda: source.search("Ada", NOBODY, LONG),
            "by_uid": lambda: source.by_uid(["1"], NOBODY, LONG),
        }[question]()
    )
    opening = asyncio.create_task(source.open())
    await asyncio.sleep(LOADED_SOON / 4)
    assert not asking.done()
    gate.set()
    assert await asking
    await opening
    await source.close()


async def test_what_loads_for_long_keeps_nobody_waiting_for_long():
    source = source_with(Late(asyncio.Event()))
    source.is_to_load()
    opening = asyncio.create_task(source.open())
    began = time.monotonic()
    with pytest.raises(SourceClosed):
        await source.reverse(ADAS, NOBODY, LONG)
    assert time.monotonic() - began < LONG.total_seconds() / 2
    opening.cancel()
    await asyncio.wait([opening])
    with pytest.raises(SourceClosed):
        await source.reverse(ADAS, NOBODY, LONG)


async def test_a_reason_the_plugin_gives_for_not_loading_stands_alone():
    source = source_of(Directory(load_error=SourceError("the server is down; start it")))
    with pytest.raises(PluginBroken):
        await source.open()
    assert source.reason == "the server is down; start it"


async def test_a_plugin_that_cannot_even_be_told_to_load_is_broken():
    source = source_with(object())
    with pytest.raises(PluginBroken, match=r"must have the method load\(args\)"):
        await source.open()
    assert source.state is State.FAILED


async def test_a_plugin_that_is_not_installed_is_missing():
    config = config_of({"name": "fake", "backend": "missing"})
    [own] = config.sources
    source = Source(own, Shape(own, config.rules(own)), FakeLoader(), {})
    with pytest.raises(PluginMissing, match="'missing'"):
        await source.open()
    assert source.state is State.FAILED


async def test_a_source_that_does_not_load_is_loaded_when_the_cause_has_gone(caplog):
    directory = Directory(rows=[ADA], load_error=OSError("no route"))
    source = source_of(directory)
    opening = asyncio.create_task(source.keep_opening())
    await until(lambda: source.state is State.FAILED)
    with pytest.raises(SourceClosed):
        await ask_search(source)
    directory.load_error = None
    await opening
    assert (source.state, source.reason, source.last_error) == (State.LOADED, None, None)
    assert caplog.text.count("source 'fake' cannot be asked: ") == 1
    await source.close()


async def test_a_reason_that_stays_the_same_is_logged_once(caplog):
    class Refusing(Plain):
        async def load(self, args):
            self.asked.append("load")
            raise OSError("no route")

    plugin = Refusing()
    source = source_with(plugin)
    with pytest.raises(PluginBroken):
        await source.open()
    opening = asyncio.create_task(source.keep_opening())
    await until(lambda: plugin.asked == ["load", "load"])
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert "cannot be asked" not in caplog.text


async def test_closing_unloads_and_ends_the_questions(open_source):
    plugin = Plain()
    source = await open_source(plugin)
    await source.close()
    assert plugin.asked == ["unload"]
    with pytest.raises(SourceClosed):
        await ask_search(source)


@pytest.mark.parametrize("error", [ValueError("no"), SourceError("no"), SystemExit(1)])
async def test_an_unload_that_fails_is_logged_and_the_rest_is_closed(open_source, caplog, error):
    plugin = Plain()
    plugin.unload = fails(error)
    source = await open_source(plugin)
    await source.close()
    assert source.state is State.CLOSED
    assert "source 'fake': unload failed" in caplog.text


async def test_a_plugin_without_unload_is_just_let_go(open_source):
    plugin = Plain()
    plugin.unload = None
    source = await open_source(plugin)
    await source.close()
    assert source.state is State.CLOSED


async def test_its_threads_end_when_a_source_is_closed(open_source):
    source = await open_source(Plain())
    await ask_search(source)
    threads = list(source._threads._threads)
    await source.close()
    await until(lambda: not any(thread.is_alive() for thread in threads))
    assert threads


async def test_a_load_that_hangs_is_given_up_and_tried_again(stuck):
    plugin = Plain()
    plugin.load = stuck
    source = source_with(plugin)
    with pytest.raises(PluginBroken, match=r"'fake' does not load: it takes longer than 0\.02 s"):
        await source.open(0.02)
    assert source.state is State.FAILED
    assert source.condition.stuck_threads == 1
    del plugin.load
    await source.open()
    assert source.state is State.LOADED
    await source.close()


class Settings(BaseModel):
    port: int
    password: int


@pytest.mark.parametrize("makes", [PluginBroken, SourceFailed])
async def test_what_pydantic_refuses_is_told_without_the_value(open_source, caplog, makes):
    def refuses():
        Settings.model_validate({"port": "canary-secret", "password": "canary-secret"})

    plugin = Doing(refuses)
    if makes is PluginBroken:
        plugin.load = lambda _: refuses()
    with pytest.raises(makes, match=r"port: Input should be a valid integer, .*; password: ") as caught:
        await ask_search(await open_source(plugin))
    assert "canary" not in f"{caught.value} {caplog.text}"


async def test_what_a_plugin_says_of_itself_counts_before_it_is_loaded():
    source = source_of(Directory(depends_on_caller=False, load_error=OSError("no route")))
    with pytest.raises(PluginBroken):
        await source.open()
    assert not source.depends_on_caller


async def test_a_blocking_question_past_its_deadline_keeps_a_thread_and_is_counted(open_source, stuck):
    source = await open_source(Doing(stuck))
    with pytest.raises(SourceTimeout):
        await ask_search(source, SHORT)
    assert (source.condition.stuck_threads, source.condition.search.in_flight) == (1, 0)


@pytest.fixture
async def opened(open_source):
    """Makes sources whose breaker is open, and time passes until it lets one through; the directory hangs."""

    async def open_(**settings):
        directory = Directory(rows=[ADA], error=OSError("down"))
        source = await open_source(directory, **settings)
        time = FakeTime()
        source.gate.clock = time.monotonic
        for _ in range(3):
            with pytest.raises(SourceFailed):
                await ask_reverse(source)
        directory.error, directory.gate = None, asyncio.Event()
        await time.advance(2)
        return source, directory

    return open_


async def test_a_probe_that_nobody_waits_for_any_more_still_closes_the_breaker(opened):
    source, directory = await opened()
    question = asyncio.create_task(ask_reverse(source))
    await until(lambda: len(directory.asked) == 4)
    question.cancel()
    await asyncio.wait([question])
    assert source.condition.breaker is Breaker.PROBING
    with pytest.raises(SourceDown):
        await ask_reverse(source)
    directory.gate.set()
    await until(lambda: source.condition.breaker is Breaker.CLOSED)


async def test_a_probe_has_the_deadline_of_its_question(opened):
    source, _ = await opened()
    with pytest.raises(SourceTimeout):
        await ask_reverse(source, SHORT)
    assert source.condition.breaker is Breaker.OPEN
    assert timedelta(seconds=2) <= source.condition.retry_in <= timedelta(seconds=2.2)


async def test_closing_ends_the_probe(opened):
    source, directory = await opened()
    question = asyncio.create_task(ask_reverse(source))
    await until(lambda: len(directory.asked) == 4)
    await source.close()
    await asyncio.wait([question])
    assert question.cancelled()
    assert source.condition.in_flight == 0


async def test_what_an_unready_source_or_a_poor_plugin_cannot_do_opens_no_breaker(open_source):
    plugin = Plain()
    plugin.search = None
    source = await open_source(plugin)
    for _ in range(4):
        with pytest.raises(SourceFailed):
            await ask_search(source)
    await source.close()
    for _ in range(4):
        with pytest.raises(SourceClosed):
            await ask_reverse(source)
    assert (source.condition.breaker, source.condition.search.breaker) == (Breaker.CLOSED, Breaker.CLOSED)


async def test_a_row_that_cannot_be_read_is_still_an_answer_of_the_directory(open_source):
    source = await open_source(Doing(lambda: {"+33199001234": "garbage"}))
    for _ in range(4):
        with pytest.raises(SourceFailed):
            await ask_reverse(source)
    assert source.condition.breaker is Breaker.CLOSED


async def test_behind_a_stuck_thread_given_up_questions_keep_no_place(open_source, stuck):
    begun = threading.Event()
    source = await open_source(Doing(lambda: begun.set() or stuck()), live={"threads": 1})
    for _ in range(ROOM + 1):
        question = asyncio.create_task(ask_search(source))
        await until(lambda: source.condition.search.in_flight and begun.is_set())
        question.cancel()
        await asyncio.wait([question])
    assert (source.condition.search.in_flight, source.condition.stuck_threads) == (0, 1)
    with pytest.raises(SourceTimeout):
        await ask_search(source, SHORT)


async def test_an_async_plugin_has_no_more_questions_at_once_either(open_source):
    directory = Directory(gate=asyncio.Event())
    source = await open_source(directory, live={"threads": 1})
    asking = [asyncio.create_task(ask_search(source)) for _ in range(ROOM)]
    await until(lambda: len(directory.asked) == ROOM)
    with pytest.raises(SourceBusy):
        await ask_search(source)
    directory.gate.set()
    await asyncio.gather(*asking)
    assert len(directory.asked) == ROOM


class Slow(Plain):
    """Hangs in what a test says."""

    def __init__(self, stuck, method="search"):
        super().__init__()
        self.begun = 0
        setattr(self, method, lambda *_: self._hang(stuck))

    def _hang(self, stuck):
        self.begun += 1
        return stuck()


async def test_slow_searches_keep_nobody_from_the_name_of_a_caller(open_source, stuck):
    source = await open_source(Slow(stuck))
    searches = [ask_search(source, SHORT) for _ in range(3)]
    assert {type(error) for error in await asyncio.gather(*searches, return_exceptions=True)} == {
        SourceTimeout
    }
    condition = source.condition
    assert (condition.breaker, condition.search.breaker) == (Breaker.CLOSED, Breaker.OPEN)
    assert condition.stuck_threads == 2, "of four"
    assert (await ask_reverse(source)).uid == "1"
    with pytest.raises(SearchDown, match="does not answer text searches; it is asked again in 2 s"):
        await ask_search(source)


async def test_a_search_is_no_probe_of_what_a_source_says_about_numbers(opened):
    source, directory = await opened()
    directory.gate = None
    assert len(await ask_search(source)) == 1
    assert source.condition.breaker is Breaker.OPEN
    assert (await ask_reverse(source)).uid == "1"
    assert source.condition.breaker is Breaker.CLOSED


async def test_the_probe_of_searches_is_a_search(open_source):
    directory, time = Directory(rows=[ADA], error=OSError("too slow")), FakeTime()
    source = await open_source(directory)
    source.search_gate.clock = time.monotonic
    for _ in range(3):
        with pytest.raises(SourceFailed):
            await ask_search(source)
    await time.advance(2)
    directory.error = None
    assert (await ask_reverse(source)).uid == "1"
    assert source.condition.search.breaker is Breaker.OPEN
    assert len(await ask_search(source)) == 1
    assert source.condition.search.breaker is Breaker.CLOSED


async def test_searches_take_no_room_of_questions_about_numbers(open_source):
    directory = Directory(rows=[ADA], gate=asyncio.Event())
    source = await open_source(directory, live={"threads": 2})
    searching = [asyncio.create_task(ask_search(source)) for _ in range(ROOM)]
    await until(lambda: len(directory.asked) == ROOM)
    with pytest.raises(SourceBusy):
        await ask_search(source)
    asking = [asyncio.create_task(ask_reverse(source)) for _ in range(2 * ROOM)]
    await until(lambda: len(directory.asked) == 3 * ROOM)
    directory.gate.set()
    await asyncio.gather(*searching, *asking)


async def test_rows_of_a_search_that_come_slowly_take_no_more_threads_than_the_search(open_source, stuck):
    begun = []

    def slowly():
        begun.append(1)
        yield stuck() or ADA

    plugin = Plain()
    plugin.search = lambda *_: slowly()
    source = await open_source(plugin, live={"threads": 2})
    searching = [asyncio.create_task(ask_search(source)) for _ in range(2)]
    await until(lambda: begun)
    assert (await ask_reverse(source)).uid == "1"
    assert len(begun) == 1
    for search in searching:
        search.cancel()


async def test_with_one_thread_a_search_delays_a_name_and_opens_no_breaker(open_source, stuck):
    plugin = Slow(stuck)
    source = await open_source(plugin, live={"threads": 1})
    search = asyncio.create_task(ask_search(source))
    await until(lambda: plugin.begun)
    for _ in range(4):
        with pytest.raises(SourceBusy, match=r"see live\.threads"):
            await ask_reverse(source, SHORT)
    assert source.condition.breaker is Breaker.CLOSED
    search.cancel()


async def test_with_one_thread_a_name_that_hangs_itself_opens_the_breaker(open_source, stuck):
    source = await open_source(Slow(stuck, "first_match"), live={"threads": 1})
    for _ in range(3):
        with pytest.raises(SourceTimeout):
            await ask_reverse(source, SHORT)
    assert source.condition.breaker is Breaker.OPEN


class Punctual(Plain):
    """Gives up a name when its time is up, and goes on with a search until it is told."""

    def __init__(self):
        super().__init__()
        self.begun, self.over = threading.Event(), threading.Event()

    def search(self, term, args):
        self.begun.set()
        self.over.wait(60)
        return []

    def first_match(self, exten, args):
        time.sleep(args["deadline"])
        raise SourceError("no reply in time")


@pytest.mark.parametrize("after_search", [True, False])
async def test_a_plugin_that_gives_up_in_time_is_late_and_after_a_search_that_does_not_count(
    open_source, after_search
):
    plugin = Punctual()
    source = await open_source(plugin, live={"threads": 1})
    for _ in range(3):
        plugin.begun.clear(), plugin.over.clear()
        search = asyncio.create_task(ask_search(source)) if after_search else None
        if search is not None:
            await until(plugin.begun.is_set)
        asking = asyncio.create_task(ask_reverse(source, timedelta(milliseconds=60)))
        await until(lambda: source.condition.in_flight)
        plugin.over.set()
        with pytest.raises(SourceBusy if after_search else SourceTimeout):
            await asking
        await until(lambda: not source._threads._in_hand)
    assert source.condition.breaker is (Breaker.CLOSED if after_search else Breaker.OPEN)


async def test_what_a_plugin_says_when_it_gives_up_in_time_is_told(open_source):
    time = FakeTime()

    async def gives_up():
        await time.advance(10)
        raise SourceError("no reply in time")

    source = await open_source(DoingLater(gives_up))
    source.gate.clock = time.monotonic
    with pytest.raises(SourceTimeout, match="did not reply within 10000 ms: no reply in time") as caught:
        await ask_reverse(source, LONG)
    assert source.last_error == str(caught.value)


async def test_with_one_thread_names_are_asked_for_before_texts(open_source):
    over, begun, asked = threading.Event(), threading.Event(), []

    class Orderly(Plain):
        def search(self, term, args):
            asked.append(term)
            begun.set()
            return over.wait(60) and []

        def first_match(self, exten, args):
            asked.append(exten)
            return ADA

    source = await open_source(Orderly(), live={"threads": 1})
    asking = [asyncio.create_task(source.search("first", NOBODY, LONG))]
    await until(begun.is_set)
    asking += [asyncio.create_task(source.search("second", NOBODY, LONG))]
    await until(lambda: source.condition.search.in_flight == 2)
    asking += [asyncio.create_task(ask_reverse(source))]
    await until(lambda: source.condition.in_flight == 1)
    over.set()
    await asyncio.gather(*asking)
    assert asked == ["first", ADAS.key, "second"]


async def test_closing_ends_both_probes(opened):
    source, directory = await opened()
    directory.error = OSError("down")
    directory.gate = None
    source.search_gate.clock = source.gate.clock
    for _ in range(3):
        with pytest.raises(SourceFailed):
            await ask_search(source)
    moment = source.gate.clock() + 9
    source.gate.clock = source.search_gate.clock = lambda: moment
    directory.gate = asyncio.Event()
    before = len(directory.asked)
    probes = [asyncio.create_task(ask(source)) for ask in (ask_reverse, ask_search)]
    await until(lambda: len(directory.asked) == before + 2)
    await source.close()
    await asyncio.wait(probes)
    assert [probe.cancelled() for probe in probes] == [True, True]


def told(caplog):
    return [record.getMessage().partition(",")[0] for record in caplog.records]


async def fall(source, *asks):
    for ask in asks:
        for _ in range(3):
            with pytest.raises(SourceError):
                await ask(source)


@pytest.fixture
async def told_of(open_source, caplog):
    """A source on a clock of its own, whose log is listened to."""
    caplog.set_level("INFO", "lookupd.news")
    directory, time = Directory(rows=[ADA], error=OSError("down")), FakeTime()
    source = await open_source(directory)
    source.gate.clock = source.search_gate.clock = time.monotonic
    return source, directory, time


DOWN, UP = "source 'fake' does not answer", "source 'fake' answers again"
SEARCH_DOWN = "source 'fake' does not answer text searches"
SEARCH_UP = "source 'fake' answers text searches again"


async def test_a_source_that_is_down_altogether_is_told_once_and_so_is_its_recovery(told_of, caplog):
    source, directory, time = told_of
    await fall(source, ask_reverse, ask_search)
    await time.advance(2)
    await fall(source, ask_reverse, ask_search)
    directory.error = None
    await time.advance(9)
    await ask_reverse(source)
    await ask_search(source)
    assert told(caplog) == [DOWN, UP]


async def test_that_only_searches_fail_is_told_once_and_so_is_their_recovery(told_of, caplog):
    source, directory, time = told_of
    await fall(source, ask_search)
    await time.advance(2)
    await fall(source, ask_search)
    directory.error = None
    await ask_reverse(source)
    await time.advance(9)
    await ask_search(source)
    await ask_search(source)
    assert told(caplog) == [SEARCH_DOWN, SEARCH_UP]


async def test_a_source_that_goes_down_after_its_searches_recovers_in_one_line(told_of, caplog):
    source, directory, time = told_of
    await fall(source, ask_search, ask_reverse)
    directory.error = None
    await time.advance(9)
    await ask_search(source)
    await ask_reverse(source)
    assert told(caplog) == [SEARCH_DOWN, DOWN, UP]


async def test_searches_that_stay_away_when_the_rest_is_back_are_told(told_of, caplog):
    source, directory, time = told_of
    await fall(source, ask_reverse, ask_search)
    await time.advance(2)
    directory.error = None
    await ask_reverse(source)
    directory.error = OSError("too slow")
    await fall(source, ask_search)
    await time.advance(9)
    directory.error = None
    await ask_search(source)
    assert told(caplog) == [DOWN, UP, SEARCH_DOWN, SEARCH_UP]
