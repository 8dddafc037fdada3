"""The OpenAPI document tells what is served: its routes, its access words, the shape of its replies."""

import json
import re

import pytest
import yaml

from tests.views.openapi import DOCUMENT, OPERATIONS, TEXT, misfits, resolved

pytestmark = pytest.mark.asyncio(loop_scope="module")

GUARDED = [case for case in OPERATIONS if case[2].get("security") != []]
#: a request that succeeds, where one must be made up
QUERIES = {
    "lookup": "term=a&limit=2&explain=1",
    "reverse": "exten=0199001234&explain=1",
    **dict.fromkeys(["phoneMenu", "phoneInput", "phoneLookup"], "xivo_user_uuid=u&term=a"),
}
BODIES = {"reverseMany": json.dumps({"extens": ["0199001234", "x"]}).encode()}


def access_of(operation):
    return re.search(r"Access: `([^`]+)`", operation["description"])[1]


def request_of(path, operation):
    query = QUERIES.get(operation["operationId"].removesuffix("AsUser").removesuffix("ByVendor"), "")
    return f"/0.1{path.format(profile='default', user_uuid='8a2c', vendor='cisco')}?{query}"


# --- the document and the daemon


async def test_the_routes_served_are_the_ones_documented(site):
    served = {
        (route.method.lower(), route.resource.canonical.removeprefix("/0.1") or "/")
        for route in site.app.router.routes()
        if route.resource.canonical.startswith("/0.1")
    }
    got = {path for method, path in served if method == "get"}
    assert {(method, path) for method, path in served if method != "head" or path not in got} == {
        (method, path) for method, path, _ in OPERATIONS
    }


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
async def test_a_reply_has_the_documented_shape(site, method, path, operation):
    body = BODIES.get(operation["operationId"])
    reply = await site.ask(request_of(path, operation), method.upper(), body=body)
    assert reply.status == 200
    produces = operation.get("produces", DOCUMENT["produces"])
    assert method == "head" or reply.headers["Content-Type"] in produces
    if produces == ["application/json"] and method != "head":
        assert [*misfits(reply.json, operation["responses"]["200"]["schema"])] == []


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED)
async def test_the_access_documented_is_the_one_needed(site, method, path, operation):
    access = access_of(operation).format(profile="default", user_uuid="8a2c")
    body = BODIES.get(operation["operationId"])
    for scopes, status in (([access], 200), (["#", f"!{access}"], 401)):
        token = site.token(*scopes)
        reply = await site.ask(request_of(path, operation), method.upper(), token=token, body=body)
        assert reply.status == status
    assert [*misfits(reply.json, resolved(operation["responses"]["401"])["schema"])] == []


@pytest.mark.parametrize(
    ("method", "path", "operation"), [case for case in OPERATIONS if case not in GUARDED]
)
async def test_what_is_documented_as_open_needs_no_token(site, method, path, operation):
    assert (await site.ask(request_of(path, operation), method.upper(), token=None)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "operation"), [case for case in OPERATIONS if "404" in case[2]["responses"]]
)
async def test_an_unknown_profile_is_told_in_the_documented_shape(site, method, path, operation):
    body = BODIES.get(operation["operationId"])
    request = request_of(path, operation).replace("default", "nope")
    reply = await site.ask(request, method.upper(), body=body)
    assert reply.status == 404
    assert [*misfits(reply.json, resolved(operation["responses"]["404"])["schema"])] == []


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("reverse", ("/directories/reverse/default/u", "GET", None)),
        ("reverseMany", ("/directories/reverse/default/u", "POST", b"{")),
        ("reverseMany", ("/directories/reverse/default/u", "POST", b"{}")),
        ("listSources", ("/sources?order=x", "GET", None)),
        ("listBackends", ("/backends?limit=x", "GET", None)),
        ("listProfileSources", ("/directories/default/sources?direction=x", "GET", None)),
        ("lookup", ("/directories/lookup/default", "GET", None)),
    ],
)
async def test_a_bad_request_is_told_in_the_documented_shape(site, name, request_):
    [operation] = [operation for _, _, operation in OPERATIONS if operation["operationId"] == name]
    path, method, body = request_
    reply = await site.ask(f"/0.1{path}", method, body=body)
    assert reply.status == 400
    assert [*misfits(reply.json, resolved(operation["responses"]["400"])["schema"])] == []


# --- the resource


async def test_anybody_gets_the_document_as_it_is(site):
    reply = await site.ask("/0.1/api/api.yml", token=None)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/x-yaml"
    assert reply.body.decode() == TEXT


@pytest.mark.parametrize(
    ("sent", "base"),
    [
        ("/api/dird", "/api/dird/0.1"),
        ("/api/dird/", "/api/dird/0.1"),
        ("api", "/api/0.1"),
        ("", "/0.1"),
        ("/", "/0.1"),
        ("/a b: [1]# 'x\"", "/a%20b%3A%20%5B1%5D%23%20%27x%22/0.1"),
        ("/é", "/%C3%A9/0.1"),
    ],
)
async def test_behind_a_proxy_the_base_path_begins_as_the_proxy_says(site, sent, base):
    reply = await site.ask("/0.1/api/api.yml", token=None, headers={"X-Script-Name": sent})
    assert reply.status == 200
    assert yaml.safe_load(reply.body) == {**DOCUMENT, "basePath": base}
