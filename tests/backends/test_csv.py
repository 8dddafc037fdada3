"""The CSV back-end on real files."""

import contextlib
import itertools
import os

import pytest
from pydantic import ValidationError

from lookupd import CursorExpired, SourceError
from lookupd.backends.csv import CsvBackend, Settings
from lookupd.backends.csv_stamp import Stamp
from tests.backends.contract import NO_ARGS, BackendContract, Known

PEOPLE = """\
id,name,phone,mobile,mail
1,Ann Árvai,+33 1 23 45 67 89,0612345678,ann@example.com
2,"Zoé ""Zed"" Noël",(555) 777-0001,,
3,"Łukasz
Straße",104;105,*10#,lu@example.com
"""
COLUMNS = {
    "unique_column": "id",
    "searched_columns": ["name", "mail"],
    "first_matched_columns": ["phone", "mobile"],
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE, encoding="utf-8")
    return path


@pytest.fixture
def source_args(file):
    return args_of(file)


@pytest.fixture
def plugin(source_args):
    plugin = CsvBackend()
    plugin.load(source_args)
    yield plugin
    plugin.unload()


def args_of(file, **config):
    return {
        "config": {"name": "people", "backend": "csv", "file": file.name, **COLUMNS, **config},
        "main_config": {"config_dir": str(file.parent)},
    }


def opened(file, content=None, **config):
    """A plugin on a file that holds these bytes, for its columns `id` and `name`."""
    if content is not None:
        file.write_bytes(content)
    plugin = CsvBackend()
    columns = {"searched_columns": ["name"], "first_matched_columns": []}
    plugin.load(args_of(file, **{**columns, **config}))
    return plugin


def names(rows):
    return [row["name"] for row in rows]


class TestCsvBackend(BackendContract):
    @pytest.fixture
    def plugin(self, plugin):
        return plugin

    @pytest.fixture
    def source_args(self, source_args):
        return source_args

    @pytest.fixture
    def broken(self, tmp_path):
        return opened(tmp_path / "missing.csv")

    @pytest.fixture
    def known(self):
        return [
            Known(uid="1", text="ann@", numbers={"phone": "+33123456789", "mobile": "06 12 34 56 78"}),
            Known(uid="2", text="zoe", numbers={"phone": "5557770001"}, empty=["mobile", "mail"]),
            Known(uid="3", text="strasse", numbers={"phone": "105", "mobile": "*10#"}),
        ]

    @pytest.fixture
    def outage(self, file):
        @contextlib.contextmanager
        def outage():
            away = file.rename(file.with_suffix(".away"))
            yield
            away.rename(file)

        return outage


# Search and numbers


@pytest.mark.parametrize("term", ["zoe noel", "NOËL", "oé zed", "Zoe\u0301", '"zed"'])
def test_a_search_finds_every_word_whatever_its_case_and_accents(plugin, term):
    assert [row["id"] for row in plugin.search(term, NO_ARGS)] == ["2"]


@pytest.mark.parametrize("term", ["lukasz", "STRASSE", "straße łu"])
def test_letters_that_are_no_accents_are_folded_too(plugin, term):
    assert [row["id"] for row in plugin.search(term, NO_ARGS)] == ["3"]


def test_a_search_needs_all_its_words(plugin):
    assert plugin.search("zoe arvai", NO_ARGS) == []


def test_an_empty_text_finds_everybody(plugin):
    assert len(plugin.search(" ", NO_ARGS)) == 3


def test_without_searched_columns_a_search_finds_nobody(file):
    assert opened(file, searched_columns=None).search("", NO_ARGS) == []


def test_a_search_does_not_join_the_columns(plugin):
    assert plugin.search("arvaiann", NO_ARGS) == []


@pytest.mark.parametrize("number", ["104", "105", "10-5", "104;105", "1 0 4"])
def test_a_cell_may_hold_several_numbers(plugin, number):
    assert plugin.first_match(number, NO_ARGS)["id"] == "3"


@pytest.mark.parametrize("number", ["", "-", "ann", "%", "3312345678", "10", "0123456789"])
def test_a_number_matches_only_when_all_of_it_does(plugin, number):
    assert plugin.first_match(number, NO_ARGS) is None
    assert plugin.match_all([number], NO_ARGS) == {}


def test_the_first_row_of_the_file_wins_a_shared_number(file):
    plugin = opened(file, b"id,name\n1,7\n2,7\n", first_matched_columns=["name"])
    assert plugin.first_match("7", NO_ARGS)["id"] == "1"


