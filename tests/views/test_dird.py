"""The REST interface that existing clients speak: lookups, headings, and what all of it has in common."""

import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEADERS = ["Favorite", "Name", "Mail", "Office", None, "Fax", "Fixed", "Private"]
TYPES = ["favorite", "name", "email", None, "number", None, None, "personal"]
NO_RELATIONS = {"xivo_id": None, "agent_id": None, "user_id": None, "user_uuid": None, "endpoint_id": None}
LOOKUP = "/0.1/directories/lookup/default"


def of_staff(uid, values):
    """A result; the first and the last column are the favorite and the personal one."""
    relations = {**NO_RELATIONS, "source_entry_id": uid}
    return {
        "column_values": [False, *values, False],
        "relations": relations,
        "source": "staff",
        "backend": "csv",
    }


ADA = of_staff("1", ["Ada Bélanger", "ada@example.com", "B12", "+33 1 99 00 12 34", "no fax", "always"])
BOB = of_staff("2", ["Bob Müller", "none", "nowhere", "01 99 00 56 78", "no fax", "always"])


# --- the lookup object


@pytest.mark.parametrize("path", [LOOKUP, f"{LOOKUP}/8a2c"])
async def test_a_lookup_is_this_object_and_nothing_else(site, path):
    reply = await site.ask(path, term="belang")
    assert reply.status == 200
    assert reply.json == {
        "column_headers": HEADERS,
        "column_types": TYPES,
        "results": [ADA],
        "term": "belang",
    }


async def test_the_keys_of_a_lookup_stand_in_their_order(site):
    found = (await site.ask(LOOKUP, term="ada")).json
    assert list(found) == ["column_headers", "column_types", "results", "term"]
    assert list(found["results"][0]) == ["column_values", "relations", "source", "backend"]
    assert list(found["results"][0]["relations"]) == [*NO_RELATIONS, "source_entry_id"]


async def test_a_reply_is_one_line_of_ascii_json_and_a_newline(site):
    reply = await site.ask(LOOKUP, term="ada")
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.body.isascii()
    assert reply.body.count(b"\n") == 1
    assert reply.body == json.dumps(reply.json).encode() + b"\n"
    assert rb"Ada B\u00e9langer" in reply.body


async def test_the_default_of_a_column_stands_in_for_an_empty_field_too(site):
    assert (await site.ask(LOOKUP, term="muller")).json["results"] == [BOB]


async def test_a_column_without_a_default_is_null_where_the_contact_has_nothing(site):
    found = (await site.ask(LOOKUP, term="cleo")).json
    assert found["results"][0]["column_values"][4] is None


async def test_a_contact_without_a_unique_column_has_no_entry_id(site):
    [acme] = (await site.ask(LOOKUP, term="acme")).json["results"]
    assert acme == {
        "column_values": [False, None, "none", "nowhere", None, "no fax", "always", False],
        "relations": {**NO_RELATIONS, "source_entry_id": None},
        "source": "partners",
        "backend": "csv",
    }


async def test_an_empty_term_lists_everybody(site):
    found = (await site.ask(LOOKUP, term="")).json
    assert len(found["results"]) == 4
    assert found["term"] == ""


async def test_a_term_nobody_has_finds_nobody(site):
    assert (await site.ask(LOOKUP, term="zzz")).json["results"] == []


async def test_a_profile_without_a_display_shows_what_its_first_source_searches_and_matches(site):
    found = (await site.ask("/0.1/directories/lookup/plain", term="ada")).json
    assert found["column_headers"] == ["name", "mail", "number", "mobile"]
    assert found["column_types"] == ["name", None, "number", "number"]
    [ada] = found["results"]
    assert ada["column_values"] == ["Ada Bélanger", "ada@example.com", "+33 1 99 00 12 34", "06 39 98 12 34"]


async def test_a_profile_with_nothing_in_it_finds_nothing(site):
    reply = await site.ask("/0.1/directories/lookup/empty", term="ada")
    assert reply.json == {"column_headers": [], "column_types": [], "results": [], "term": "ada"}


