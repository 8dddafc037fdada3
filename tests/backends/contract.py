"""What every back-end promises, as a class that its tests inherit.

A back-end of your own is tested by the same sentences. Make a class whose name begins with `Test`, and give
it the fixtures that are declared below:

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def plugin(self, my_server):
            plugin = MyBackend()
            plugin.load({"config": {...}, "main_config": {}})
            yield plugin
            plugin.unload()

        @pytest.fixture
        def known(self):
            return [Known(uid="1", text="Ann", numbers={"phone": "101", "mobile": "0612345678"}), ...]

Methods may be `def` or `async def`, and `list_all` may be any kind of iterable; pytest-asyncio runs the tests
in its mode `auto`. Tests about unique ids and pulls are for back-ends that have `list` and `list_all`; those
about changes are left out for one that has no `changes`.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest

from lookupd import Changes, CursorExpired, ReportsChanges, Row, SourceError

UNKNOWN_NUMBER = "+99900000000"
UNKNOWN_TEXT = "nobody-is-called-so"
NO_ARGS = {"token_infos": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One person of the test directory."""

    #: the value of the unique column
    uid: str
    #: a text that a search finds this person by, and nobody else
    text: str
    #: number column -> a number in it that nobody else has
    numbers: Mapping[str, str] = field(default_factory=dict)
    #: columns that have no value
    empty: Sequence[str] = ()


async def settled(value):
    """What a method gives, whether it is `def` or `async def`."""
    return await value if isinstance(value, Awaitable) else value


async def pulled(plugin) -> list[Row]:
    """All rows of `list_all`."""
    return await read(await settled(plugin.list_all()))


async def read(rows) -> list[Row]:
    """All of some rows, whatever kind of iterable they are."""
    return [row async for row in rows] if isinstance(rows, AsyncIterable) else list(rows)


async def told(plugin, cursor: str | None) -> tuple[list[Row], list[str], str]:
    """The rows of `changes`, the ids that are gone, and the next cursor, read in this order."""
    changes = await settled(plugin.changes(cursor))
    assert isinstance(changes, Changes)
    rows, gone = await read(changes.rows), list(changes.gone)
    return rows, gone, changes.cursor() if callable(changes.cursor) else changes.cursor