def test_match_all_answers_under_the_spelling_that_was_asked(plugin):
    assert list(plugin.match_all(["+33.1.23.45.67.89", "1", "104"], NO_ARGS)) == ["+33.1.23.45.67.89", "104"]


def test_list_gives_each_id_once(plugin):
    assert [row["id"] for row in plugin.list(["3", "1", "3"], NO_ARGS)] == ["3", "1"]


def test_without_a_unique_column_nothing_can_be_listed_by_id(file):
    assert opened(file, unique_column=None).list(["1"], NO_ARGS) == []


# The format


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(file, separator):
    content = f"id{separator}name\n1{separator}Ann\n".encode()
    assert list(opened(file, content).list_all()) == [{"id": "1", "name": "Ann"}]


def test_the_separator_can_be_given(file):
    plugin = opened(file, b"id!name,first\n1!Ann\n", separator="!", searched_columns=[])
    assert list(plugin.list_all()) == [{"id": "1", "name,first": "Ann"}]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp1252", "iso8859_15"]
)
def test_western_encodings_are_found_out(file, encoding):
    content = "id,name\n1,Zoé Müller-Nuñez\n".encode(encoding)
    assert names(opened(file, content).list_all()) == ["Zoé Müller-Nuñez"]


def test_the_signs_of_windows_are_read(file):
    content = "id,name\n1,L\u2019Œuvre \u2013 5 €\n".encode("cp1252")
    assert names(opened(file, content).list_all()) == ["L\u2019Œuvre \u2013 5 €"]


def test_other_alphabets_are_found_out(file):
    text = "id,name\n1,Иван Петров отдел продаж\n2,Анна Сидорова Москва\n"
    rows = opened(file, text.encode("cp1251")).list_all()
    assert names(rows) == ["Иван Петров отдел продаж", "Анна Сидорова Москва"]


@pytest.mark.parametrize("encoding", ["cp1250", "utf-16-le", "utf-8"])
def test_the_encoding_can_be_given(file, encoding):
    content = "\ufeffid,name\n1,Řehoř\n".removeprefix("\ufeff" if encoding == "cp1250" else "").encode(
        encoding
    )
    assert list(opened(file, content, encoding=encoding).list_all()) == [{"id": "1", "name": "Řehoř"}]


def test_a_file_that_is_not_in_the_given_encoding_is_an_error(file):
    plugin = opened(file, "id,name\n1,Zoé\n".encode("cp1252"), encoding="utf-8")
    with pytest.raises(SourceError, match=r"not in the encoding utf-8 .*; correct encoding, or leave it out"):
        list(plugin.list_all())


def test_a_mark_before_a_quoted_name_is_no_part_of_it(file):
    plugin = opened(file, b'\xef\xbb\xbf"id","name"\n1,Ann\n')
    assert list(plugin.list_all()) == [{"id": "1", "name": "Ann"}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(file, end):
    content = end.join(["id, name ", '1,"Ann', 'Lee"', "", ",", "2,Bob"]).encode()
    assert names(opened(file, content).list_all()) == [f"Ann{end}Lee", "Bob"]


def test_missing_and_blank_cells_are_none(file):
    rows = list(opened(file, b"id,name,phone\n1\n2, ,5\n").list_all())
    assert rows == [{"id": "1", "name": None, "phone": None}, {"id": "2", "name": None, "phone": "5"}]


def test_a_blank_before_a_number_is_kept(file):
    assert names(opened(file, b"id,name\n1, 33123456789\n").list_all()) == [" 33123456789"]


def test_a_last_line_without_an_end_is_fine_when_it_is_complete(file):
    assert names(opened(file, b"id,name\n1,Ann").list_all()) == ["Ann"]


def test_a_file_with_a_header_only_has_no_rows(file):
    assert list(opened(file, b"id,name\n").list_all()) == []


# What is refused


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, or its first line has no column names"),
        (b"\n1,Ann\n", "is empty, or its first line has no column names"),
        (b" , \n1,Ann\n", "is empty, or its first line has no column names"),
        (b"id,name,id,name\n", "two columns are called 'id', 'name'; rename one"),
        (b"id,,name,\n1,x,Ann,\n", "column 2, 4 has no name"),
        (b"key,name\n1,Ann\n", r"has no column 'id' \(it has: key, name\)"),
        (b"id,name\n1,Ann\n2", "line 3: the file ends within a row, so it is half-written"),
        (b'id,name\n1,"Ann', "line 2: the file ends within a row, so it is half-written"),
        (b'id,name\n1,"Ann\n2,Bob\n', "the file ends within a row, so it is half-written"),
        ("id,name\n1,Zoé\n2,Zo".encode() + b"\xc3", "ends within a character; it is half-written"),
        (
            b"id,name\n1,Ann,Lee\n",
            r"people.csv, line 2: has 3 cells under 2 names; the separator may be wrong",
        ),
        (b'id,name\n1,"Ann" Lee\n', "line 2: .* the file must be repaired"),
        (b"id,name\n1,A\0nn\n", "line 2: there are NUL bytes"),
        ("id,name\n1,Ann\n".encode("utf-16-le"), "there are NUL bytes"),
        (b"id,name\n1,\x81\x8d\xff\xfe\x90\n", "correct encoding, or leave it out"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_an_error(file, content, message):
    plugin = opened(file, content, encoding="cp1252" if b"\x81" in content else None)
    for ask in (lambda: list(plugin.list_all()), lambda: plugin.search("ann", NO_ARGS)):
        with pytest.raises(SourceError, match=message):
            ask()


def test_an_encoding_that_cannot_be_found_out_is_an_error(file):
    plugin = opened(file, b"id,name\n1," + bytes(range(0x80, 0x100)) * 3 + b"\n")
    with pytest.raises(SourceError, match="set encoding"):
        list(plugin.list_all())


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"missing.csv: No such file or directory; check file"):
        opened(tmp_path / "missing.csv").search("", NO_ARGS)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(SourceError, match="is not a file"):
        list(opened(tmp_path).list_all())


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="is not a file"):
        opened(tmp_path / "pipe").first_match("1", NO_ARGS)


