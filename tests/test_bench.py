"""The measurements run, small and short, and measure what they say; their figures are not judged."""

from __future__ import annotations

import json
import random
import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import phonenumbers
import pytest

from bench import data, load, raw, report, run, servers
from bench.place import Place
from bench.row import Row, absolute, label, ratio
from lookupd.number import NumberRules, parse, parse_cell

ROOT = Path(__file__).parent.parent
SIZE = 2000
FRENCH = NumberRules(region="FR")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def place(build):
    return Place.at(build, SIZE).ready()


def some_numbers(count=300):
    dice = random.Random(1)
    return [*data.uniform(SIZE, count, dice), *data.nobody(SIZE, count, dice), *data.zipf(SIZE, count, dice)]


def row(name, value):
    return Row(name=name, value=value, low=value - 0.1, high=value + 0.1, floor="a floor")


@pytest.mark.usefixtures("place")
def test_a_run_prints_and_writes_every_figure_it_was_asked_for(build, capsys):
    file = build / "bench.json"
    short = ("--size", str(SIZE), "--seconds", "0.3", "--rounds", "1", "--build", str(build))
    run.main(["--only", "reverse", "start", "numbers", *short, "--json", str(file)])
    written, printed = json.loads(file.read_text()), capsys.readouterr().out
    promised = {"reverse_hit_2k", "reverse_miss_2k", "reverse_flat_500_2k", "memory_serving_mib_2k"}
    assert promised | {"start_s_2k", "numbers_per_second"} <= written.keys()
    for name, told in written.items():
        assert 0 < told["low"] <= told["value"] <= told["high"], name
        assert told["floor"], name
        assert name in printed


def test_requests_that_fail_are_no_measurement(build, place):
    questions = load.Questions(build, 0.3).single(SIZE)
    how = load.Load(connections=2, seconds=0.3, token="wrong", cpu=None)
    with servers.daemon(place, cpu=None) as server, pytest.raises(load.LoadFailed):
        load.run(server.url, questions, how)


def test_a_question_in_the_file_finds_its_contact_and_a_miss_nobody(place):
    dice = random.Random(2)
    with servers.daemon(place, cpu=None) as server:
        for number in data.uniform(SIZE, 20, dice):
            assert server.reverse(data.asked(number, dice))["display"] is not None
        for number in data.nobody(SIZE, 20, dice):
            assert server.reverse(data.asked(number, dice))["display"] is None


def test_the_floor_of_a_load_holds_the_rows_of_the_index(build, place):
    target = build / "raw.db"
    assert raw.build(place.index, target) > 0
    for table in ("contact", "number"):
        counts = []
        for file in (place.index, target):
            with closing(sqlite3.connect(file)) as connection:
                counts.append(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
        assert counts[0] == counts[1] > SIZE - 1
    with closing(sqlite3.connect(target)) as connection:
        [found] = connection.execute("SELECT count(*) FROM search WHERE search MATCH 'smith'").fetchone()
    assert found > 0


def test_the_floor_of_a_question_reads_what_is_there(place):
    with closing(raw.Points(place.index)) as points:
        assert points.per_second(SIZE, 100) > 0
        with pytest.raises(RuntimeError):
            points.per_second(20 * SIZE, 100)


def test_every_number_is_valid():
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(number.e164)) for number in some_numbers())


def test_every_form_of_a_question_means_its_number():
    dice = random.Random(3)
    for number in some_numbers():
        asked = parse(unquote(data.asked(number, dice)), FRENCH)
        assert asked is not None
        assert asked.key == number.e164


def test_the_rows_hold_the_numbers_that_are_asked_for_and_nobodys_are_others():
    listed = [
        found.key for row in data.people(SIZE) for cell in row[6:8] for found in parse_cell(cell, FRENCH)
    ]
    numbers = data.Numbers(SIZE)
    assert {numbers.at(place).e164 for place in range(numbers.count)} == set(listed)
    assert len(listed) == 1.6 * SIZE
    assert len(set(listed)) < len(listed)
    assert not {number.e164 for number in data.nobody(SIZE, 2000, random.Random(4))} & set(listed)


def test_the_rows_are_the_same_each_time_but_for_one_in_a_hundred_of_another_revision():
    first, again, revised = [*data.people(SIZE)], [*data.people(SIZE)], [*data.people(SIZE, revision=1)]
    assert first == again
    assert sum(one != other for one, other in zip(first, revised, strict=True)) == SIZE // 100


def test_a_figure_is_the_median_of_the_ratios_of_its_rounds():
    figure = ratio("name", [10.0, 30.0, 10.0], [10.0, 10.0, 20.0], "a floor", "/s")
    assert (figure.low, figure.value, figure.high) == (0.5, 1.0, 3.0)
    assert absolute("name", [1.0, 3.0, 2.0], "s").value == 2.0


@pytest.mark.parametrize(("size", "name"), [(10_000_000, "10m"), (10_000, "10k"), (1500, "1500")])
def test_names_say_the_number_of_contacts(size, name):
    assert label(size) == name


def test_only_the_measured_part_of_the_page_is_written_anew(tmp_path):
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    (tmp_path / "performance.md").write_text(page, encoding="utf-8")
    rows = [row("reverse_hit_10k", 1.1), row("reverse_hit_1m", 1.0)]
    report.publish(tmp_path, rows, (10_000, 1_000_000), "As measured.")
    written = (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert written.split(report.BEGIN)[0] == page.split(report.BEGIN)[0]
    assert written.split(report.END)[1] == page.split(report.END)[1]
    assert "](performance.svg)" in written
    assert "| `reverse_hit_1m` | **1.00** | 0.90-1.10 |" in written
    assert len(ET.parse(tmp_path / "performance.svg").findall(".//{*}circle")) == 2
