"""What the daemon accepted is handed down to its processes, whatever stands in the file meanwhile."""

import os
import threading
from contextlib import closing

import pytest

from lookupd import accepted, configfile
from lookupd.accepted import Accepted
from lookupd.config import Config
from lookupd.errors import ConfigError
from tests.fakes import config_of
from tests.process import write_config

SECRET = "d0-not-tell"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "secret").write_text(SECRET, encoding="utf-8")
    own = {"password": {"file": "secret"}, "since": "2026-01-10"}
    return write_config(tmp_path, {"name": "staff", "config": own}, {"name": "partners", "live": {}})


def handed_down(config, data=None):
    read = configfile.read(config)
    with closing(Accepted(read.kept_in(data or read.data))) as memory:
        return accepted.read(memory.descriptor)


def test_it_is_the_same_whatever_the_files_say_meanwhile(config, tmp_path):
    read = configfile.read(config)
    with closing(Accepted(read)) as memory:
        config.write_text("nonsense", encoding="utf-8")
        (tmp_path / "secret").unlink()
        again = accepted.read(memory.descriptor)
    assert again == read
    assert again.sources[0].config["password"] == SECRET
    assert [one.model_fields_set for one in again.sources] == [one.model_fields_set for one in read.sources]
    assert (again.folder, again.data) == (tmp_path, tmp_path / "data")


def test_a_mistake_is_told_with_its_file(config):
    assert (
        handed_down(config).mistake(("sources", 0, "backend"), "no")
        == "config.yml: sources.staff.backend: no"
    )


def test_the_folder_for_data_is_the_one_that_the_daemon_has(config, tmp_path):
    assert handed_down(config, tmp_path / "former").data == tmp_path / "former"


def test_dates_and_numbers_stay_what_they_are(tmp_path):
    file = tmp_path / "config.yml"
    file.write_text(
        "sources: [{name: a, backend: csv, config: {since: 2026-01-10, shares: [0.1, 7, null]}}]\n", "utf-8"
    )
    assert handed_down(file) == configfile.read(file)


def test_the_next_one_takes_its_place_also_where_it_is_shorter(config):
    with closing(Accepted(configfile.read(config))) as memory:
        config.write_text("region: DE\n", encoding="utf-8")
        memory.put(configfile.read(config))
        assert accepted.read(memory.descriptor).region == "DE"


def test_who_reads_while_it_is_written_reads_again(config):
    with closing(Accepted(configfile.read(config))) as memory:
        size = os.fstat(memory.descriptor).st_size
        os.pwrite(memory.descriptor, b"half", size - 4)
        later = threading.Timer(0.1, memory.put, [configfile.read(config)])
        later.start()
        assert accepted.read(memory.descriptor) == configfile.read(config)
        later.join()


def test_what_is_never_written_whole_is_an_error(config, monkeypatch):
    monkeypatch.setattr(accepted, "_PAUSE", 0)
    with closing(Accepted(configfile.read(config))) as memory:
        os.ftruncate(memory.descriptor, 40)
        with pytest.raises(ConfigError, match="cannot be read"):
            accepted.read(memory.descriptor)


def test_only_what_was_read_from_a_file_can_be_handed_down():
    with pytest.raises(TypeError, match="was not read from a file"):
        configfile.pack(config_of({"name": "staff"}))


def test_what_this_version_does_not_take_is_a_mistake(config, monkeypatch):
    content = configfile.pack(configfile.read(config))

    class Other(Config):
        data: int

    monkeypatch.setattr(configfile, "Config", Other)
    with pytest.raises(ConfigError, match=r"config\.yml: data"):
        configfile.unpack(content)