def test_a_file_that_goes_between_two_looks_is_an_error(file):
    plugin = opened(file)
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(SourceError, match="check file"):
        list(plugin.list_all())


def test_a_file_that_grows_while_it_is_read_is_an_error(file):
    rows = opened(file, b"id,name\n1,Ann\n2,Bob\n").list_all()
    next(rows)
    with file.open("ab") as more:
        more.write(b"3,Cyd\n")
    with pytest.raises(SourceError, match="was changed while it was read"):
        list(rows)


def test_a_file_that_is_replaced_while_it_is_read_is_an_error(file):
    rows = opened(file, b"id,name\n1,Ann\n2,Bob\n").list_all()
    next(rows)
    new = file.with_suffix(".new")
    new.write_bytes(b"id,name\n1,Ann\n2,Bob\n")
    new.replace(file)
    with pytest.raises(SourceError, match="was changed while it was read"):
        list(rows)


# Reading again


def test_a_changed_file_is_read_again(file):
    plugin = opened(file, b"id,name\n1,Ann\n")
    assert plugin.search("bob", NO_ARGS) == []
    file.write_bytes(b"id,name\n1,Ann\n2,Bob\n")
    assert names(plugin.search("bob", NO_ARGS)) == ["Bob"]


def test_an_unchanged_file_is_read_once(plugin):
    plugin.first_match("104", NO_ARGS)
    table = plugin._table
    plugin.search("zoe", NO_ARGS)
    assert plugin._table is table


def test_a_replaced_file_of_the_same_size_and_time_is_read_again(file):
    plugin = opened(file, b"id,name\n1,Ann\n")
    plugin.search("ann", NO_ARGS)
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    new = file.with_suffix(".new")
    new.write_bytes(b"id,name\n1,Bob\n")
    os.utime(new, ns=times)
    new.replace(file)
    assert names(plugin.search("", NO_ARGS)) == ["Bob"]


@pytest.mark.parametrize("bad", [b"", b"id,name\n1,Ann\n2", b"id,name,id\n"])
def test_a_bad_file_is_an_error_until_it_is_good_again(file, bad):
    plugin = opened(file, b"id,name\n1,Ann\n")
    assert plugin.search("ann", NO_ARGS)
    file.write_bytes(bad)
    for _ in range(2):
        with pytest.raises(SourceError):
            plugin.search("ann", NO_ARGS)
    file.write_bytes(b"id,name\n1,Ann\n2,Bob\n")
    assert names(plugin.search("bob", NO_ARGS)) == ["Bob"]


def test_a_bad_file_at_the_start_is_no_reason_to_stay_dead(file):
    plugin = opened(file, b"")
    with pytest.raises(SourceError):
        plugin.search("", NO_ARGS)
    file.write_bytes(b"id,name\n1,Ann\n")
    assert plugin.search("", NO_ARGS)


