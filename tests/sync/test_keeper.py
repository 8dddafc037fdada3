"""The index is looked at before anything is pulled, and an index that was made anew is filled."""

import asyncio
import os
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from lookupd.index import database
from lookupd.sync import callers
from lookupd.sync import keeper as keeping
from lookupd.sync.keeper import Keeper
from tests.fakes import ADA, BOB
from tests.sync.ground import until


class Told:
    """What a keeper does, in order."""

    def __init__(self):
        self.steps = []

    async def begin(self):
        self.steps.append("begin")

    def refill(self):
        self.steps.append("refill")


@pytest.fixture
def told():
    return Told()


@pytest.fixture(autouse=True)
def _it_looks_often(monkeypatch):
    monkeypatch.setattr(keeping, "WATCH_EVERY", timedelta(milliseconds=5))


@asynccontextmanager
async def kept(ground, told, **settings):
    keeper = Keeper(ground.paths.index, begin=told.begin, refill=told.refill, **settings)
    keeper.start()
    try:
        yield keeper
    finally:
        await keeper.stop()


async def test_a_sound_index_stays_and_nothing_is_pulled_again(ground, told):
    await ground.hold(ADA)
    async with kept(ground, told, scrub_every=timedelta(milliseconds=5)):
        await until(lambda: told.steps)
        for _ in range(3):
            await ground.sync(ground.sources[0])
    assert told.steps == ["begin"]
    assert ground.names() == [ADA["name"]]


async def test_a_damaged_index_is_set_aside_before_anything_is_pulled(ground, told):
    await ground.hold(ADA, BOB)
    ground.rows("DELETE FROM number WHERE contact_id = 1")
    async with kept(ground, told):
        await until(lambda: told.steps == ["begin", "refill"])
    assert ground.names() == []
    assert ground.paths.index.with_name("index.db.damaged").exists()


async def test_damage_that_came_later_is_found_too(ground, told):
    await ground.hold(ADA)
    async with kept(ground, told, scrub_every=timedelta(milliseconds=20)):
        await until(lambda: told.steps)
        ground.rows("UPDATE contact SET body = '{}'")
        await until(lambda: told.steps == ["begin", "refill"])
    assert ground.names() == []


async def test_an_index_that_somebody_else_made_anew_is_filled(ground, told):
    await ground.hold(ADA)
    async with kept(ground, told):
        await until(lambda: told.steps)
        file = ground.paths.index.stat().st_ino
        database.replace(ground.paths.index, file, "a test")
        await until(lambda: told.steps == ["begin", "refill"])


async def test_an_index_that_an_operator_deleted_is_made_anew_and_filled(ground, told):
    await ground.hold(ADA)
    async with kept(ground, told), ground.reading() as reader:
        await until(lambda: told.steps)
        ground.paths.index.unlink()
        await until(lambda: told.steps == ["begin", "refill"])
        assert reader.sources() == {}
    ground.check()


async def test_an_index_that_cannot_be_made_is_told_once_and_tried_again(ground, told, caplog):
    await ground.hold(ADA)
    in_the_way = ground.paths.index.with_name("index.db.new")
    async with kept(ground, told), ground.reading():
        await until(lambda: told.steps)
        in_the_way.mkdir()
        ground.paths.index.unlink()
        await until(lambda: "cannot be used now" in caplog.text)
        in_the_way.rmdir()
        await until(lambda: told.steps == ["begin", "refill"])
    assert caplog.text.count("cannot be used now") == 1


async def test_a_keeper_ends_in_the_middle_of_a_look(ground, told):
    await ground.hold(ADA)
    async with kept(ground, told):
        pass
    assert told.steps == []


async def test_a_file_cut_off_to_nothing_is_found(ground, told):
    await ground.hold(ADA)
    async with kept(ground, told, scrub_every=timedelta(milliseconds=20)):
        await until(lambda: told.steps)
        os.truncate(ground.paths.index, 0)
        await until(lambda: told.steps == ["begin", "refill"])
    ground.check()


async def test_a_keeper_that_fails_says_so_to_its_owner(ground):
    async def begin():
        raise ZeroDivisionError("a bug")

    keeper = Keeper(ground.paths.index, begin=begin, refill=lambda: None)
    await asyncio.wait([keeper.start()])
    with pytest.raises(ZeroDivisionError):
        await keeper.stop()


async def test_a_file_of_callers_that_cannot_be_made_keeps_nobody_from_pulling(ground, told, monkeypatch):
    asked = []

    def refused(*_):
        asked.append(1)
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(callers, "renew", refused)
    async with kept(ground, told, scrub_every=timedelta(milliseconds=5)):
        await until(lambda: len(asked) > 2)  # it goes on after each refusal
    assert told.steps == ["begin"]


async def test_a_file_of_callers_that_is_gone_is_made_again(ground, told):
    await ground.hold(ADA)
    [file] = ground.paths.index.parent.glob("callers-*")
    file.unlink()
    async with kept(ground, told):
        await until(lambda: [*ground.paths.index.parent.glob("callers-*[0-9a-f]")])
    ground.check()
