"""How a view offers resources over HTTP: routes, authentication, access, errors as clients know them.

A resource is a class with `get`, `post`, `put`, `delete`, sync or async, whose methods take the path's
variables as keywords, and `request` if they name it. What may be done is derived from the path: `GET
/0.1/directories/lookup/{profile}` needs the access `dird.directories.lookup.{profile}.read`.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lookupd.errors import (
    AuthError,
    DiskFull,
    LookupdError,
    NotPermitted,
    QuestionTooLarge,
    StateUnusable,
    UnknownProfile,
    UnknownSource,
)
from lookupd.front import is_shown, unpack
from lookupd.lane import Stop
from lookupd.principal import Principal
from lookupd.secret import MASK

if TYPE_CHECKING:
    from lookupd.auth import Authenticator

logger = logging.getLogger(__name__)

#: the prefix of every path
PREFIX = "/0.1"
#: who asks, for a resource method that takes `request`
PRINCIPAL = web.RequestKey("principal", Principal)
#: what the methods of a resource do, in the words of access
_VERBS = {
    "get": "read",
    "head": "read",
    "post": "create",
    "put": "update",
    "patch": "update",
    "delete": "delete",
}
#: Flask's ways to write a path variable, which the developer guide's plugins use
_FLASK_PATH = re.compile(r"<path:(\w+)>")
_FLASK_VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")
_VARIABLE = re.compile(r"\{(\w+)(?::[^}]*)?\}")
_OPEN_VARIABLE = re.compile(r"\{(\w+)\}")

_NOT_FOUND = (
    "<!doctype html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>Nothing is served here.</p>\n"
)

#: what a device's secret looks like in a path
_SECRET = re.compile(r"lkp_[\w-]+|(?<=^/p/)[^/]+")

#: the headers of ours that pages of other origins may read
_OWN_HEADERS = "Age, X-Lookupd-Failed, X-Lookupd-Freshness, X-Lookupd-Partial"
#: headers of every response, where pages of other origins may ask
OPEN = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _OWN_HEADERS}
_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Content-Type, X-Auth-Token, Wazo-Tenant",
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Refused(Exception):
    """A request is wrong; the body is what its clients expect."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body


