"""`lookupd check`: is the configuration right, and do the directories answer?"""

from tests.fakes import ADA


def test_a_right_configuration_is_told_in_one_line(site):
    result = site.run("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{site.file}: 2 sources and 1 profiles, no mistakes\n"


def test_a_right_configuration_is_counted_for_programs(site):
    assert site.json("check") == {"sources": 2, "profiles": 1, "mistakes": [], "doubts": []}


def test_what_leaves_callers_without_a_name_is_told_though_it_is_no_mistake(site):
    site.configure({"name": "staff"}, profiles={})
    result = site.run("check")
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "config.yml: without sources and profiles nobody has a name (no mistake)",
        "config.yml: sources.staff: is in no profile, so nobody asks it (no mistake)",
    ]


def test_without_online_no_directory_is_touched(site):
    (site.folder / "staff.csv").unlink()
    assert site.run("check").exit_code == 0
    assert not site.state.parent.exists()


def test_a_back_end_that_is_not_installed_is_told_with_those_that_are(site):
    site.configure({"name": "staff"}, {"name": "crm", "backend": "cvs"})
    result = site.run("check")
    assert (result.exit_code, result.stdout) == (3, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("config.yml: sources.crm.backend: no backend is installed under the name 'cvs'")
    assert "installed: csv" in line
    assert site.run("check", "--json").exit_code == 3


def test_with_online_every_directory_is_asked(site):
    result = site.run("check", "--online")
    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert [(line[:4], line[5], line[7]) for line in lines] == [
        (["staff", "csv", "True", "1"], "2", "-"),
        (["partners", "csv", "True", "1"], "1", "-"),
    ]


def test_with_online_nothing_is_stored(site):
    site.run("check", "--online")
    assert not site.state.parent.exists()


def test_a_directory_that_does_not_answer_is_told_beside_the_others(site):
    (site.folder / "staff.csv").unlink()
    result = site.run("check", "--online", "--json")
    assert result.exit_code == 3
    staff, partners = site.json("check", "--online")
    assert (staff["is_well"], staff["rows"]) == (False, None)
    assert "No such file" in staff["error"]
    assert (partners["is_well"], partners["rows"], partners["error"]) == (True, 1, None)


def test_a_csv_file_is_found_beside_the_configuration_wherever_one_stands(site, monkeypatch):
    (site.folder / "elsewhere").mkdir()
    monkeypatch.chdir(site.folder / "elsewhere")
    assert site.run("check", "--online").exit_code == 0


def test_a_source_that_is_only_asked_live_is_not_listed(site):
    site.configure({"name": "staff", "sync": False})
    site.write("staff", [ADA])
    [staff] = site.json("check", "--online")
    assert (staff["is_well"], staff["hits"], staff["rows"]) == (True, 1, None)


def test_with_online_what_is_odd_is_told_beside_the_table(site):
    site.write("staff", [{**ADA, "number": "4.93012E+11"}])
    result = site.run("check", "--online")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)
    assert "staff: 1 of 'number' hold no telephone number, such as '4.93012E+11'\n" in result.stderr
    [staff, _] = site.json("check", "--online")
    assert "1 of 'number' hold no telephone number, such as '4.93012E+11'" in staff["oddities"]
