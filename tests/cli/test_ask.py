"""`lookupd reverse`, `lookup` and `explain`: the questions of the daemon, from the command line."""

import pytest

from tests.cli.conftest import CROWD
from tests.fakes import ADA

TENANT = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def synced(site):
    site.run("sync")
    return site


@pytest.fixture
def live(site):
    """Both sources are asked now, and nothing of them is in the index."""
    site.configure({"name": "staff", "live": True}, {"name": "partners", "live": True})
    return site


# --- reverse


@pytest.mark.parametrize("number", ["+33199001234", "01 99 00 12 34", "0033 1 99 00 12 34", "06 39 98 12 34"])
def test_the_name_of_a_caller_is_told_with_its_source_and_age(synced, number):
    result = synced.run("reverse", number)
    assert (result.exit_code, result.stderr) == (0, "")
    name, source, freshness, as_of = result.stdout.splitlines()
    assert (name, source, freshness) == ("name: Ada Bélanger", "source: staff", "freshness: fresh")
    assert as_of.startswith("as of: 20")


def test_programs_get_all_fields_of_a_caller(synced):
    found = synced.json("reverse", "+33199001234")
    assert (found["name"], found["source"]) == ("Ada Bélanger", "staff")
    assert found["fields"] == {**ADA, "reverse": "Ada Bélanger"}


def test_a_source_that_is_asked_live_need_not_be_pulled(live):
    assert live.json("reverse", "+442079460007")["name"] == "Carol Árvai"


def test_a_source_that_was_never_pulled_is_asked_live(site):
    result = site.run("reverse", "+33199001234")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("name: Ada Bélanger\n")


def test_nobody_is_exit_code_1(synced):
    result = synced.run("reverse", "+33199009999")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "nobody is known to have this number\n"


@pytest.mark.parametrize("text", ["anonymous", "", "Ada"])
def test_what_is_no_number_is_told(synced, text):
    result = synced.run("reverse", text)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "this is not a number\n")


def test_nobody_is_no_answer_when_a_directory_could_not_be_asked(live):
    (live.folder / "staff.csv").unlink()
    result = live.run("reverse", "+33199009999")
    assert (result.exit_code, result.stdout) == (3, "")
    reason, said = result.stderr.splitlines()
    assert "staff.csv: No such file or directory" in reason
    assert said == "nobody is known to have this number"


def test_a_contact_of_a_directory_that_is_gone_is_still_known(synced):
    (synced.folder / "staff.csv").unlink()
    assert synced.run("reverse", "+33199001234").exit_code == 0


def test_a_contact_without_a_name_is_told_without_one(site):
    site.configure({"name": "staff", "format_columns": {}, "live": True})
    told = site.json("reverse", "+33199001234")
    assert (told["name"], told["fields"]["id"]) == (None, "1")
    assert site.run("reverse", "+33199001234").stdout.startswith("name: -\n")


@pytest.mark.parametrize("command", [("reverse", "1"), ("explain", "1"), ("lookup", "x")])
def test_an_unknown_profile_is_told(synced, command):
    result = synced.run(*command, "--profile", "defualt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no profile is called 'defualt' in this tenant" in result.stderr


def test_a_profile_of_another_tenant_is_asked_by_its_name(site):
    site.configure(
        {"name": "staff", "tenant": TENANT, "live": True},
        profiles={
            "p": {"tenant": TENANT, "reverse": {"sources": ["staff"]}, "lookup": {"sources": ["staff"]}}
        },
    )
    theirs = ("--profile", "p", "--tenant", TENANT)
    assert site.json("reverse", "+33199001234", *theirs)["name"] == "Ada Bélanger"
    assert site.run("lookup", "ada", *theirs).exit_code == 0
    assert site.run("explain", "+33199001234", *theirs).exit_code == 0
    assert site.run("reverse", "+33199001234", "--profile", "p").exit_code == 2


# --- explain


def test_an_answer_is_explained_step_by_step(synced):
    result = synced.run("explain", "01 99 00 12 34")
    assert (result.exit_code, result.stderr) == (0, "")
    first, *_, last = result.stdout.splitlines()
    assert first == "'01 99 00 12 34' is read as +33199001234"
    assert "'staff' has Ada Bélanger: index, exact match, fresh" in result.stdout
    assert last == "answer: Ada Bélanger"


def test_nobody_is_explained_too(synced):
    result = synced.run("explain", "+33199009999")
    assert result.exit_code == 1
    assert result.stdout.endswith("answer: nobody\n")
    assert synced.run("explain", "anonymous").exit_code == 1


def test_a_failure_is_explained_and_is_no_absence(live):
    (live.folder / "staff.csv").unlink()
    result = live.run("explain", "+33199009999")
    assert result.exit_code == 3
    assert "asked 'staff' now: failed" in result.stdout


def test_a_name_cannot_steer_the_terminal(live):
    live.write("staff", [{**ADA, "name": "Ada\x1b[2J\x9b \u202e"}])
    for command in ("explain", "reverse", "lookup"):
        question = "ada" if command == "lookup" else "+33199001234"
        result = live.run(command, question)
        assert result.exit_code == 0
        assert all(line.replace("\t", "").isprintable() for line in result.stdout.splitlines())


# --- lookup


def test_contacts_that_fit_are_listed_with_their_source(synced):
    result = synced.run("lookup", "bob mul")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "Bob Müller\t01 99 00 56 78\t-\tstaff\n"


def test_an_empty_term_lists_everybody(synced):
    assert len(synced.json("lookup", "")) == 3


def test_columns_are_those_of_the_display(site):
    display = [
        {"title": "Who", "field": "name"},
        {"field": "number"},
        {"title": "Mobile", "field": "mobile", "default": "none"},
        {"title": "Star", "type": "favorite"},
    ]
    lookup = {"display": "d", "lookup": {"sources": ["staff"]}}
    site.configure({"name": "staff", "live": True}, displays={"d": display}, profiles={"default": lookup})
    [bob] = site.json("lookup", "bob")
    expected = {
        "Who": "Bob Müller",
        "number": "01 99 00 56 78",
        "Mobile": "none",
        "Star": None,
        "source": "staff",
    }
    assert bob == expected


def test_no_contact_is_exit_code_1(synced):
    result = synced.run("lookup", "nobody")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "")
    assert synced.run("lookup", "nobody", "--json").stdout == "[]\n"


def test_no_contact_is_no_answer_when_a_directory_could_not_be_asked(live):
    (live.folder / "staff.csv").unlink()
    result = live.run("lookup", "nobody")
    assert result.exit_code == 3
    assert "staff.csv: No such file or directory" in result.stderr


def test_a_directory_that_could_not_be_asked_is_told_beside_what_was_found(live):
    (live.folder / "staff.csv").unlink()
    result = live.run("lookup", "carol")
    assert result.exit_code == 0
    assert result.stdout.endswith("\tpartners\n")
    assert "staff.csv: No such file or directory" in result.stderr


def test_more_contacts_than_the_limit_are_counted(site):
    site.write("staff", CROWD)
    site.run("sync")
    result = site.run("lookup", "person", "--limit", "3")
    assert len(result.stdout.splitlines()) == 3
    assert result.stderr == "3 of 100\n"
    assert site.run("lookup", "person", "--limit", "100").stderr == ""


def test_a_term_that_no_name_is_is_told(synced):
    result = synced.run("lookup", "x" * 2000)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "a term has at most 1024 characters" in result.stderr
