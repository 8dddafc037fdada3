"""Who may ask what: tokens, access words and tenants over real HTTP."""

from datetime import UTC, datetime

import pytest

from lookupd.config import DEFAULT_TENANT

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: path and query, and the access it needs
NEWER = [
    ("/0.1/directories/lookup/default/8a2c?term=a", "dird.directories.lookup.default.8a2c.read"),
    ("/0.1/directories/lookup/default/a.b?term=a", "dird.directories.lookup.default.a_b.read"),
    ("/0.1/directories/default/sources", "dird.directories.default.sources.read"),
    ("/0.1/directories/dotted.name/sources", "dird.directories.dotted_name.sources.read"),
    ("/0.1/sources", "dird.sources.read"),
    ("/0.1/status", "dird.status.read"),
]
OLDER = [
    ("/0.1/directories/lookup/default?term=a", "dird.directories.lookup.default.read"),
    ("/0.1/directories/lookup/default/headers", "dird.directories.lookup.default.headers.read"),
    ("/0.1/directories/lookup/dotted.name/headers", "dird.directories.lookup.dotted_name.headers.read"),
    ("/0.1/directories/reverse/default/8a2c?exten=1", "dird.directories.reverse.default.8a2c.read"),
    ("/0.1/directories/reverse/dotted.name/a.b?exten=1", "dird.directories.reverse.dotted_name.a_b.read"),
    ("/0.1/backends", "dird.backends.read"),
]


def refused(reply):
    """The body of a 401 in the newer style, without what differs each time."""
    assert reply.status == 401
    assert reply.headers["Content-Type"] == "application/json"
    body = reply.json
    assert isinstance(body.pop("timestamp"), float)
    assert isinstance(body.pop("message"), str)
    return body


def is_refused_as_before(reply):
    body = reply.json
    assert isinstance(body.pop("timestamp"), float)
    assert (reply.status, body) == (401, {"reason": ["Unauthorized"], "status_code": 401})
    return True


@pytest.mark.parametrize(("path", "access"), NEWER + OLDER)
async def test_a_token_with_exactly_the_access_passes(site, path, access):
    assert (await site.ask(path, token=site.token(access))).status == 200
    assert (await site.ask(path, "HEAD", token=site.token(access))).status == 200


@pytest.mark.parametrize(("path", "access"), NEWER)
async def test_without_the_access_the_refusal_names_it(site, path, access):
    token = site.token("dird.other.#", f"!{access}", "dird.directories.*.read")
    details = {"required_access": access, "reason": "missing_permission_or_invalid_tenant"}
    assert refused(await site.ask(path, token=token)) == {
        "error_id": "unauthorized",
        "details": {"invalid_token": "********", **details, "tenant_uuid": None},
    }


@pytest.mark.parametrize(("path", "access"), OLDER)
async def test_without_the_access_older_resources_say_unauthorized(site, path, access):
    token = site.token("#", f"!{access}")
    assert is_refused_as_before(await site.ask(path, token=token))


@pytest.mark.parametrize(("path", "access"), NEWER)
@pytest.mark.parametrize(
    ("token", "shown"), [(None, None), ("lkp_unknown", "********"), ("t\u00f6ken", "********")]
)
async def test_an_unknown_or_missing_token_is_a_401_of_the_newer_style(site, path, access, token, shown):
    assert refused(await site.ask(path, token=token)) == {
        "error_id": "unauthorized",
        "details": {"invalid_token": shown, "required_access": access, "reason": "not_found_or_expired"},
    }


@pytest.mark.parametrize("path", [path for path, _ in OLDER])
@pytest.mark.parametrize("token", [None, "lkp_unknown"])
async def test_an_unknown_or_missing_token_is_a_401_of_the_older_style(site, path, token):
    assert is_refused_as_before(await site.ask(path, token=token))


async def test_a_refusal_never_holds_the_token(site):
    token = site.token("dird.other.#")
    assert token.encode() not in (await site.ask("/0.1/sources", token=token)).body


async def test_a_revoked_token_that_was_never_used_is_a_401(site):
    added, secret = site.tokens.add(
        "gone", tenant=DEFAULT_TENANT, user=None, scopes=["#"], now=datetime.now(UTC)
    )
    site.tokens.revoke(added.id, datetime.now(UTC))
    assert (await site.ask("/0.1/sources", token=secret)).status == 401


