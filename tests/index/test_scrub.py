"""A look at the whole index finds whatever is wrong in it, and nothing where all is well."""

import sqlite3
from contextlib import closing

import pytest

from lookupd.index import database, scrub
from tests.fakes import ADA, BOB, Directory, source_of
from tests.sync.ground import garble_schema, people


def problem(ground):
    return scrub.problem(ground.paths.index, lambda: False)


async def test_an_index_as_it_is_made_is_sound(ground):
    assert problem(ground) is None


async def test_a_folder_in_which_nobody_can_write_is_no_damage(ground, monkeypatch):
    await ground.hold(ADA)

    sort_on_disk = database.sort_on_disk

    def refused(connection, folder):
        """Root may write anywhere, but not where nothing is."""
        sort_on_disk(connection, folder / "missing")

    monkeypatch.setattr(database, "sort_on_disk", refused)
    assert problem(ground) is None


async def test_an_index_stays_sound_whatever_runs_do(ground):
    directory = Directory(rows=[ADA, BOB])
    source = source_of(directory)
    await ground.sync(source)
    await ground.hold(*people(300), name="other")
    assert problem(ground) is None
    directory.rows = [{**ADA, "name": "Ada Dupont", "number": BOB["number"]}, {**BOB, "id": None}]
    await ground.sync(source, accept_loss=True)
    assert problem(ground) is None


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        ("UPDATE contact SET display = 'Adb' WHERE uid = '1'", "contact 1 is not what was stored"),
        ("UPDATE contact SET source_id = 7 WHERE uid = '1'", "contact 1 is not what was stored"),
        ("UPDATE contact SET display = CAST(x'41ff' AS TEXT) WHERE uid = '1'", "Could not decode"),
        ("DELETE FROM number WHERE key = '+33199001234'", "numbers are not those of the contacts"),
        ("INSERT INTO number SELECT '+33199009999', 1, 0, 1, ''", "numbers are not those of the contacts"),
        ("UPDATE number SET contact_id = 2 WHERE contact_id = 1", "numbers are not those of the contacts"),
        ("UPDATE contact SET shown = shown + 1", "contact 1 is not what was stored"),
        ("UPDATE caller_file SET name = 'callers-0'", "about the file of callers is not what was stored"),
        ("UPDATE caller_file SET changed = x'00'", "about the file of callers is not what was stored"),
        ("UPDATE caller_file SET name = CAST(x'41ff' AS TEXT)", "Could not decode"),
        ("UPDATE source SET contacts = 3", "source 1 does not have as many contacts"),
        ("INSERT INTO search (rowid, terms) VALUES (1, 'zoe')", "malformed"),
        ("DELETE FROM search_data WHERE id = 10", ""),
        ("DROP TABLE search", "it has no table search"),
        ("DROP INDEX block", "it has no index block"),
        ("PRAGMA user_version = 2", "has format 2"),
        ("PRAGMA application_id = 2", "none of lookupd's"),
    ],
)
async def test_whatever_does_not_fit_is_found(ground, spoil, told):
    await ground.hold(ADA, BOB)
    ground.rows(spoil)
    assert told in problem(ground)


async def test_an_index_that_somebody_analyzed_or_added_to_is_sound(ground):
    await ground.hold(ADA)
    ground.rows("ANALYZE")
    ground.rows("CREATE INDEX own ON contact (display)")
    assert problem(ground) is None


async def test_a_schema_that_is_no_text_is_found(ground):
    """SQLite quotes it in its error, which Python cannot decode."""
    await ground.hold(ADA)
    garble_schema(ground)
    assert "malformed database schema" in problem(ground)


async def test_an_identity_that_leads_nowhere_is_found(ground):
    await ground.hold(*people(300))
    ground.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    content = ground.paths.index.read_bytes()
    [(page, size)] = ground.rows(
        "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master"
        " WHERE name = 'sqlite_autoindex_contact_1'"
    )
    at = content.index(b"0005", (page - 1) * size)
    ground.paths.index.write_bytes(content[:at] + b"0006" + content[at + 4 :])
    assert problem(ground) is not None


async def test_a_file_that_is_locked_is_not_damaged(ground, monkeypatch):
    await ground.hold(ADA)
    ground.rows("UPDATE contact SET display = 'Adb'")
    monkeypatch.setattr(database, "OPENING", 0.01)
    with closing(sqlite3.connect(ground.paths.index, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("UPDATE source SET name = 'mine'")
        assert problem(ground) is None


async def test_a_look_is_broken_off_when_that_is_asked(ground):
    await ground.hold(*people(2000))
    ground.rows("UPDATE contact SET display = 'Adb' WHERE id = 2000")
    asked = []

    def is_over():
        asked.append(len(asked))
        return True

    assert scrub.problem(ground.paths.index, is_over) is None
    assert len(asked) < 5


async def test_numbers_that_are_all_there_but_out_of_order_are_found(ground):
    """A question for one of them would not find it."""
    await ground.hold(*people(2000))
    ground.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    [(root, size)] = ground.rows(
        "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_master WHERE name = 'number'"
    )
    content = bytearray(ground.paths.index.read_bytes())
    top = content[(root - 1) * size : root * size]
    assert top[0] == 2, "an inner page: its cells begin with the pages below"
    cells = [int.from_bytes(top[12 + 2 * n : 14 + 2 * n]) for n in range(2)]
    one, other = (int.from_bytes(top[cell : cell + 4]) for cell in cells)
    first, second = (bytes(content[(page - 1) * size : page * size]) for page in (one, other))
    content[(one - 1) * size : one * size], content[(other - 1) * size : other * size] = second, first
    ground.paths.index.write_bytes(content)
    assert "order" in problem(ground)
