"""`lookupd token`: who may ask."""

from contextlib import closing

import pytest

from lookupd.config import DEFAULT_TENANT
from lookupd.state.tokens import Tokens

TENANT = "11111111-2222-4333-8444-555555555555"
USER = "66666666-2222-4333-8444-555555555555"


def find(site, secret):
    with closing(Tokens(site.state)) as tokens:
        return tokens.find(secret)


def test_a_token_is_made_and_shown_once(site):
    result = site.run("token", "add", "reception")
    assert (result.exit_code, result.stderr) == (0, "")
    id_, secret = [line.partition(": ")[2] for line in result.stdout.splitlines()]
    token = find(site, secret)
    assert (token.id, token.name, token.tenant, token.user) == (id_, "reception", DEFAULT_TENANT, None)
    assert token.scopes == ("dird.#",)
    assert secret not in site.run("token", "list").stdout


def test_a_token_has_the_scopes_the_tenant_and_the_user_it_is_given(site):
    given = ("--scope", "a.#", "--scope", "!a.b", "--tenant", TENANT, "--user", USER)
    added = site.json("token", "add", "pbx", *given)
    assert sorted(added) == ["id", "token"]
    token = find(site, added["token"])
    assert (token.scopes, token.tenant, token.user) == (("a.#", "!a.b"), TENANT, USER)


@pytest.mark.parametrize("option", ["--tenant", "--user"])
def test_a_tenant_and_a_user_are_uuids(site, option):
    result = site.run("token", "add", "x", option, "reception")
    assert result.exit_code == 2
    assert "is not a valid UUID" in result.stderr
    assert not site.state.exists()


def test_tokens_are_listed_with_what_they_may_do(site):
    assert site.run("token", "list").stdout == ""
    added = site.json("token", "add", "pbx", "--scope", "a.#", "--scope", "b")
    [line] = site.json("token", "list")
    assert line["created"] is not None
    assert {**line, "created": None} == {
        "id": added["id"],
        "name": "pbx",
        "tenant": DEFAULT_TENANT,
        "user": None,
        "scopes": "a.# b",
        "created": None,
        "revoked": None,
    }


def test_a_revoked_token_is_useless_and_still_listed(site):
    added = site.json("token", "add", "pbx")
    result = site.run("token", "revoke", added["id"])
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"revoked {added['id']}\n", "")
    assert find(site, added["token"]) is None
    assert site.json("token", "list")[0]["revoked"] is not None


def test_a_token_is_revoked_once(site):
    added = site.json("token", "add", "pbx")
    site.run("token", "revoke", added["id"])
    result = site.run("token", "revoke", added["id"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"no token has the id {added['id']!r}, or it is revoked already (see lookupd token list)\n"
    )


def test_a_token_that_does_not_exist_cannot_be_revoked(site):
    assert site.run("token", "revoke", "none").exit_code == 1


def test_names_of_tokens_cannot_break_a_line(site):
    site.run("token", "add", "a\tb\nc\x1b[2J")
    [line] = site.run("token", "list").stdout.splitlines()
    assert line.split("\t")[1] == "a b c [2J"


def test_a_device_for_a_profile_that_is_not_there_is_made_and_that_is_said(site):
    given = ("token", "add", "hall", "--device", "--profile")
    result = site.run(*given, "sales")
    assert result.exit_code == 0
    assert result.stderr == "no profile is called 'sales' in this tenant yet (configured: default)\n"
    assert site.run(*given, "default").stderr == ""
    assert "(configured: none)" in site.run(*given, "default", "--tenant", TENANT).stderr


def test_the_secret_of_a_device_has_its_own_scope_and_nothing_else(site):
    added = site.json("token", "add", "hall", "--device", "--profile", "sales.fr", "--user", USER)
    token = find(site, added["token"])
    assert (token.is_device, token.profile, token.user, token.scopes) == (
        True, "sales.fr", USER, ("device.sales.fr",)
    )  # fmt: skip
    token = find(site, site.json("token", "add", "pbx", "--device")["token"])
    assert (token.is_device, token.profile) == (True, None)


def test_an_ordinary_token_is_no_device(site):
    token = find(site, site.json("token", "add", "pbx")["token"])
    assert (token.is_device, token.profile) == (False, None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--device", "--scope", "dird.#"), "--scope is not for --device"),
        (("--profile", "sales"), "--profile is for --device"),
        (("--scope", "device"), "is that of --device"),
        (("--scope", "dird.#", "--scope", "device.sales"), "is that of --device"),
    ],
)
def test_a_device_and_an_ordinary_token_are_not_mixed(options, said, site):
    result = site.run("token", "add", "x", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not site.state.exists()