class RestApi:
    """What a view gets as `rest_api`."""

    def __init__(self, app: web.Application, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator
        #: the resources that can answer at once
        self.stops: list[Stop] = []

    def add_resource(self, resource_class: Callable[[], object], *paths: str) -> None:
        """Serve a resource on these paths, each below /0.1. The class (or function) is called once.

        It may have `access`, the words needed by each method where they do not follow from the path;
        `is_public`, for no authentication; and `is_legacy`, for the older of the two styles of errors. With
        `at_once(principal, name, **variables)` it offers, for a GET with one parameter of this name, a
        function from the parameter's value to a reply that needs no waiting, as body and headers. Either is
        None where only `get` will do (see `lookupd.lane`).
        """
        resource = resource_class()
        methods = {method: method for method in _VERBS if hasattr(resource, method)}
        if "get" in methods:
            methods.setdefault("head", "get")
        for path in paths:
            full = _aiohttp_path(path)
            for verb, method in methods.items():
                self._app.router.add_route(verb.upper(), full, self._handler(resource, method, full))
            if hasattr(resource, "at_once"):
                access = _access(resource, "get", full)
                self.stops.append(Stop(_pattern(full), partial(_filled, access), resource.at_once))

    def _handler(self, resource: object, method: str, path: str) -> Handler:
        function = getattr(resource, method)
        takes_request = "request" in inspect.signature(function).parameters
        access = _access(resource, method, path)
        is_public = getattr(resource, "is_public", False)
        is_legacy = getattr(resource, "is_legacy", False)

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                if not is_public:
                    request[PRINCIPAL] = self._admitted(request, access)
                variables: dict[str, Any] = dict(request.match_info)
                if takes_request:
                    variables["request"] = request
                reply = function(**variables)
                return as_response(await reply if inspect.isawaitable(reply) else reply)
            except Refused as refused:
                return json_response(refused.body, refused.status)
            except LookupdError as error:
                status, body = told(error, _refusal(request, access), is_legacy=is_legacy)
                return json_response(body, status)

        return handle

    def _admitted(self, request: web.Request, access: str) -> Principal:
        """Who asks, if they may do this. Raises TokenUnknown, NotPermitted."""
        headers = request.headers
        principal = self._authenticator.principal(headers.get("X-Auth-Token"), headers.get("Wazo-Tenant"))
        needed = _filled(access, request.match_info)
        if not principal.may(needed):
            raise NotPermitted(f"the token's scopes do not reach {needed!r}")
        return principal


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A reply as clients expect it: one line of JSON, ASCII only."""
    return text_response(json.dumps(body), status, headers)


def text_response(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """The same for JSON that is ready."""
    return web.Response(
        body=f"{body}\n".encode(), status=status, headers=headers, content_type="application/json"
    )


def as_response(reply: object) -> web.StreamResponse:
    """What a resource method returned: a response, a value, or (value, status)."""
    if isinstance(reply, web.StreamResponse):
        return reply
    body, status = reply if isinstance(reply, tuple) else (reply, 204 if reply is None else 200)
    return web.Response(status=204) if status == 204 else json_response(body, status)  # noqa: PLR2004


def told(error: LookupdError, refusal: Mapping[str, object], *, is_legacy: bool) -> tuple[int, object]:
    """Status and body for an error: the one table of this API. `refusal` is what a 401 tells besides."""
    now = time.time()
    status, error_id, resource, details = _facts(error, refusal)
    if is_legacy:
        reason = "Unauthorized" if status == 401 else str(error)  # noqa: PLR2004
        stamp = now if status == 401 else [now]  # noqa: PLR2004
        return status, {"reason": [reason], "timestamp": stamp, "status_code": status}
    body = {"message": str(error), "error_id": error_id, "details": details, "timestamp": now}
    return status, body if resource is None else {**body, "resource": resource}


def _facts(
    error: LookupdError, refusal: Mapping[str, object]
) -> tuple[int, str, str | None, dict[str, object]]:
    """Status, id, resource and details of an error."""
    match error:
        case NotPermitted():
            reason = "missing_permission_or_invalid_tenant"
            return 401, "unauthorized", None, {**refusal, "reason": reason}
        case AuthError():
            reason = "not_found_or_expired"
            told_of = {key: value for key, value in refusal.items() if key != "tenant_uuid"}
            return 401, "unauthorized", None, {**told_of, "reason": reason}
        case UnknownProfile():
            return 404, "unknown-profile", "profiles", {"uuid": error.profile}
        case UnknownSource():
            return 404, "unknown-source", "sources", {}
        case QuestionTooLarge():
            return 400, "invalid-data", None, {}
        case _:
            if not isinstance(error, StateUnusable):  # which the log has told, once
                logger.error("a request failed: %s", error)
            status, error_id = (507, "disk-full") if isinstance(error, DiskFull) else (503, "unavailable")
            return status, error_id, None, {}


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """What no resource has answered: unknown paths, wrong methods, and what nobody foresaw.

    It has no body where that would be shown as the name of a caller.
    """
    try:
        if "Content-Encoding" in request.headers:
            await unpack(request)
        return await handler(request)
    except web.HTTPException as error:
        answer = _told(error)
    except web.RequestPayloadError:
        answer = json_response({"message": "the body cannot be decoded"}, 400)
    except Exception:
        path = _SECRET.sub(MASK, request.rel_url.raw_path)
        logger.exception("%s %s failed", request.method, path)
        answer = json_response({"message": "Internal Server Error"}, 500)
    if is_shown(request.path):
        answer.body = b""
    return answer


def _told(error: web.HTTPException) -> web.Response:
    if isinstance(error, web.HTTPNotFound):
        return web.Response(text=_NOT_FOUND, status=404, content_type="text/html")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allow = {"Allow": error.headers.get("Allow", "")}
        return json_response({"message": "The method is not allowed for the requested URL."}, 405, allow)
    kept = {name: value for name, value in error.headers.items() if not name.startswith("Content-")}
    return json_response({"message": error.reason}, error.status, kept)


@web.middleware
async def other_origins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer browsers that ask beforehand whether pages of other origins may use the interface: they may."""
    if request.method == "OPTIONS" and request.path.startswith(PREFIX):
        return web.Response(headers=_PREFLIGHT)
    return await handler(request)


async def allow_origin(_request: web.Request, response: web.StreamResponse) -> None:
    """Say so in every response."""
    response.headers.update(OPEN)


def _aiohttp_path(path: str) -> str:
    """A path as its author wrote it, below the prefix and with variables in aiohttp's way.

    A variable is any text without a slash: aiohttp would leave out braces, which names may have.
    """
    path = _FLASK_VARIABLE.sub(r"{\1}", _FLASK_PATH.sub(r"{\1:(?s:.+)}", path))
    path = _OPEN_VARIABLE.sub(r"{\1:[^/]+}", path)
    return path if path == PREFIX or path.startswith(f"{PREFIX}/") else f"{PREFIX}{path}"


def _access(resource: object, method: str, path: str) -> str:
    """The access a method needs, with the path's variables left open."""
    words = _VARIABLE.sub(r"{\1}", path.removeprefix(PREFIX)).strip("/").replace("/", ".")
    verb = getattr(resource, "access", {}).get(method, _VERBS[method])
    return f"dird.{words}.{verb}" if words else f"dird.{verb}"


def _filled(access: str, variables: Mapping[str, str]) -> str:
    """The access with the path's variables filled in; a dot in one cannot make a word of its own."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], "").replace(".", "_"), access)


def _pattern(path: str) -> re.Pattern[str]:
    """What aiohttp makes of a path."""
    parts = re.split(r"\{(\w+):([^{}]*)\}", path)
    made = [re.escape(parts[0])]
    for name, inner, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        made += [f"(?P<{name}>{inner})", re.escape(text)]
    return re.compile("".join(made))


def _refusal(request: web.Request, access: str) -> dict[str, object]:
    """What a 401 tells of the request it refuses; the token itself may be good elsewhere, so it is masked."""
    return {
        "invalid_token": MASK if request.headers.get("X-Auth-Token") else None,
        "required_access": _filled(access, request.match_info),
        "tenant_uuid": request.headers.get("Wazo-Tenant"),
    }