def test_a_pull_does_not_hold_the_file_in_memory(file):
    plugin = opened(file, b"id,name\n" + b"".join(b"%d,Ann %d\n" % (i, i) for i in range(20_000)))
    rows = plugin.list_all()
    assert names(itertools.islice(rows, 2)) == ["Ann 0", "Ann 1"]
    assert plugin._table is None
    rows.close()


# Changes


def told(plugin, cursor=None):
    """The rows of `changes`, and the next cursor."""
    changes = plugin.changes(cursor)
    rows = list(changes.rows)
    assert list(changes.gone) == []
    return rows, changes.cursor


def test_an_unchanged_file_is_not_read(file):
    plugin = opened(file)
    rows, cursor = told(plugin)
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    changes = plugin.changes(cursor)
    assert (changes.rows, changes.gone, changes.cursor) == ((), (), cursor)


def rewritten(file):
    """It keeps its size, and says that it was not changed."""
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_bytes(file.read_bytes().replace(b"ann", b"bob"))
    os.utime(file, ns=times)


def replaced(file):
    new = file.with_suffix(".new")
    new.write_bytes(file.read_bytes())
    os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    new.replace(file)


def grown(file):
    with file.open("ab") as more:
        more.write(b"4,Dan,,,\n")


@pytest.mark.parametrize("change", [rewritten, replaced, grown])
def test_a_changed_file_is_listed_again(file, change):
    plugin = opened(file)
    _, cursor = told(plugin)
    change(file)
    with pytest.raises(CursorExpired, match="is not the file that was read; everything is listed"):
        plugin.changes(cursor)
    rows, new_cursor = told(plugin)
    assert rows == list(plugin.list_all())
    assert told(plugin, new_cursor) == ([], new_cursor)


def test_a_change_right_after_the_pull_is_noticed(file):
    plugin = opened(file)
    for _ in range(20):
        _, cursor = told(plugin)
        rewritten(file)
        with pytest.raises(CursorExpired):
            plugin.changes(cursor)


@pytest.mark.parametrize(
    "config", [{"separator": ","}, {"encoding": "utf-8"}, {"unique_column": "name"}, {"searched_columns": []}]
)
def test_other_settings_read_the_file_again(file, config):
    _, cursor = told(opened(file))
    with pytest.raises(CursorExpired):
        opened(file, **config).changes(cursor)
    assert told(opened(file), cursor) == ([], cursor)


def test_a_file_that_changes_while_it_is_told_is_an_error(file):
    rows = iter(opened(file).changes(None).rows)
    next(rows)
    grown(file)
    with pytest.raises(SourceError, match="was changed while it was read"):
        list(rows)


def test_a_file_that_goes_on_changing_is_an_error(file):
    with pytest.raises(SourceError, match="is being written at this moment"):
        Stamp.settled(file, clock=lambda: file.stat().st_ctime_ns)  # it always changed just now


# Settings


def test_a_relative_file_starts_at_the_current_folder_without_a_folder_of_the_configuration(
    file, monkeypatch
):
    monkeypatch.chdir(file.parent)
    plugin = CsvBackend()
    plugin.load({"config": {"file": file.name, **COLUMNS}, "main_config": {}})
    assert plugin.first_match("104", NO_ARGS)


def test_an_absolute_file_is_taken_as_it_is(file):
    plugin = CsvBackend()
    plugin.load({"config": {"file": str(file), **COLUMNS}, "main_config": {"config_dir": "/nowhere"}})
    assert plugin.first_match("104", NO_ARGS)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "file"),
        ({"file": "x", "separator": ""}, "at least 1 character"),
        ({"file": "x", "separator": ";;"}, "at most 1 character"),
        ({"file": "x", "separator": '"'}, "cannot separate"),
        ({"file": "x", "encoding": "utf-9"}, "'utf-9' is not an encoding"),
        ({"file": "x", "encoding": "base64"}, "'base64' is not an encoding"),
    ],
)
def test_wrong_settings_are_refused_with_their_reason(config, message):
    with pytest.raises(ValidationError, match=message):
        Settings.model_validate(config)


def test_a_refused_value_is_not_shown():
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"file": "x", "separator": "very-private"})
    assert "very-private" not in str(caught.value)


def test_every_key_of_its_own_is_described():
    own = set(Settings.model_fields) - {"unique_column", "searched_columns", "first_matched_columns"}
    assert own == {"file", "separator", "encoding"}
    assert all(Settings.model_fields[name].description for name in own)
