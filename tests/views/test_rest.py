"""What a view can say through `rest_api`: resources of all kinds, over real HTTP."""

import json
import logging
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession, web

from lookupd.auth import TokenHolders
from lookupd.errors import (
    DiskFull,
    QuestionTooLarge,
    SourceClosed,
    UnknownProfile,
    UnknownSource,
)
from lookupd.rest import PRINCIPAL, RestApi, allow_origin, errors_as_json, other_origins
from lookupd.state.tokens import Token, Tokens

TENANT = "0d7a1c5e-58f4-4d3a-8e0c-3a5f1f1a2b3c"


class OneToken:
    """A store of one token, which may do what it is told."""

    def __init__(self, *scopes):
        self._scopes = scopes

    def find(self, secret):
        if secret != "good":
            return None
        now = datetime.now(UTC)
        return Token(
            id="1", name="t", tenant=TENANT, user=None, scopes=self._scopes, created_at=now, revoked_at=None
        )


@pytest.fixture
async def serve():
    """Serves resources, and gives a function that asks: (status, headers, body)."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession())

        async def start(resource, *paths, scopes=("#",)):
            app = web.Application(middlewares=[other_origins, errors_as_json])
            app.on_response_prepare.append(allow_origin)
            api = RestApi(app, TokenHolders(OneToken(*scopes), lambda: 0.0))
            api.add_resource(resource, *paths)
            runner = web.AppRunner(app)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            port = runner.addresses[0][1]

            async def ask(path, method="GET", **headers):
                sent = {"X-Auth-Token": "good", **headers}
                url = f"http://127.0.0.1:{port}{path}"
                async with session.request(method, url, headers=sent, allow_redirects=False) as response:
                    return response.status, response.headers, (await response.read()).decode()

            return ask

        yield start


def resource_that(replies=None, error=None, **attributes):
    """A resource whose `get` returns something, or raises."""

    def get(_self):
        if error is not None:
            raise error
        return replies

    return type("Resource", (), {"get": get, **attributes})


# --- what a method may be, take and return


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        ({"message": "pong"}, 200, '{"message": "pong"}\n'),
        (["é"], 200, '["\\u00e9"]\n'),
        (({"made": True}, 201), 201, '{"made": true}\n'),
        (None, 204, ""),
        ((None, 204), 204, ""),
        (("", 204), 204, ""),
        ((None, 200), 200, "null\n"),
        (False, 200, "false\n"),
    ],
)
async def test_a_method_returns_a_value_or_a_value_and_a_status(serve, reply, status, body):
    ask = await serve(resource_that(reply), "/thing")
    got, headers, text = await ask("/0.1/thing")
    assert (got, text) == (status, body)
    assert status == 204 or headers["Content-Type"] == "application/json"


async def test_a_method_may_return_a_whole_response(serve):
    class Resource:
        def get(self):
            return web.Response(text="<xml/>", content_type="text/xml", headers={"X-Own": "1"})

    status, headers, text = await (await serve(Resource, "/thing"))("/0.1/thing")
    assert (status, headers["X-Own"], text) == (200, "1", "<xml/>")


async def test_methods_may_be_sync_or_async(serve):
    class Resource:
        def get(self):
            return "sync"

        async def put(self):
            return "async"

    ask = await serve(Resource, "/thing")
    assert (await ask("/0.1/thing"))[2] == '"sync"\n'
    assert (await ask("/0.1/thing", "PUT"))[2] == '"async"\n'


async def test_a_method_takes_variables_as_keywords_and_the_request_if_it_names_it(serve):
    class Resource:
        def get(self, one, two):
            return [one, two]

        def post(self, request, one, two):
            return [request[PRINCIPAL].tenant, one, two]

    ask = await serve(Resource, "/a/{one}/b/{two}")
    assert json.loads((await ask("/0.1/a/x/b/y"))[2]) == ["x", "y"]
    assert json.loads((await ask("/0.1/a/x/b/y", "POST"))[2]) == [TENANT, "x", "y"]


@pytest.mark.parametrize(
    ("path", "asked", "value"),
    [
        ("/a/<word>", "/0.1/a/x", "x"),
        ("/a/<string:word>", "/0.1/a/x", "x"),
        ("/a/<int:word>/b", "/0.1/a/7/b", "7"),
        ("/a/<path:word>/b", "/0.1/a/x/y/b", "x/y"),
        ("/a/{word}", "/0.1/a/%7Bx%7D%2F%C3%A9", "{x}/é"),
        (r"/a/{word:\d+}", "/0.1/a/12", "12"),
        ("/0.1/a/{word}", "/0.1/a/x", "x"),
    ],
)
async def test_a_path_may_be_written_as_flask_or_as_aiohttp_does(serve, path, asked, value):
    class Resource:
        def get(self, word):
            return {"word": word}

    ask = await serve(Resource, path)
    assert json.loads((await ask(asked))[2]) == {"word": value}


async def test_a_variable_ends_at_a_slash(serve):
    class Resource:
        def get(self, word):
            return word

    ask = await serve(Resource, "/a/{word}", "/b/<word>")
    assert (await ask("/0.1/a/x/y"))[0] == (await ask("/0.1/b/x/y"))[0] == 404


async def test_one_resource_is_made_for_all_its_paths(serve):
    class Resource:
        def __init__(self):
            self._asked = 0

        def get(self):
            self._asked += 1
            return self._asked

    ask = await serve(Resource, "/a", "/b")
    assert [(await ask(path))[2] for path in ("/0.1/a", "/0.1/b", "/0.1/a")] == ["1\n", "2\n", "3\n"]


async def test_a_head_of_its_own_is_used(serve):
    class Resource:
        def get(self):
            return "got"

        def head(self):
            return web.Response(headers={"X-Head": "own"})

    ask = await serve(Resource, "/a")
    assert (await ask("/0.1/a", "HEAD"))[1]["X-Head"] == "own"


# --- who may


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        ("GET", "read"),
        ("HEAD", "read"),
        ("POST", "create"),
        ("PUT", "update"),
        ("PATCH", "update"),
        ("DELETE", "delete"),
    ],
)
async def test_the_access_follows_from_path_and_method(serve, method, verb):
    class Resource:
        def get(self, name):
            return name

        post = put = patch = delete = get

    for scope, status in ((f"dird.things.a_b.part.{verb}", 200), ("dird.things.a_b.part", 401)):
        ask = await serve(Resource, "/things/<name>/part", scopes=[scope])
        assert (await ask("/0.1/things/a.b/part", method))[0] == status


async def test_a_resource_may_name_another_word_for_a_method(serve):
    resource = resource_that("got", access={"get": "sing"})
    assert (await (await serve(resource, "/a", scopes=["dird.a.sing"]))("/0.1/a"))[0] == 200
    assert (await (await serve(resource, "/a", scopes=["dird.a.read"]))("/0.1/a"))[0] == 401


async def test_a_public_resource_asks_for_no_token(serve):
    ask = await serve(resource_that("got", is_public=True), "/a", scopes=[])
    assert (await ask("/0.1/a", **{"X-Auth-Token": "bad"}))[0] == 200


# --- errors


NO_PROFILE = "no profile is called 'x' in this tenant (see 'profiles' in the configuration)"


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            UnknownProfile("x"),
            404,
            {
                "message": NO_PROFILE,
                "error_id": "unknown-profile",
                "resource": "profiles",
                "details": {"uuid": "x"},
            },
        ),
        (
            UnknownSource("x", ["a"]),
            404,
            {
                "message": "no source is called 'x' (configured: a)",
                "error_id": "unknown-source",
                "resource": "sources",
                "details": {},
            },
        ),
        (
            QuestionTooLarge("too long"),
            400,
            {"message": "too long", "error_id": "invalid-data", "details": {}},
        ),
        (
            DiskFull("a.db"),
            507,
            {
                "message": "a.db: the disk is full, nothing was written; make room there, and do it again",
                "error_id": "disk-full",
                "details": {},
            },
        ),
        (
            SourceClosed("a", "down"),
            503,
            {"message": "source 'a' is not loaded: down", "error_id": "unavailable", "details": {}},
        ),
    ],
)
async def test_each_error_has_a_status_and_a_body_in_both_styles(serve, error, status, body):
    ask = await serve(resource_that(error=error), "/a")
    got, _, text = await ask("/0.1/a")
    newer = json.loads(text)
    assert isinstance(newer.pop("timestamp"), float)
    assert (got, newer) == (status, body)

    ask = await serve(resource_that(error=error, is_legacy=True), "/a")
    got, _, text = await ask("/0.1/a")
    older = json.loads(text)
    [stamp] = older.pop("timestamp")
    assert isinstance(stamp, float)
    assert (got, older) == (status, {"reason": [body["message"]], "status_code": status})


async def test_what_nobody_foresaw_is_a_500_that_tells_nothing(serve, caplog):
    ask = await serve(resource_that(error=ZeroDivisionError("secret")), "/a")
    with caplog.at_level(logging.ERROR, "lookupd.rest"):
        status, headers, text = await ask("/0.1/a?password=1")
    assert (status, text) == (500, '{"message": "Internal Server Error"}\n')
    assert headers["Content-Type"] == "application/json"
    assert caplog.records[0].getMessage() == "GET /0.1/a failed"


async def test_the_log_tells_no_secret_of_a_path(serve, caplog):
    def get(_self, word):
        raise ZeroDivisionError(len(word))

    ask = await serve(type("Resource", (), {"get": get, "is_public": True}), "/{word}")
    with caplog.at_level(logging.ERROR, "lookupd.rest"):
        await ask("/0.1/lkp_aB-3_x")
    assert "aB-3" not in caplog.text
    assert "GET /0.1/" in caplog.records[0].getMessage()


@pytest.mark.parametrize("path", ["/cid/1/2", "/p/wrong", "/v2/phone", "/crm/x"])
async def test_what_a_pbx_would_show_as_a_name_is_empty(serve, path):
    ask = await serve(resource_that(), "/a")
    status, _, text = await ask(path)
    assert (status, text) == (404, "")


async def test_a_line_of_the_log_is_not_ended_by_a_path(serve, caplog):
    def get(_self, word):
        raise ZeroDivisionError(word)

    ask = await serve(type("Resource", (), {"get": get, "is_public": True}), "/{word}")
    with caplog.at_level(logging.ERROR, "lookupd.rest"):
        assert (await ask("/0.1/a%0AGET%20b"))[0] == 500
    assert caplog.records[0].getMessage() == "GET /0.1/a%0AGET%20b failed"


async def test_an_http_error_keeps_its_headers_and_becomes_json(serve):
    error = web.HTTPUnauthorized(headers={"WWW-Authenticate": "Basic"}, text="<b>no</b>")
    ask = await serve(resource_that(error=error), "/a")
    status, headers, text = await ask("/0.1/a")
    assert (status, text) == (401, '{"message": "Unauthorized"}\n')
    assert headers["WWW-Authenticate"] == "Basic"
    assert headers["Content-Type"] == "application/json"


async def test_a_redirect_leads_on(serve):
    ask = await serve(resource_that(error=web.HTTPFound("/0.1/b")), "/a")
    status, headers, _ = await ask("/0.1/a")
    assert (status, headers["Location"]) == (302, "/0.1/b")


# --- other origins


@pytest.mark.parametrize("error", [None, ZeroDivisionError(), web.HTTPFound("/b"), UnknownProfile("x")])
async def test_whatever_comes_back_may_be_read_from_elsewhere(serve, error):
    ask = await serve(resource_that({}, error), "/a")
    assert (await ask("/0.1/a"))[1]["Access-Control-Allow-Origin"] == "*"


async def test_only_the_interface_answers_browsers_that_ask_beforehand(serve):
    ask = await serve(resource_that({}), "/a")
    assert (await ask("/0.1/a", "OPTIONS"))[0] == 200
    assert (await ask("/live", "OPTIONS"))[0] == 404


async def test_other_origins_are_told_nothing_where_they_are_switched_off(new_site):
    site = await new_site("data: data\nhttp: {port: 0, cors: false}\n")
    reply = await site.ask("/0.1/status")
    assert reply.status == 200
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert (await site.ask("/0.1/status", "OPTIONS")).status == 405


# --- without authentication


async def test_on_loopback_everybody_may_be_let_in(new_site):
    site = await new_site("region: FR\ndata: data\nhttp: {port: 0}\nauth: {mode: none}\n")
    assert (await site.ask("/0.1/sources", token=None)).json == {"total": 0, "filtered": 0, "items": []}


async def test_without_authentication_the_tenant_is_the_one_named(new_site, other):
    text = f"""
