"""A damaged index is right again soon, whatever was done to it, and nobody is needed for that."""

import os

import pytest

from tests.faults.damage import DAMAGES, cut_wal, name_of
from tests.index.rounds import damage_round, damaged_under
from tests.process import RunningDaemon, write_config, write_csv
from tests.sync.ground import people

#: how many damaged files are tried; more of them with ROUNDS=1000
ROUNDS = int(os.environ.get("ROUNDS", "9"))


async def test_damaged_copies_are_right_again_soon_and_never_wrong(tmp_path):
    report = await damage_round(tmp_path, ROUNDS, seed=ROUNDS)
    assert report.bad == []
    assert (report.copies, report.recovered) == (ROUNDS, ROUNDS)
    assert report.set_aside > ROUNDS // 3
    assert report.slowest < 15


@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if damage is not cut_wal], ids=name_of)
def test_a_daemon_survives_what_is_done_to_its_index_while_it_runs(tmp_path, damage):
    rows = people(500)
    write_csv(tmp_path / "staff.csv", rows)
    config = write_config(tmp_path, {"name": "staff", "sync": {"every": "300ms"}})
    with RunningDaemon(config) as daemon:
        daemon.wait_for("synced source 'staff': 500 contacts")
        damaged_under(daemon, tmp_path / "data" / "index.db", rows, damage, seed=1)
        assert daemon.stop() == 0
        daemon.wait_for_end_of_log()
        assert "Traceback" not in daemon.log, daemon.log
