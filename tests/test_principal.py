"""Who asks, and what they may do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookupd import principal
from lookupd.principal import KNOWN_LENGTH, Principal

READ = "dird.directories.reverse.default.me.read"
WORDS = st.text("abc*#!.\n\\[", max_size=12)


def may(scopes, access):
    return Principal(tenant="t", scopes=(scopes,) if isinstance(scopes, str) else tuple(scopes)).may(access)


def test_everything_is_allowed_unless_said_otherwise():
    assert Principal(tenant="t").may(READ)


@pytest.mark.parametrize(
    ("scope", "access", "is_allowed"),
    [
        # word by word
        (READ, READ, True),
        (READ, READ.upper(), False),
        (READ, READ + ".x", False),
        (READ, "x." + READ, False),
        (READ, READ + "\n", False),
        ("dird", READ, False),
        ("", READ, False),
        ("", "", True),
        # one word
        ("dird.*.reverse.*.me.read", READ, True),
        ("dird.*.read", READ, False),
        ("*", "dird", True),
        ("*", "dird.read", False),
        ("dird.dir*.re*se.default.me.read", READ, True),
        ("dird.*.read", "dird..read", True),
        ("dird.*.read", "dird.read", False),
        # any number of words
        ("#", READ, True),
        ("#", "", True),
        ("dird.#", READ, True),
        ("dird.#", "dird", False),
        ("dird.#", "dirdx.read", False),
        ("#.read", READ, True),
        ("dird.#.read", READ, True),
        ("dird.#.update", READ, False),
        ("dird.directories.#.me.*", READ, True),
        # words that mean something elsewhere
        ("dird.users.me.read", "dird.users.me.read", True),
        ("dird.users.me.read", "dird.users.7c12.read", False),
        ("dird.my_session.read", "dird.my_session.read", True),
        # nothing else means anything
        ("dird.r[a-z]*d", "dird.read", False),
        ("dird.r[a-z]*d", "dird.r[a-z]xd", True),
        ("dird.(read|update)", "dird.read", False),
        ("dird.rea.", "dird.read", False),
        ("d?ird+", "d?ird+", True),
        ("^dird$", "dird", False),
        ("dird.\\*", "dird.\\read", True),
        ("dird.\\*", "dird.read", False),
        ("dird.\\#", "dird.\\a.b", True),
        ("dird.$", "dird.$", True),
        # a value that was put in
        ("dird.profiles.*.read", "dird.profiles.a_b.read", True),
        ("dird.profiles.*.read", "dird.profiles.a.b.read", False),
        ("dird.profiles.a.b.read", "dird.profiles.a.b.read", True),
        ("dird.profiles.*.read", "dird.profiles.a\nb.read", True),
        ("dird.#", "dird.profiles.a\nb.read", True),
        ("dird.profiles.*.read", "dird.profiles.*.read", True),
        ("dird.profiles.a.read", "dird.profiles.*.read", False),
    ],
)
def test_a_scope_reaches_so_far(scope, access, is_allowed):
    assert may(scope, access) is is_allowed


@pytest.mark.parametrize(
    ("scopes", "is_allowed"),
    [
        ((), False),
        (("!#",), False),
        (("#", "!#"), False),
        (("#", f"!{READ}"), False),
        ((f"!{READ}", "#"), False),
        (("#", "!dird.*.reverse.#"), False),
        (("#", "!dird.directories.lookup.#"), True),
        (("dird.x", READ), True),
        (("!dird.x", READ), True),
        (("!dird.x",), False),
        (("#", "!!dird.#"), True),
        (("", "!"), False),
    ],
)
def test_what_is_forbidden_is_not_allowed_whatever_else_is(scopes, is_allowed):
    assert may(scopes, READ) is is_allowed


def test_nothing_is_hidden_from_what_is_forbidden():
    assert not may(("dird.*.read", "!dird.#"), "dird.a\nb.read")


@given(st.lists(WORDS, max_size=4), WORDS)
def test_any_scopes_and_any_access_have_an_answer(scopes, access):
    assert may([*scopes, "#"], access) in {True, False}
    assert not may([*scopes, "!#"], access)


def test_the_token_is_never_shown():
    assert "canary" not in repr(Principal(tenant="t", token="canary"))


def test_a_back_end_is_told_what_is_known_and_no_more():
    assert Principal(tenant="t").query_args() == {"tenant_uuid": "t", "token_infos": {"tenant_uuid": "t"}}
    assert Principal(tenant="t", user="u", token="s").query_args() == {
        "tenant_uuid": "t",
        "user_uuid": "u",
        "token": "s",
        "token_infos": {"tenant_uuid": "t", "xivo_user_uuid": "u"},
    }


def test_the_same_principal_may_ask_for_one_user_s_view():
    own = Principal(tenant="t", scopes=("a",), token="s")
    assert own.as_user("u") == Principal(tenant="t", user="u", scopes=("a",), token="s")
    assert own.as_user("u").as_user(None) == own


@pytest.mark.parametrize("length", [KNOWN_LENGTH, KNOWN_LENGTH + 1, 8000])
def test_an_access_may_be_long(length):
    word = "ab" * (length // 2)
    assert may("dird.#.read", f"dird.{word}.read")
    assert may("dird.*.read", f"dird.{word}.read")
    assert may("dird.*.read", f"dird.{'#' * length}.read")
    assert may("*b.#", f"{word}.{'.' * length}")
    assert not may("dird.*.read", f"dird.{word}.{word}.read")
    assert not may("dird.#.read", f"dird.{word}.reads")


def test_a_long_access_is_not_remembered():
    before = principal._is_known_to_reach.cache_info().currsize
    assert may("#", "x" * (KNOWN_LENGTH + 1))
    assert principal._is_known_to_reach.cache_info().currsize == before
