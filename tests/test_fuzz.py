"""Every fuzz target, run without a fuzzer on its seeds and on inputs made like them, so that none can rot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzz import strict, target
from fuzz.targets import ldap_filter, principal, search, shape, sync
from lookupd import MultiValue
from tests.faults.signals import ended_within

ROOT = Path(__file__).parent.parent
#: inputs for each target; syncing one takes milliseconds
INPUTS = dict.fromkeys(target.names(), 300) | {"sync": 100}
#: seconds after which a target hangs
PATIENCE = 10

SEEDS = [(name, file) for name in target.names() for file in target.seeds(name)]

# texts that are no whole characters, and some that names, numbers and patterns are made of
texts = st.text(st.characters(exclude_categories=[])) | st.text("aäßÅ太郎 '\"*()\\.-+0123456789x/%\0\n")
plain = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=3)
values = st.recursive(
    plain | st.lists(texts, min_size=1, max_size=3).map(MultiValue),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3) | st.tuples(inner),
    max_leaves=6,
)
columns = st.sampled_from(["id", "name", "company", "number", "mobile", "labels", "numbers", "reverse"])
rows = st.dictionaries(columns | texts, values, max_size=6)


@pytest.fixture(scope="module", autouse=True)
def _closed():
    """What the targets that hypothesis asks have opened is closed."""
    yield
    for asked in (search.TARGET, shape.TARGET, sync.TARGET):
        asked.close()


@pytest.mark.parametrize(("name", "file"), SEEDS, ids=[f"{name}-{file.stem}" for name, file in SEEDS])
def test_a_promise_holds_for_a_seed(name, file):
    with ended_within(PATIENCE), target.opened(name) as run:
        run(file.read_bytes())


@pytest.mark.parametrize("name", target.names())
def test_a_promise_holds_for_inputs_made_like_the_seeds(name):
    with ended_within(PATIENCE), target.opened(name) as run:
        for data in target.variations(name, INPUTS[name]):
            try:
                run(data)
            except Exception as error:
                error.add_note(f"{name}: {data!r}")
                raise


def test_the_made_inputs_are_many_and_always_the_same():
    inputs = [*target.variations("number", 300)]
    assert inputs == [*target.variations("number", 300)]
    assert len(set(inputs)) > 250


def test_every_folder_of_seeds_belongs_to_a_target():
    assert sorted(folder.name for folder in (ROOT / "fuzz" / "corpus").iterdir()) == target.names()


@given(rows)
def test_any_row_is_refused_or_becomes_a_contact_that_can_be_stored_and_sent(row):
    shape.TARGET.check(row)


@given(st.lists(rows, max_size=4))
def test_any_rows_are_synced_once_and_found(some):
    sync.TARGET.check(some)


@given(
    st.lists(
        st.sampled_from(["ann", "Zoé", "o'b", "müller", "太", "33", "+33 (0)1", '"', "*", ")", "24/7"])
        | texts
    )
)
def test_any_words_find_who_has_them_all(words):
    search.TARGET(b"5 2\n" + " ".join(words).encode("utf-8", "surrogatepass"))


@given(st.integers(0, 29), texts, texts)
def test_any_text_stays_a_value_in_an_ldap_filter(choice, one, other):
    ldap_filter.TARGET(f"{choice}\n{one}\n{other}".encode("utf-8", "surrogatepass"))


@given(st.text("ab.*#", max_size=30), st.lists(st.text("ab.*#!", max_size=12), max_size=4))
def test_any_scopes_reach_as_far_as_they_say(access, scopes):
    with ended_within(PATIENCE):
        principal.TARGET("\n".join([access, *scopes]).encode())


@pytest.mark.parametrize(
    "filter_",
    [
        "",
        "cn=a",
        "(cn=a",
        "(cn=a))",
        "(cn=a)(cn=b)",
        "(&)",
        "(!(a=b)(c=d))",
        "(=a)",
        "(cn)",
        "(c n=a)",
        "(cn=**)",
        "(cn>=a*)",
        "(cn=(a)",
        "(cn=a\0)",
        "(cn=\\2)",
        "(cn=\\zz)",
    ],
)
def test_the_strict_parser_takes_nothing_that_is_no_filter(filter_):
    with pytest.raises(AssertionError):
        strict.ldap_filter(filter_)


def test_the_strict_parser_reads_what_a_filter_says():
    read = strict.ldap_filter(r"(&(cn=*\2a*)(!(sn;lang-de~=\c3\bc)))")
    denied = strict.Group(b"!", (strict.Item(b"sn;lang-de", b"~=", ("ü".encode(),)),))
    assert read == strict.Group(b"&", (strict.Item(b"cn", b"=", (b"", b"*", b"")), denied))


@pytest.mark.parametrize("body", ["NaN", '{"a": 1, "a": 2}', '"é"', '["\n"]', "[1,\n2]", "{}x"])
def test_the_strict_parser_takes_no_reply_that_a_client_may_refuse(body):
    with pytest.raises((AssertionError, ValueError)):
        strict.reply(body)


def test_an_input_can_be_replayed_and_the_folder_it_lies_in_names_its_target(tmp_path):
    seed = target.seeds("template")[0]
    assert _replayed(seed).returncode == 0
    unknown = tmp_path / "no-such-target" / seed.name
    unknown.parent.mkdir()
    unknown.write_bytes(seed.read_bytes())
    assert _replayed(unknown).returncode != 0


def _replayed(file):
    command = [sys.executable, ROOT / "fuzz" / "run.py", "--replay", file]
    return subprocess.run(command, capture_output=True, check=False)
