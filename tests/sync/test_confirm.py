"""Back-ends that can only search: what a search leaves out is asked for by its id before it goes."""

import pytest

from tests.fakes import ADA, BOB, Directory
from tests.sync.ground import SearchBackend, people, source_with


def counts(plan):
    return plan.added, plan.changed, plan.removed, plan.unchanged


@pytest.fixture
def directory():
    return Directory(rows=[ADA, BOB])


@pytest.fixture
def backend(directory):
    return SearchBackend(directory)


def asked(directory, wanted):
    return [argument for method, argument in directory.asked if method == wanted]


async def test_an_empty_search_pulls_everything(ground, backend, directory):
    assert counts(await ground.sync(source_with(backend))) == (2, 0, 0, 0)
    assert asked(directory, "search") == [""]
    ground.check()


async def test_several_terms_pull_together_what_one_would_not(ground, backend, directory):
    source = source_with(backend, sync={"search_terms": ["ada", "b"]})
    assert counts(await ground.sync(source)) == (2, 0, 0, 0)
    assert asked(directory, "search") == ["ada", "b"]
    ground.check()


async def test_a_contact_that_a_search_leaves_out_stays_if_its_id_is_known(ground, backend, directory):
    source = source_with(backend)
    await ground.sync(source)
    backend.hidden = {"2"}
    assert counts(await ground.sync(source)) == (0, 0, 0, 2)
    assert asked(directory, "list") == [["2"]]
    ground.check()


async def test_a_contact_that_is_confirmed_to_be_gone_goes(ground, backend, directory):
    source = source_with(backend)
    await ground.sync(source)
    directory.rows = [ADA]
    assert counts(await ground.sync(source)) == (0, 0, 1, 1)
    assert asked(directory, "list") == [["2"]]
    ground.check()


async def test_many_are_confirmed_a_hundred_at_a_time(ground, backend, directory):
    directory.rows = people(250)
    source = source_with(backend, sync={"max_loss": 1})
    await ground.sync(source)
    directory.rows = people(10)
    backend.hidden = {row["id"] for row in people(10)}
    assert counts(await ground.sync(source)) == (0, 0, 240, 10)
    assert [len(uids) for uids in asked(directory, "list")] == [100, 100, 50]
    ground.check()


async def test_ids_that_were_made_here_are_not_asked_for(ground, backend, directory):
    directory.rows = [ADA, {**ADA, "name": "Ada Twin"}, {**BOB, "id": None}, BOB]
    source = source_with(backend)
    await ground.sync(source)
    directory.rows = [ADA]
    assert counts(await ground.sync(source)) == (0, 0, 3, 1)
    assert asked(directory, "list") == [["2"]]
    ground.check()


async def test_what_nobody_can_confirm_is_gone(ground, directory):
    class NoList(SearchBackend):
        list = None

    source = source_with(NoList(directory))
    await ground.sync(source)
    directory.rows = [ADA]
    assert counts(await ground.sync(source)) == (0, 0, 1, 1)
    assert asked(directory, "list") == []


async def test_a_back_end_that_lists_all_is_believed(ground, directory):
    class ListsAll(SearchBackend):
        def list_all(self):
            yield from self._directory.rows

    source = source_with(ListsAll(directory))
    await ground.sync(source)
    directory.rows = [ADA]
    await ground.sync(source)
    assert directory.asked == []
    assert ground.names() == [ADA["name"]]
