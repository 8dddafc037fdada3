"""What somebody who sets up a source should know of its rows."""

import pytest

from lookupd import checkup
from lookupd.inspection import Inspection
from lookupd.loader import Loader
from lookupd.number import NumberRules
from lookupd.profiles import Profiles
from lookupd.sources import Sources
from tests.fakes import ADA, COLUMNS, Directory, config_of, source_of

OWN = {
    "unique_column": "Nr",
    "searched_columns": ["Name"],
    "first_matched_columns": ["Telefon"],
    "format_columns": {"name": "{Name}", "reverse": "{Name}"},
}
MEIER = {"Nr": "1", "Name": "Meier", "Firma": None, "Telefon": "030 1234567"}


def oddities(*rows, region="DE", **settings):
    config = config_of({"name": "kunden", **OWN, **settings}, region=region)
    [own] = config.sources
    inspection = Inspection(own, NumberRules(region=region))
    for row in rows:
        inspection.see(row)
    return [*inspection.oddities([*Profiles(config, Sources(config, Loader()))])]


def test_of_what_is_as_it_should_be_nothing_is_told():
    assert oddities(MEIER, {**MEIER, "Telefon": "+49 (0)30 1234567, 4711"}, {**MEIER, "Telefon": " "}) == []


def test_a_source_without_rows_is_told():
    assert oddities() == ["has no rows"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"format_columns": {"reverse": "{Name} ({Frima})"}},
            ["format_columns.reverse: no row has {Frima} (they have: Name, Nr, Telefon)"],
        ),
        ({"searched_columns": ["Name", "Firma"]}, ["no row has 'Firma' (they have: Name, Nr, Telefon)"]),
        ({"format_columns": {}}, ["format_columns has no 'reverse', so callers have no name"]),
        ({"format_columns": {"reverse": "{name}", "name": "{Name}"}}, []),
    ],
)
def test_columns_that_nobody_has_are_told(settings, told):
    assert oddities(MEIER, **settings) == told


def test_cells_without_a_number_are_counted_and_the_first_is_shown():
    rows = [{**MEIER, "Telefon": text} for text in ("4,93012E+11", "keine", "030 1234567")]
    assert oddities(*rows) == ["2 of 'Telefon' hold no telephone number, such as '4,93012E+11'"]


@pytest.mark.parametrize(
    ("region", "text", "of"),
    [("DE", "1712223334444444", "DE"), (None, "030 1234567", "any country, as no region is configured")],
)
def test_numbers_of_no_country_are_told(region, text, of):
    told = oddities({**MEIER, "Telefon": text}, region=region)
    assert told == [f"1 of 'Telefon' are no number of {of}, such as {text!r}"]


def test_a_profile_that_shows_nothing_of_a_source_is_told():
    profile = {"display": "d", "lookup": {"sources": ["kunden"]}}
    displays = {"d": [{"title": "N", "field": "nmae"}]}
    config = config_of({"name": "kunden", **OWN}, profiles={"p": profile}, displays=displays)
    [own] = config.sources
    inspection = Inspection(own, NumberRules(region="DE"))
    inspection.see(MEIER)
    [told] = inspection.oddities([*Profiles(config, Sources(config, Loader()))])
    assert told == (
        "profile 'p' shows none of its columns, but nmae "
        "(give the source format_columns of these names, or the profile a display)"
    )


async def test_whoever_asks_a_directory_is_told():
    source = source_of(Directory(rows=[{**ADA, "number": "none"}]), **COLUMNS)
    report = await checkup.ask(source)
    assert "1 of 'number' hold no telephone number, such as 'none'" in report.oddities
    assert report.is_well


async def test_whoever_asks_a_directory_is_told_what_is_too_large():
    source = source_of(Directory(rows=[{**ADA, "photo": "x" * 100_000}]), **COLUMNS)
    report = await checkup.ask(source)
    [told] = [oddity for oddity in report.oddities if "photo" in oddity]
    assert told.startswith("1 contacts are kept without 'photo', which holds too much")
    assert report.is_well