data: data
http: {{port: 0}}
auth: {{mode: none}}
sources: [{{name: theirs, tenant: {other}, backend: csv, config: {{file: others.csv}}}}]
"""
    site = await new_site(text)
    page = await site.ask("/0.1/sources", token=None, headers={"Wazo-Tenant": other})
    assert [item["name"] for item in page.json["items"]] == ["theirs"]


async def test_what_a_full_disk_does_not_take_is_a_507_and_reading_goes_on(serve, tmp_path):
    with closing(Tokens(tmp_path / "state.db")) as tokens:

        class Resource:
            def get(self):
                return len(tokens.all())

            def post(self):
                name, now = "x" * 10_000, datetime.now(UTC)
                return tokens.add(name, tenant=TENANT, user=None, scopes=("#",), now=now)[0].id, 201

        ask = await serve(Resource, "/a")
        assert (await ask("/0.1/a", "POST"))[0] == 201
        tokens._connection.execute("PRAGMA max_page_count = 1")
        status, _, text = await ask("/0.1/a", "POST")
        assert (status, json.loads(text)["error_id"]) == (507, "disk-full")
        assert (await ask("/0.1/a"))[2] == "1\n"
        tokens._connection.execute("PRAGMA max_page_count = 1000000")
        assert (await ask("/0.1/a", "POST"))[0] == 201
        assert (await ask("/0.1/a"))[2] == "2\n"
