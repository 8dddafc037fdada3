"""The scenarios of `make chaos` in short, and what is made of their figures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chaos import run, table
from chaos.scenario import Scenario, Track, claim, exactly, none, noted, ratio, some, within
from chaos.scenarios import SCENARIOS
from tests.document import ROOT, read, sections

#: a short form; some hold at a time, as most of them wait most of the time
SCALE, AT_ONCE = 0.02, 3


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """The figures of every scenario, or why there are none; coverage would make its daemons slower."""
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_ONCE) as threads:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield {
            scenario.key: threads.submit(scenario.run, SCALE, tmp_path_factory.mktemp("chaos"))
            for scenario in SCENARIOS
        }


@pytest.mark.parametrize("key", [scenario.key for scenario in SCENARIOS])
def test_what_can_be_counted_holds_in_the_short_form_and_times_are_told(key, played):
    figures = played[key].result()
    broken = [figure.text for figure in figures if not figure.holds and not figure.is_timing]
    assert broken == [], "; ".join(figure.text for figure in figures)
    assert all(re.search(r"\d", figure.text) for figure in figures if figure.is_timing)


def scenario(*figures, fails=None, id="R0", track=Track.ALONE, seconds=0):  # noqa: A002 - as the field is called
    def played(_scale, _folder):
        time.sleep(seconds)
        if fails:
            raise fails
        return figures

    return Scenario(
        id=id, name="example", promised="all | is well", how="by looking", run=played, track=track
    )


def test_a_scenario_holds_if_all_of_its_figures_do():
    row = run.play(scenario(none(0, "errors"), within("p99", 0.0123, 0.02)), 1)
    assert (row.key, row.holds, row.measured) == ("R0 example", True, "0 errors; p99 12.3 ms")
    assert not run.play(scenario(none(0, "errors"), within("p99", 0.021, 0.02)), 1).holds


def test_a_scenario_that_breaks_does_not_hold_and_says_why(capsys):
    row = run.play(scenario(fails=ValueError("no such\nthing")), 1)
    assert (row.holds, row.measured) == (False, "broke off: ValueError: no such")
    assert "Traceback" in capsys.readouterr().err


def test_a_scenario_that_does_not_end_is_broken_off(monkeypatch, capsys):
    monkeypatch.setattr(run, "PATIENCE", 1)

    def hang(_scale, _folder):
        while True:
            pass

    hanging = Scenario(id="R0", name="hangs", promised="", how="", run=hang)
    assert run.play(hanging, 1).measured == "broke off: TimeoutError: no end after 1 s"
    assert "TimeoutError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (none(0, "errors"), none(1, "errors")),
        (exactly(1, 1, "question"), exactly(2, 1, "question")),
        (some(1, "requests"), some(0, "requests")),
        (within("p99", 0.02, 0.02), within("p99", 0.0201, 0.02)),
        (within("p99", 0.02, 0.02), within("p99", float("nan"), 0.02)),
        (ratio("p99", 1.9, most=2), ratio("p99", 2.1, most=2)),
        (ratio("goodput", 0.8, least=0.8), ratio("goodput", 0.79, least=0.8)),
        (claim("it is told", holds=True), claim("it is told", holds=False)),
    ],
)
def test_a_figure_holds_up_to_its_limit(good, bad):
    assert (good.holds, bad.holds) == (True, False)


def test_a_note_always_holds():
    assert noted("client lag 1 s").holds


@pytest.fixture
def page(tmp_path):
    file = tmp_path / "promises.md"
    file.write_text(f"before\n\n{table.BEGIN}\nof yesterday\n{table.END}\n\nafter\n", encoding="utf-8")
    return file


@pytest.fixture
def play_all(tmp_path, page, monkeypatch):
    """Plays scenarios from the command line; the exit code."""

    def play(*scenarios, arguments=()):
        monkeypatch.setattr(run, "SCENARIOS", scenarios)
        return run.main(["--json", str(tmp_path / "build" / "chaos.json"), "--page", str(page), *arguments])

    return play


GOOD, BAD = scenario(none(0, "errors")), scenario(none(2, "errors"), id="R1")


def test_a_whole_run_writes_its_table_and_its_json(play_all, tmp_path, page, capsys):
    assert play_all(GOOD) == 0
    told = json.loads((tmp_path / "build" / "chaos.json").read_text(encoding="utf-8"))
    assert told == {"R0 example": {"promised": "all | is well", "measured": "0 errors", "holds": True}}
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n\n{table.BEGIN}\n\nMeasured on: ")
    assert "| R0 example | all \\| is well | 0 errors | by looking | yes |" in text
    assert text.endswith(f"{table.END}\n\nafter\n")
    assert "of yesterday" not in text
    assert re.search(r"R0 example +all \| is well +0 errors +by looking +yes", capsys.readouterr().out)


def test_a_run_writes_the_page_again_and_again(play_all, page):
    play_all(GOOD)
    before = page.read_text(encoding="utf-8")
    play_all(GOOD)
    assert page.read_text(encoding="utf-8") == before


def test_a_promise_that_does_not_hold_is_an_exit_code_and_is_shown(play_all, tmp_path, page):
    assert play_all(GOOD, BAD) == 1
    assert "| 2 errors | by looking | NO |" in page.read_text(encoding="utf-8")
    told = json.loads((tmp_path / "build" / "chaos.json").read_text(encoding="utf-8"))
    assert [row["holds"] for row in told.values()] == [True, False]


@pytest.mark.parametrize("arguments", [("--only", "R1"), ("--scale", "0.5")])
def test_a_part_of_a_run_leaves_the_page_alone(play_all, page, arguments):
    assert play_all(GOOD, BAD, arguments=arguments) == 1
    assert "of yesterday" in page.read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_only_counts_is_played_side_by_side_and_all_else_after_it(play_all, page, capfd):
    busy = scenario(none(0, "errors"), id="R3", track=Track.BUSY, seconds=0.6)
    calm = scenario(none(0, "lost"), id="R2", track=Track.CALM, seconds=0.3)
    assert play_all(scenario(none(0, "late"), id="R1"), calm, busy) == 0
    told = re.findall(r"(?m)^(R\d) example: holds", capfd.readouterr().out)
    assert told == ["R2", "R3", "R1"]
    rows = re.findall(r"\| (R\d) example .+ 0 (\w+) \|", page.read_text(encoding="utf-8"))
    assert rows == [("R1", "late"), ("R2", "lost"), ("R3", "errors")]


def test_a_run_that_takes_too_long_ends_and_what_was_not_played_does_not_hold(play_all, page, monkeypatch):
    monkeypatch.setattr(run, "WHOLE", 1)
    began = time.monotonic()
    assert play_all(scenario(id="R1", seconds=20), scenario(none(0, "errors"), id="R2")) == 1
    assert time.monotonic() - began < 10
    text = page.read_text(encoding="utf-8")
    assert "broke off: TimeoutError: no end after 1 s" in text
    assert "broke off: TimeoutError: not played, as all together took 1 s" in text


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_track_that_cannot_be_broken_off_is_ended_with_all_that_it_has_started(play_all, page, monkeypatch):
    monkeypatch.setattr(run, "WHOLE", 1)
    monkeypatch.setattr(run, "SPARE", 0.2)
    ours, theirs = os.pipe()
    with os.fdopen(ours) as told:

        def wait():
            subprocess.run(["sleep", "100"], pass_fds=[theirs], check=True)

        def stubborn(_scale, _folder):
            with ThreadPoolExecutor(1) as threads:  # which waits for its thread, whatever comes
                threads.submit(wait).result()

        assert (
            play_all(Scenario(id="R1", name="example", promised="", how="", run=stubborn, track=Track.BUSY))
            == 1
        )
        os.close(theirs)
        assert told.read() == ""  # nobody has it open any more
    assert "| broke off: no end after 1 s |" in page.read_text(encoding="utf-8")


def test_only_scenarios_without_times_are_played_beside_others(played):
    beside = [scenario.key for scenario in SCENARIOS if scenario.track is not Track.ALONE]
    figures = [figure for key in beside for figure in played[key].result() if figure.is_timing]
    assert len(beside) == 6
    assert [figure.text for figure in figures if re.search(r"\d m?s\b", figure.text)] == []


def test_a_promise_that_nobody_knows_is_refused(play_all, capsys):
    with pytest.raises(SystemExit):
        play_all(GOOD, arguments=("--only", "R99"))
    assert "there is no R99" in capsys.readouterr().err


def test_the_machine_is_told_without_names_and_places():
    assert re.fullmatch(r"\d+ CPUs, Linux, CPython [\d.]+, SQLite [\d.]+", table.machine())


def test_every_scenario_has_its_paragraph_and_every_paragraph_is_a_scenario():
    paragraphs = sections(read("docs/promises.md"), 3)
    assert [*paragraphs] == sorted((scenario.key for scenario in SCENARIOS), key=[*paragraphs].index)


def test_every_scenario_is_a_module_of_its_own():
    modules = {file.stem for file in Path(ROOT, "chaos", "scenarios").glob("[a-z]*.py")}
    assert len({scenario.key for scenario in SCENARIOS}) == len(SCENARIOS) == len(modules)


def test_the_page_has_the_table_of_all_of_them():
    text = read("docs/promises.md")
    if "<!-- table -->\nNot measured yet.\n" in text:
        return
    for scenario_ in SCENARIOS:
        assert f"| {scenario_.key} | " in text
    assert str(Path.home()) not in text