async def test_asking_many_numbers_needs_the_access_of_asking_one(site):
    path = "/0.1/directories/reverse/default/u"
    token = site.token("dird.directories.reverse.default.u.read")
    assert (await site.ask(path, "POST", token=token, body=b'{"extens": []}')).status == 200
    token = site.token("dird.directories.reverse.default.u.create")
    assert is_refused_as_before(await site.ask(path, "POST", token=token, body=b'{"extens": []}'))


async def test_who_may_not_ask_is_not_told_whether_the_profile_exists(site):
    token = site.token("dird.sources.read")
    for profile in ("default", "nope"):
        assert (await site.ask(f"/0.1/directories/{profile}/sources", token=token)).status == 401


@pytest.mark.parametrize("user", ["a%0Ab", "%0A", "a%0D%0Ab%E2%80%A8c"])
async def test_a_line_break_in_a_path_neither_opens_nor_closes_a_door(site, user):
    path = f"/0.1/directories/reverse/default/{user}?exten=1"
    assert (await site.ask(path, token=site.token("dird.#"))).status == 200
    token = site.token("dird.directories.reverse.*.*.read", "!dird.directories.reverse.default.#")
    assert (await site.ask(path, token=token)).status == 401


# --- tenants


async def test_each_tenant_sees_its_own_sources_only(site, other):
    theirs = site.token("#", tenant=other)
    page = (await site.ask("/0.1/sources", token=theirs)).json
    assert [(item["name"], item["tenant_uuid"]) for item in page["items"]] == [("staff", other)]
    assert (page["total"], page["filtered"]) == (1, 1)
    ours = (await site.ask("/0.1/sources")).json["items"]
    assert {item["tenant_uuid"] for item in ours} == {DEFAULT_TENANT}


async def test_each_tenant_sees_the_status_of_its_own_sources_only(site, other):
    status = (await site.ask("/0.1/status", token=site.token("#", tenant=other))).json
    assert list(status["sources"]) == ["staff"]
    assert status["sources"]["staff"]["contacts"] == 1


async def test_the_same_number_is_another_person_in_another_tenant(site, other):
    theirs = site.token("#", tenant=other)
    found = await site.ask("/0.1/directories/reverse/theirs/u", token=theirs, exten="0199001234")
    assert found.json["display"] == "Olga Other"
    ours = await site.ask("/0.1/directories/reverse/default/u", exten="0199001234")
    assert ours.json["display"] == "Ada Bélanger"


async def test_an_empty_term_lists_nobody_of_another_tenant(site, other):
    theirs = site.token("#", tenant=other)
    found = (await site.ask("/0.1/directories/lookup/theirs", token=theirs, term="")).json
    assert [result["column_values"][0] for result in found["results"]] == ["Olga Other"]


@pytest.mark.parametrize(
    "path",
    [
        "lookup/{}?term=",
        "lookup/{}/u?term=",
        "lookup/{}/headers",
        "reverse/{}/u?exten=0199001234",
        "{}/sources",
    ],
)
async def test_a_profile_of_another_tenant_does_not_exist(site, other, path):
    theirs = site.token("#", tenant=other)
    assert (await site.ask(f"/0.1/directories/{path.format('default')}", token=theirs)).status == 404
    assert (await site.ask(f"/0.1/directories/{path.format('theirs')}")).status == 404


async def test_naming_ones_own_tenant_changes_nothing(site, other):
    theirs = site.token("#", tenant=other)
    for token, tenant in (("", DEFAULT_TENANT), (theirs, other)):
        reply = await site.ask("/0.1/sources", token=token, headers={"Wazo-Tenant": tenant})
        assert reply.json == (await site.ask("/0.1/sources", token=token)).json


@pytest.mark.parametrize("tenant", ["other", "00000000-0000-0000-0000-000000000000", "x"])
async def test_naming_a_tenant_that_is_not_ones_own_is_a_401(site, other, tenant):
    tenant = other if tenant == "other" else tenant
    reply = await site.ask("/0.1/sources", headers={"Wazo-Tenant": tenant})
    details = refused(reply)["details"]
    assert details["reason"] == "missing_permission_or_invalid_tenant"
    assert details["tenant_uuid"] == tenant
    legacy = await site.ask("/0.1/backends", headers={"Wazo-Tenant": tenant})
    assert is_refused_as_before(legacy)