class BackendContract:
    """The promises. All fixtures must be given; `unique_column` may be, where it is not `id`."""

    @pytest.fixture
    def plugin(self):
        """A loaded plugin on a directory that holds the known people, and nobody else."""
        raise NotImplementedError

    @pytest.fixture
    def broken(self):
        """A loaded plugin whose directory cannot be reached or read."""
        raise NotImplementedError

    @pytest.fixture
    def known(self) -> Sequence[Known]:
        """At least two people, together with a number in each number column, and one empty column."""
        raise NotImplementedError

    @pytest.fixture
    def source_args(self):
        """What `plugin` was loaded with."""
        raise NotImplementedError

    @pytest.fixture
    def outage(self) -> Callable[[], AbstractContextManager[None]]:
        """`with outage():` makes the directory of `plugin` unreachable or unreadable inside the block."""
        raise NotImplementedError

    @pytest.fixture
    def unique_column(self) -> str:
        """The column with the unique id."""
        return "id"

    async def test_an_unknown_text_is_an_absence_not_an_error(self, plugin):
        assert list(await settled(plugin.search(UNKNOWN_TEXT, NO_ARGS))) == []

    async def test_an_unknown_number_is_an_absence_not_an_error(self, plugin):
        assert not await settled(plugin.first_match(UNKNOWN_NUMBER, NO_ARGS))

    async def test_unknown_numbers_are_left_out_of_match_all(self, plugin):
        assert dict(await settled(plugin.match_all([UNKNOWN_NUMBER, "0"], NO_ARGS))) == {}

    async def test_an_unknown_id_is_an_absence_not_an_error(self, plugin):
        assert list(await settled(plugin.list(["no-such-id"], NO_ARGS))) == []

    async def test_nothing_asked_is_nothing_found(self, plugin):
        assert dict(await settled(plugin.match_all([], NO_ARGS))) == {}
        assert list(await settled(plugin.list([], NO_ARGS))) == []

    @pytest.mark.parametrize(
        ("method", "question"),
        [("search", "a"), ("first_match", "101"), ("match_all", ["101"]), ("list", ["1"])],
    )
    async def test_an_unreachable_directory_is_an_error_not_an_absence(self, broken, method, question):
        with pytest.raises(SourceError) as caught:
            await settled(getattr(broken, method)(question, NO_ARGS))
        assert str(caught.value)

    async def test_an_unreachable_directory_is_an_error_not_an_empty_pull(self, broken):
        with pytest.raises(SourceError):
            await pulled(broken)

    async def test_search_finds_by_a_text(self, plugin, known, unique_column):
        for person in known:
            rows = await settled(plugin.search(person.text, NO_ARGS))
            assert [row[unique_column] for row in rows] == [person.uid]

    async def test_first_match_finds_by_each_number_column(self, plugin, known, unique_column):
        for person in known:
            for number in person.numbers.values():
                row = await settled(plugin.first_match(number, NO_ARGS))
                assert row is not None
                assert row[unique_column] == person.uid

    async def test_match_all_returns_only_what_was_asked_and_found(self, plugin, known, unique_column):
        owners = {number: person.uid for person in known for number in person.numbers.values()}
        left_out = next(iter(owners))
        asked = [number for number in owners if number != left_out]
        found = await settled(plugin.match_all([*asked, UNKNOWN_NUMBER], NO_ARGS))
        assert {number: row[unique_column] for number, row in found.items()} == {n: owners[n] for n in asked}

    async def test_list_returns_only_known_ids(self, plugin, known, unique_column):
        asked = [person.uid for person in known[1:]]
        rows = await settled(plugin.list([*asked, "no-such-id"], NO_ARGS))
        assert sorted(row[unique_column] for row in rows) == sorted(asked)

    async def test_list_all_yields_every_row_once(self, plugin, known, unique_column):
        rows = await pulled(plugin)
        assert sorted(row[unique_column] for row in rows) == sorted(person.uid for person in known)

    async def test_a_pull_and_a_question_give_the_same_row(self, plugin, known, unique_column):
        rows = {row[unique_column]: dict(row) for row in await pulled(plugin)}
        for person in known:
            (asked,) = await settled(plugin.list([person.uid], NO_ARGS))
            assert dict(asked) == rows[person.uid]

    @pytest.fixture
    def reporting(self, plugin):
        """The plugin, where it reports changes."""
        if not isinstance(plugin, ReportsChanges):
            pytest.skip("it reports no changes")
        return plugin

    async def test_a_series_of_changes_begins_with_every_row(self, reporting, unique_column):
        rows, gone, _ = await told(reporting, None)
        listed = {row[unique_column]: dict(row) for row in await pulled(reporting)}
        assert {row[unique_column]: dict(row) for row in rows} == listed
        assert len(rows) == len(listed)
        assert gone == []

    async def test_an_unchanged_directory_has_no_changes(self, reporting):
        _, _, cursor = await told(reporting, None)
        for _ in range(2):
            rows, gone, cursor = await told(reporting, cursor)
            assert (rows, gone) == ([], [])
            assert cursor

    async def test_an_unreachable_directory_is_an_error_not_an_absence_of_changes(self, reporting, outage):
        _, _, cursor = await told(reporting, None)
        with outage():
            for known in (cursor, None):
                with pytest.raises(SourceError) as caught:
                    await told(reporting, known)
                assert not isinstance(caught.value, CursorExpired)
        await told(reporting, None)

    async def test_a_cursor_of_something_else_has_expired(self, reporting):
        with pytest.raises(CursorExpired):
            await told(reporting, "a cursor of something else")

    async def test_empty_values_are_none(self, plugin, known, unique_column):
        rows = {row[unique_column]: row for row in await pulled(plugin)}
        assert not [row for row in rows.values() if "" in row.values()]
        empty = [(person.uid, column) for person in known for column in person.empty]
        assert empty
        assert [rows[uid].get(column) for uid, column in empty] == [None] * len(empty)

    async def test_unload_then_load_works_again(self, plugin, source_args, known):
        number = next(number for person in known for number in person.numbers.values())
        assert await settled(plugin.first_match(number, NO_ARGS))
        await settled(plugin.unload())
        await settled(plugin.load(source_args))
        assert await settled(plugin.first_match(number, NO_ARGS))

    async def test_loading_needs_no_directory(self, plugin, source_args, known, outage):
        await settled(plugin.unload())
        with outage():
            await settled(plugin.load(source_args))
        assert await settled(plugin.search(known[0].text, NO_ARGS))

    async def test_a_directory_that_comes_back_is_answered_again_without_a_reload(
        self, plugin, known, outage
    ):
        number = next(number for person in known for number in person.numbers.values())
        assert await settled(plugin.first_match(number, NO_ARGS))
        with outage():
            for _ in range(2):
                with pytest.raises(SourceError):
                    await settled(plugin.first_match(number, NO_ARGS))
        assert await settled(plugin.first_match(number, NO_ARGS))
