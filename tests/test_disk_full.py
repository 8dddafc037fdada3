"""A full disk costs no look-up: what would be written says so, and is written when there is room again."""

from tests.scenarios.disk_full import disk_full


def test_a_daemon_on_a_full_disk_goes_on_and_heals_by_itself(tmp_path):
    seen = disk_full(tmp_path, seconds=1)
    assert (seen.errors, seen.recovered, seen.is_degraded, seen.staged) == (0, True, True, ())
    assert seen.asked > 20
    assert seen.refused > 0
    assert "failed, the old contacts stay: source 'staff': the disk of" in seen.told
    assert "is full; make room there, and it is pulled again" in seen.told
    assert seen.token_code == 4
    assert seen.token_said.endswith(
        "state.db: the disk is full, nothing was written; make room there, and do it again\n"
    )
