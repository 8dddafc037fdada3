"""Who is calling, while a directory is asked by many, has nobody, or is down; with answers kept on disk."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from lookupd.answers.store import Pauses, Store
from lookupd.answers.table import kept
from lookupd.errors import SourceError
from lookupd.freshness import Freshness
from lookupd.health import FAILURES, Breaker
from lookupd.live import Live
from lookupd.memory import Memory
from tests.fakes import ADA, NOBODY, Clock, Directory, Office, config_of, until

ADAS, NOBODYS = "0199001234", "0199009999"
ROW = {**ADA, "number": ADAS}
QUICK = Pauses(gather=0.001, poll=0.01, retry=0.01)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def start(tmp_path, clock):
    """Starts the services on a directory that is asked live only; the answers of the last start are there."""

    async def start_(stack, directory, **live):
        source = {"name": "crm", "sync": False, "live": {"timeout": "60s", **live}}
        profile = {"default": {"reverse": {"sources": ["crm"], "timeout": "60s"}}}
        office = Office(tmp_path, config_of(source, profiles=profile), crm=directory)
        store = Store(tmp_path / "answers.db", kept(office.sources), clock, QUICK)
        stack.push_async_callback(store.close)
        memory = Memory(keep=store.keep)
        await store.start(memory.learn)
        office.clock, office.live = clock, Live(memory, clock)
        return await stack.enter_async_context(office)

    return start_


async def who(office, exten=ADAS):
    return await office.reverse.who(NOBODY, "default", exten)


async def let_it_open(office, directory):
    """Ask in vain until the source is left alone; then time stands still for it."""
    [source] = office.sources
    while source.condition.breaker is Breaker.CLOSED:
        await who(office, NOBODYS)
    source.gate.clock = lambda: 0.0
    return len(directory.asked)


async def test_500_who_ask_for_an_unknown_number_at_once_are_one_question(start):
    directory = Directory(rows=[ROW], gate=asyncio.Event())
    async with AsyncExitStack() as stack:
        office = await start(stack, directory)
        asking = asyncio.gather(*(who(office, NOBODYS) for _ in range(500)))
        await until(lambda: directory.asked)
        directory.gate.set()
        answers = await asking
    assert len(directory.asked) == 1
    assert {(answer.known, answer.failed) for answer in answers} == {(None, ())}


async def test_an_unknown_number_is_asked_once_in_its_time_whatever_is_restarted(start, clock):
    directory = Directory(rows=[ROW])
    for minutes, questions in [(0, 1), (30, 1), (29, 1), (2, 2), (1, 2)]:
        clock.move(minutes=minutes)
        async with AsyncExitStack() as stack:
            office = await start(stack, directory)
            for _ in range(3):
                assert (await who(office, NOBODYS)).known is None
        assert len(directory.asked) == questions


async def test_a_failure_is_never_an_absence_whatever_is_restarted(start):
    directory = Directory(rows=[ROW], error=SourceError("down"))
    async with AsyncExitStack() as stack:
        answer = await who(await start(stack, directory))
        assert (answer.known, [failure.source for failure in answer.failed]) == (None, ["crm"])
    directory.error = None
    async with AsyncExitStack() as stack:
        assert (await who(await start(stack, directory))).known.contact.display == ADA["name"]


@pytest.mark.parametrize("is_hung", [True, False])
async def test_a_source_that_is_down_costs_nothing_and_its_old_names_are_served(start, clock, is_hung):
    directory = Directory(rows=[ROW])
    async with AsyncExitStack() as stack:
        office = await start(stack, directory, timeout="50ms" if is_hung else "60s")
        await who(office)
        clock.move(days=2)
        directory.error = ConnectionError("refused")
        directory.gate = asyncio.Event() if is_hung else None
        questions = await let_it_open(office, directory)
        for _ in range(20):
            clock.move(seconds=31)
            answer = await who(office)
            assert (answer.known.contact.display, answer.known.freshness) == (ADA["name"], Freshness.STALE)
            assert [failure.source for failure in (await who(office, NOBODYS)).failed] == ["crm"]
        assert len(directory.asked) == questions == 1 + FAILURES
