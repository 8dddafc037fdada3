"""What a run will change, and whether somebody should look first."""

import pytest

from lookupd.sync.plan import SMALL, Plan


def plan(before, *, added=0, changed=0, removed=0, replaced=0):
    return Plan(
        before=before,
        added=added,
        changed=changed,
        removed=removed,
        unchanged=before - changed - removed,
        replaced=replaced,
    )


def test_added_contacts_come_to_what_there_is_and_removed_ones_go():
    assert plan(10, added=3, changed=2, removed=4).after == 9


@pytest.mark.parametrize(
    ("change", "is_change"),
    [({}, False), ({"added": 1}, True), ({"changed": 1}, True), ({"removed": 1}, True)],
)
def test_a_plan_is_a_change_when_something_is_written(change, is_change):
    assert plan(10, **change).is_change is is_change


@pytest.mark.parametrize(
    ("before", "removed", "replaced", "max_loss", "is_too_much"),
    [
        (100, 20, 0, 0.2, False),
        (100, 21, 0, 0.2, True),
        (100, 100, 80, 0.2, False),
        (100, 100, 79, 0.2, True),
        (SMALL, SMALL, 0, 0.2, False),
        (SMALL + 1, SMALL + 1, 0, 0.2, True),
        (100, 1, 0, 0, True),
        (100, 0, 0, 0, False),
        (100, 100, 0, 1, False),
        (0, 0, 0, 0.2, False),
    ],
)
def test_more_than_the_allowed_share_of_a_source_that_is_not_small_is_too_much(
    before, removed, replaced, max_loss, is_too_much
):
    assert plan(before, removed=removed, replaced=replaced).loses_too_much(max_loss) is is_too_much