async def test_a_source_that_fails_takes_nothing_from_a_lookup_but_its_own(site):
    found = (await site.ask("/0.1/directories/lookup/failing", term="ada", explain="true")).json
    assert [result["source"] for result in found["results"]] == ["staff"]
    assert [failure["source"] for failure in found["explain"]["failed"]] == ["gone, really"]


# --- paging and explaining a lookup


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"limit": "1"}, ["Ada Bélanger"]),
        ({"limit": "2", "offset": "1"}, ["Bob Müller", "Cléo Ångström"]),
        ({"offset": "3"}, [None]),
        ({"limit": "0"}, []),
        ({"offset": "999999999"}, []),
        ({"limit": "999999999"}, ["Ada Bélanger", "Bob Müller", "Cléo Ångström", None]),
    ],
)
async def test_a_page_of_a_lookup_says_how_many_there_are(site, query, names):
    found = (await site.ask(LOOKUP, term="", **query)).json
    assert [result["column_values"][1] for result in found["results"]] == names
    assert found["total"] == 4


@pytest.mark.parametrize("value", ["-1", "x", "", "1.5", "²", "٣", "1000000000", " 1"])
@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("path", [LOOKUP, f"{LOOKUP}/8a2c", "/0.1/sources"])
async def test_a_limit_or_offset_that_is_no_whole_number_is_a_400(site, path, name, value):
    reply = await site.ask(path, term="a", **{name: value})
    assert reply.status == 400
    body = reply.json
    assert isinstance(body.pop("timestamp"), float)
    must = {"message": "must be a whole number from 0", "constraint_id": "range"}
    assert body == {
        "message": "Sent data is invalid",
        "error_id": "invalid-data",
        "details": {name: {**must, "constraint": {"min": 0, "max": 999999999}}},
    }


@pytest.mark.parametrize("value", ["True", "true", "1", "yes", "on"])
async def test_an_explained_lookup_tells_where_each_contact_is_from(site, value):
    found = (await site.ask(LOOKUP, term="ada", explain=value)).json
    [told] = found["explain"].pop("results")
    assert found["explain"] == {"total": 1, "is_cut": False, "is_partial": False, "failed": []}
    assert sorted(told) == ["as_of", "freshness", "origin"]
    assert (told["origin"], told["freshness"]) == ("index", "fresh")


@pytest.mark.parametrize("value", ["False", "false", "0", "", "maybe"])
async def test_nothing_is_explained_where_nobody_asked(site, value):
    assert "explain" not in (await site.ask(LOOKUP, term="ada", explain=value)).json


# --- headings, and which route wins


async def test_headings_are_titles_and_types_in_the_order_of_the_display(site):
    reply = await site.ask(f"{LOOKUP}/headers")
    assert reply.status == 200
    assert reply.json == {"column_headers": HEADERS, "column_types": TYPES}


async def test_headers_is_no_user_even_with_a_term(site):
    assert "results" not in (await site.ask(f"{LOOKUP}/headers", term="ada")).json


async def test_a_profile_may_be_called_headers(site):
    reply = await site.ask("/0.1/directories/lookup/headers", term="ada")
    assert [result["source"] for result in reply.json["results"]] == ["staff"]


async def test_any_text_is_a_user(site):
    reply = await site.ask(f"{LOOKUP}/not%20a%20uuid%7Bx%7D%2F", term="ada")
    assert len(reply.json["results"]) == 1


@pytest.mark.parametrize(
    "path", ["dotted.name", "a%20b%2Fc", "%7B%C3%A9%7D", "100%2525", "%3Fx%3D%23+%26", "%F0%9F%98%80"]
)
async def test_a_profile_may_have_an_odd_name(site, path):
    assert (await site.ask(f"/0.1/directories/lookup/{path}/headers")).json["column_headers"] == HEADERS


# --- errors


