"""A daemon that is started on a full disk answers."""

import subprocess
from contextlib import contextmanager

from lookupd import ballast
from tests.fakes import ADA, BOB
from tests.process import RunningDaemon, wait_until, write_config, write_csv

#: of the disk, in MiB: enough for what is kept back and for an index
ROOM = 24


@contextmanager
def disk(folder):
    """A small disk of its own."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(file):
    """Leave no byte."""
    with file.open("ab", buffering=0) as output:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while output.write(bytes(size)):
                    pass
            except OSError:
                pass


def test_a_daemon_that_starts_on_a_full_disk_answers_and_keeps_room_back_again_when_there_is_some(tmp_path):
    with disk(tmp_path / "disk") as folder:
        write_csv(folder / "staff.csv", [ADA, BOB])
        config = write_config(folder, {"name": "staff"})
        kept, filler = folder / "data" / ballast.NAME, folder / "filler"
        with RunningDaemon(config) as daemon:
            wait_until(lambda: daemon.caller(ADA["number"]) == ADA["name"])
            wait_until(kept.exists)
            daemon.stop()
        fill(filler)
        with RunningDaemon(config) as daemon:
            assert "the disk of" in daemon.log
            assert daemon.caller(ADA["number"]) == ADA["name"]
            assert not kept.exists()
            filler.unlink()
            wait_until(kept.exists)
            daemon.stop()


def test_what_is_kept_back_stays_while_there_is_room(tmp_path):
    ballast.keep(tmp_path)
    assert (tmp_path / ballast.NAME).stat().st_blocks * 512 >= ballast.SIZE
    ballast.give(tmp_path)
    assert (tmp_path / ballast.NAME).exists()


def test_where_little_room_is_left_nothing_is_kept_back(tmp_path, monkeypatch):
    monkeypatch.setattr(ballast, "PLENTY", 1 << 62)
    ballast.keep(tmp_path)
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path):
    ballast.give(tmp_path / "missing")
    ballast.keep(tmp_path / "missing")
    assert not [*tmp_path.iterdir()]
