"""Remembered answers outlive the process, and are shared between processes; the file may be lost."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from lookupd.answers.store import Pauses, Store
from lookupd.answers.table import kept
from lookupd.memory import Memory, asked
from lookupd.number import NumberRules, parse
from lookupd.principal import Principal
from tests.fakes import ADA, NOBODY, Clock, Directory, source_of
from tests.faults.signals import eventually_async

QUICK = Pauses(gather=0.001, poll=0.01, retry=0.01)
NUMBER = parse("0199001234", NumberRules(region="FR"))


@asynccontextmanager
async def process(path, source, clock):
    """The memory of one process, with its store; and the store."""
    store = Store(path, kept([source]), clock, QUICK)
    memory = Memory(keep=store.keep)
    await store.start(memory.learn)
    try:
        yield memory, store
    finally:
        await store.close()


@pytest.fixture
async def source():
    source = source_of(Directory(rows=[ADA]))
    await source.open()
    yield source
    await source.close()


async def test_a_hit_and_an_absence_are_there_after_a_restart(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    contact = source.shape.contact(source.shape.checked(ADA))
    hit = asked(source, NUMBER, NOBODY)
    absence = asked(source, parse("0199009999", NumberRules(region="FR")), NOBODY)
    async with process(path, source, clock) as (memory, _):
        memory.put(hit, contact, clock())
        memory.put(absence, None, clock())
    async with process(path, source, clock) as (memory, _):
        assert memory.get(hit).contact.display == "Ada Bélanger"
        assert memory.get(hit).contact.numbers == contact.numbers
        assert memory.get(absence).contact is None
        assert memory.get(absence).at == clock()


async def test_what_one_process_was_told_another_knows_soon(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (one, _), process(path, source, clock) as (other, _):
        one.put(question, None, clock())
        await eventually_async(lambda: other.get(question) is not None, within=10)


async def test_an_older_answer_does_not_replace_a_newer_one(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    contact = source.shape.contact(source.shape.checked(ADA))
    async with process(path, source, clock) as (memory, _):
        memory.put(question, None, clock())
    async with process(path, source, clock) as (memory, _):
        clock.move(seconds=1)
        memory.put(question, contact, clock())
    async with process(path, source, clock) as (memory, _):
        assert memory.get(question).contact is not None


@pytest.mark.parametrize(
    "content", [b"", b"not a database, but some text" * 40, b"SQLite format 3\0" + b"\xff" * 9000]
)
async def test_a_file_that_cannot_be_used_is_set_aside_and_made_anew(tmp_path, source, content):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    path.write_bytes(content)
    async with process(path, source, clock) as (memory, store):
        memory.put(question, None, clock())
        await eventually_async(lambda: store.problem is None and path.stat().st_size > 0, within=10)
    async with process(path, source, clock) as (memory, _):
        assert memory.get(question).contact is None


async def test_where_nothing_can_be_written_memory_goes_on_and_it_heals_by_itself(tmp_path, source):
    clock, folder, question = Clock(), tmp_path / "data", asked(source, NUMBER, NOBODY)
    folder.write_text("a file where the folder should be")
    async with process(folder / "answers.db", source, clock) as (memory, store):
        memory.put(question, None, clock())
        assert memory.get(question).contact is None
        assert store.problem is not None
        folder.unlink()
        await eventually_async(lambda: store.problem is None, within=10)
    async with process(folder / "answers.db", source, clock) as (memory, _):
        assert memory.get(question) is not None


async def test_no_token_stands_in_the_file(tmp_path, source):
    clock, path = Clock(), tmp_path / "answers.db"
    source.depends_on_caller = True
    holder = Principal(tenant=NOBODY.tenant, token="canary-token")
    async with process(path, source, clock) as (memory, _):
        memory.put(asked(source, NUMBER, holder), None, clock())
        assert memory.get(asked(source, NUMBER, NOBODY)) is None, "another caller's answer is not shared"
    assert b"canary-token" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


async def test_a_source_that_is_set_otherwise_is_asked_again(tmp_path, source):
    clock, path, question = Clock(), tmp_path / "answers.db", asked(source, NUMBER, NOBODY)
    async with process(path, source, clock) as (memory, _):
        memory.put(question, None, clock())
    other = source_of(Directory(), config={"another": "directory"})
    async with process(path, other, clock) as (memory, _):
        assert memory.get(question) is None