@pytest.mark.parametrize(
    "path",
    ["lookup/nope", "lookup/nope/headers", "reverse/nope/8a2c"],
)
async def test_an_unknown_profile_is_a_404_in_the_older_style(site, path):
    reply = await site.ask(f"/0.1/directories/{path}", term="ada", exten="1")
    assert reply.status == 404
    body = reply.json
    [stamp] = body.pop("timestamp")
    assert isinstance(stamp, float)
    reason = "no profile is called 'nope' in this tenant (see 'profiles' in the configuration)"
    assert body == {"reason": [reason], "status_code": 404}


@pytest.mark.parametrize("path", ["lookup/nope/8a2c", "nope/sources"])
async def test_an_unknown_profile_is_a_404_in_the_newer_style(site, path):
    reply = await site.ask(f"/0.1/directories/{path}", term="ada")
    assert reply.status == 404
    body = reply.json
    assert isinstance(body.pop("timestamp"), float)
    assert body == {
        "message": "no profile is called 'nope' in this tenant (see 'profiles' in the configuration)",
        "error_id": "unknown-profile",
        "details": {"uuid": "nope"},
        "resource": "profiles",
    }


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("lookup/default", "term"),
        ("lookup/default/8a2c", "term"),
        ("lookup/nope", "term"),
        ("reverse/default/8a2c", "exten"),
        ("reverse/nope/8a2c", "exten"),
    ],
)
async def test_a_missing_argument_is_told_as_clients_know_it(site, path, name):
    reply = await site.ask(f"/0.1/directories/{path}")
    assert reply.status == 400
    assert reply.json == {"message": {name: f"{name} is missing"}}


# --- the frame


async def test_whether_anybody_is_there_needs_no_token(site):
    for path in ("/0.1", "/0.1/"):
        reply = await site.ask(path, "HEAD", token=None)
        assert (reply.status, reply.body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        f"{LOOKUP}?term=a",
        f"{LOOKUP}/headers",
        "/0.1/directories/reverse/default/u?exten=1",
        "/0.1/sources",
        "/0.1/backends",
        "/0.1/status",
        "/0.1/api/api.yml",
    ],
)
async def test_what_can_be_got_can_be_asked_for_its_head(site, path):
    head, got = await site.ask(path, "HEAD"), await site.ask(path)
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


@pytest.mark.parametrize(
    "path", ["/", "/0.1/nothing", "/0.1/directories", f"{LOOKUP}/a/b", f"{LOOKUP}/", "/0.2/status", "//"]
)
async def test_an_unknown_path_is_a_404_in_html(site, path):
    for token in ("", None):
        reply = await site.ask(path, token=token)
        assert reply.status == 404
        assert reply.headers["Content-Type"].startswith("text/html")
        assert reply.body.startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"{LOOKUP}/headers", {"GET", "HEAD"}),
        ("DELETE", "/0.1/status", {"GET", "HEAD"}),
        ("PATCH", "/0.1/directories/reverse/default/u", {"GET", "HEAD", "POST"}),
        ("GET", "/0.1", {"HEAD"}),
    ],
)
async def test_a_wrong_method_is_a_405_in_json_that_names_the_right_ones(site, method, path, allowed):
    reply = await site.ask(path, method)
    assert reply.status == 405
    assert set(reply.headers["Allow"].split(",")) == allowed
    assert list(reply.json) == ["message"]


async def test_every_reply_may_be_read_by_pages_of_other_origins(site):
    for path in (f"{LOOKUP}/headers", "/0.1/nothing", "/0.1/directories/lookup/nope", "/live"):
        reply = await site.ask(path, headers={"Origin": "https://phone.example.com"})
        assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_a_browser_that_asks_beforehand_is_told_200_without_a_token(site):
    sent = {
        "Origin": "https://phone.example.com",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-auth-token",
    }
    reply = await site.ask(LOOKUP, "OPTIONS", token=None, headers=sent)
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Access-Control-Allow-Headers"] == "Content-Type, X-Auth-Token, Wazo-Tenant"
    assert {"GET", "POST", "PUT", "DELETE"} <= set(reply.headers["Access-Control-Allow-Methods"].split(", "))
