"""The sync process: it syncs, ends when it is told to or left alone, and may be killed at any moment."""

import signal
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from lookupd import configfile
from lookupd.sync.process import forget_abandoned
from tests.fakes import ADA, BOB
from tests.process import RunningProcess, sync_process, wait_until, write_config, write_csv
from tests.sync.ground import people

NOW = datetime(2026, 1, 10, tzinfo=UTC)


#: all runs are told, also those that change nothing
ALL = {"log": {"level": "debug"}}


@pytest.fixture
def config(tmp_path):
    write_csv(tmp_path / "staff.csv", [ADA, BOB])
    return write_config(tmp_path, {"name": "staff", "sync": {"every": "50ms"}}, **ALL)


def test_it_syncs_at_once_and_then_on_its_schedule(config):
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source 'staff': 2 contacts, 2 added, 0 changed, 0 removed")
        write_csv(config.with_name("staff.csv"), [ADA])
        process.wait_for("synced source 'staff': 1 contacts, 0 added, 0 changed, 1 removed")


def test_it_ends_when_it_is_told_to(config):
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source")
        assert process.stop() == 0
        process.wait_for_end_of_log()
        assert "Traceback" not in process.log


def test_it_ends_when_nobody_holds_its_input_any_more(config):
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source")
        process.close_stdin()
        assert process.wait() == 0


def by_signal(process):
    process.signal(signal.SIGHUP)


def by_line(process):
    process._process.stdin.write("reload\n")
    process._process.stdin.flush()


@pytest.mark.parametrize("ask", [by_signal, by_line])
def test_it_reads_its_configuration_again_when_it_is_told_to(config, ask):
    write_csv(config.with_name("partners.csv"), [BOB])
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source 'staff'")
        write_config(config.parent, {"name": "staff", "sync": {"every": "50ms"}}, {"name": "partners"}, **ALL)
        ask(process)
        process.wait_for("synced source 'partners': 1 contacts")
        seen = process.log.count("synced source 'staff'")
        process.wait_for("synced source 'staff'", times=seen + 1)
        assert process.stop() == 0
        process.wait_for_end_of_log()
        assert "Traceback" not in process.log


def test_a_wrong_configuration_is_not_used(config):
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source 'staff'")
        config.write_text("sources: 7")
        by_signal(process)
        seen = process.log.count("synced source 'staff'")
        process.wait_for("synced source 'staff'", times=seen + 2)
        assert process.stop() == 0


def test_it_ends_at_once_in_the_middle_of_a_write(config):
    data = config.with_name("data")
    write_csv(config.with_name("staff.csv"), people(5000))
    with RunningProcess(*sync_process(config)) as process:
        wait_until(lambda: [*data.glob("staging/*.db")], "a stage")
        assert process.stop() == 0
        process.wait_for_end_of_log()
        assert "Traceback" not in process.log, process.log
    assert not [*data.glob("staging/*.db")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sources: 7\n", "config.yml: sources: "),
        ("data: config.yml\n", "config.yml/index.db: cannot be used now"),
    ],
)
def test_it_says_why_it_cannot_start(tmp_path, text, told):
    config = tmp_path / "config.yml"
    config.write_text(text)
    with RunningProcess(*sync_process(config)) as process:
        assert process.wait() == 1
        process.wait_for_end_of_log()
        assert told in process.log
        assert "Traceback" not in process.log


def towns(config, town):
    rows = [{**row, "name": f"{row['name']} {town}"} for row in people(2000)]
    write_csv(config.with_name("staff.csv"), rows)


def test_killed_at_any_moment_it_leaves_the_old_part_or_the_new_one(ground, config):
    towns(config, "Oslo")
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source")
    [lock] = ground.paths.staging.glob("*.lock")
    log, stage = ground.paths.index.with_name("index.db-wal"), lock.with_suffix(".db")
    moments = [(stage, size) for size in (0, 150_000)]
    moments += [(log, size) for size in (1, 200_000, 500_000, 700_000)]
    for number, (file, size) in enumerate(moments):
        old, new = seen_towns(ground), f"Town{number}"
        towns(config, new)
        with RunningProcess(*sync_process(config)) as process:
            wait_until(lambda: size_of(file) >= size or "synced source" in process.log)  # noqa: B023 - used at once
            process.kill()
        assert seen_towns(ground) in (old, {new: 2000})
    with RunningProcess(*sync_process(config)) as process:
        process.wait_for("synced source")
    assert seen_towns(ground) == {new: 2000}


def size_of(file):
    """The size of a file, -1 while it is not there."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return -1


def seen_towns(ground):
    """How many contacts are in which town, after a check of the whole index."""
    ground.check()
    return Counter(name.split()[-1] for name in ground.names())


async def abandoned(ground, config, *, synced_at):
    """The names of the sources that are left after what is abandoned was forgotten."""
    ground.rows("UPDATE source SET synced_at = ?", synced_at.timestamp() if synced_at else None)
    forget_abandoned(config, ground.paths.index, NOW)
    ground.check()
    return [name for (name,) in ground.rows("SELECT name FROM source ORDER BY name")]


def configured(tmp_path, *sources):
    return configfile.read(write_config(tmp_path, *sources))


async def test_contacts_of_a_source_that_is_configured_no_more_are_removed_after_a_while(ground, tmp_path):
    config = configured(tmp_path, {"name": "staff"})
    await ground.hold(ADA, name="staff")
    await ground.hold(ADA, BOB, name="former")
    left = await abandoned(ground, config, synced_at=NOW - timedelta(days=8))
    assert left == ["staff"]
    assert ground.names() == [ADA["name"]]
    assert await ground.holders(BOB["number"]) == await ground.search("bob") == []
    assert ground.rows("SELECT count(*) FROM run") == [(1,)]


async def test_contacts_of_a_source_that_is_configured_no_more_are_kept_for_a_week(ground, tmp_path):
    config = configured(tmp_path, {"name": "staff"})
    await ground.hold(BOB, name="former")
    assert await abandoned(ground, config, synced_at=NOW - timedelta(days=6)) == ["former"]
    assert await ground.search("bob") == ["2"]


async def test_a_clock_that_was_years_ahead_does_not_keep_contacts_for_years(ground, tmp_path):
    config = configured(tmp_path, {"name": "staff"})
    await ground.hold(BOB, name="former")
    assert await abandoned(ground, config, synced_at=NOW + timedelta(days=6)) == ["former"]
    assert await abandoned(ground, config, synced_at=NOW + timedelta(days=800)) == []


async def test_a_source_that_never_synced_is_forgotten_at_once(ground, tmp_path):
    config = configured(tmp_path, {"name": "staff"})
    await ground.hold(name="former")
    assert await abandoned(ground, config, synced_at=None) == []


async def test_contacts_of_a_source_that_is_only_asked_live_now_are_removed_too(ground, tmp_path):
    config = configured(tmp_path, {"name": "staff", "sync": False})
    await ground.hold(ADA, name="staff")
    assert await abandoned(ground, config, synced_at=NOW - timedelta(days=8)) == []


async def test_a_source_that_is_configured_is_kept_however_long_it_fails(ground, tmp_path):
    config = configured(tmp_path, {"name": "staff"})
    await ground.hold(ADA, name="staff")
    assert await abandoned(ground, config, synced_at=NOW - timedelta(days=800)) == ["staff"]
