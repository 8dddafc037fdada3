"""The resources of the interface; paths, parameters and statuses as its clients know them."""

from __future__ import annotations

import asyncio
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aiohttp import web
from typing_extensions import override

from lookupd.pieces import in_pieces
from lookupd.plugins import BaseViewPlugin, ViewArgs
from lookupd.rest import PREFIX, PRINCIPAL, json_response, text_response
from lookupd.views.dird import parameter, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lookupd.lane import Reply
    from lookupd.principal import Principal
    from lookupd.services.catalog import Catalog, SourceEntry
    from lookupd.services.lookup import Lookup
    from lookupd.services.reverse import Reverse
    from lookupd.services.status import Status

#: numbers asked at once at most
BULK = 1000
#: contacts that are written before others are let in: they take a quarter of a millisecond
TURN = 100


class DirdView(BaseViewPlugin):
    """Lookup, reverse, and what is configured."""

    @override
    def load(self, args: ViewArgs, /) -> None:
        services = args["services"]
        catalog, lookup, reverse = services["catalog"], services["lookup"], services["reverse"]
        add = args["rest_api"].add_resource
        add(Root, "/0.1", "/0.1/")
        add(Specification, "/0.1/api/api.yml")
        add(partial(Headers, catalog), "/0.1/directories/lookup/{profile}/headers")
        add(partial(ProfileLookup, lookup, catalog), "/0.1/directories/lookup/{profile}")
        add(partial(UserLookup, lookup, catalog), "/0.1/directories/lookup/{profile}/{user_uuid}")
        add(partial(UserReverse, reverse), "/0.1/directories/reverse/{profile}/{user_uuid}")
        add(partial(ProfileSources, catalog), "/0.1/directories/{profile}/sources")
        add(partial(Sources, catalog), "/0.1/sources")
        add(partial(Backends, catalog), "/0.1/backends")
        add(partial(StatusResource, services["status"]), "/0.1/status")


class Root:
    """What clients ask for to see whether anybody is there."""

    is_public = True

    def head(self) -> web.Response:
        """Somebody is."""
        return web.Response()


class Specification:
    """The interface itself, as an OpenAPI document."""

    is_public = True

    def __init__(self) -> None:
        self._text = files("lookupd.views.dird").joinpath("api.yml").read_text(encoding="utf-8")

    def get(self, request: web.Request) -> web.Response:
        """The document, in YAML. Behind a proxy its `basePath` begins as the proxy says in X-Script-Name.

        It names no scheme: it is the one by which the document was fetched.
        """
        # Quoted, so that whatever was sent stays one plain word of YAML.
        prefix = quote(request.headers.get("X-Script-Name", "").strip("/"), errors="surrogateescape")
        base = f"/{prefix}{PREFIX}" if prefix else PREFIX
        text = self._text.replace(f"basePath: {PREFIX}\n", f"basePath: {base}\n", 1)
        return web.Response(body=text.encode(), content_type="application/x-yaml")


class Headers:
    """The headings of a profile's lookups."""

    is_legacy = True

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, request: web.Request, profile: str) -> dict[str, Any]:
        """Titles and types of the columns."""
        return shape.headers(self._catalog.columns(request[PRINCIPAL], profile))


class _Search:
    """What both ways to search share."""

    def __init__(self, lookup: Lookup, catalog: Catalog) -> None:
        self._lookup = lookup
        self._catalog = catalog

    async def _find(self, request: web.Request, principal: Principal, profile: str) -> web.Response:
        query = request.query
        term = parameter.required(query, "term")
        limit = parameter.natural(query, "limit")
        offset = parameter.natural(query, "offset") or 0
        columns = self._catalog.columns(principal, profile)
        page = await self._lookup.find(principal, profile, term, limit=limit, offset=offset)
        more: dict[str, object] = {}
        if "limit" in query or "offset" in query:
            more["total"] = page.total
        if parameter.flag(query, "explain"):
            more["explain"] = shape.page_story(page)
        results: list[str] = []
        for result in shape.results(page.hits, columns):
            if len(results) % TURN == TURN - 1:
                await asyncio.sleep(0)
            results.append(result)
        return text_response(shape.lookup(results, columns, term, **more), headers=shape.page_headers(page))


class ProfileLookup(_Search):
    """A text search, as the token's user."""

    is_legacy = True

    async def get(self, request: web.Request, profile: str) -> web.Response:
        """A lookup object."""
        return await self._find(request, request[PRINCIPAL], profile)


class UserLookup(_Search):
    """A text search, as some user."""

    async def get(self, request: web.Request, profile: str, user_uuid: str) -> web.Response:
        """A lookup object."""
        return await self._find(request, request[PRINCIPAL].as_user(user_uuid), profile)


class UserReverse:
    """Who has a number."""

    is_legacy = True
    access = {"post": "read"}  # noqa: RUF012 - never changed

    def __init__(self, reverse: Reverse) -> None:
        self._reverse = reverse

    async def get(self, request: web.Request, profile: str, user_uuid: str) -> web.Response:
        """A reverse object."""
        exten = parameter.required(request.query, "exten")
        answer = await self._reverse.who(request[PRINCIPAL].as_user(user_uuid), profile, exten)
        headers = shape.answer_headers(answer)
        if parameter.flag(request.query, "explain"):
            return json_response(shape.explained(answer, exten), headers=headers)
        return text_response(shape.reverse(answer, exten), headers=headers)

    def at_once(
        self, principal: Principal, name: str, *, profile: str, user_uuid: str
    ) -> Callable[[str], Reply] | None:
        """Gives reverse objects and headers for numbers, where no source has to be asked."""
        if name != "exten":
            return None
        user = principal.as_user(user_uuid)
        glance = self._reverse.glance(principal.tenant, profile)

        def reply(exten: str) -> Reply:
            seen = glance.of(exten)
            if seen is not None:
                return shape.seen(seen, exten), None
            answer = self._reverse.at_once(user, profile, exten)
            return None if answer is None else (shape.reverse(answer, exten), shape.answer_headers(answer))

        return reply

    async def post(self, request: web.Request, profile: str, user_uuid: str) -> web.Response:
        """Reverse objects for `{"extens": [...]}`: one for each item, in order."""
        extens = await parameter.texts(request, "extens", most=BULK)
        user = request[PRINCIPAL].as_user(user_uuid)
        if parameter.flag(request.query, "explain"):
            answers = await self._reverse.who_many(user, profile, extens)
            pairs = in_pieces(zip(answers, extens, strict=True))
            told = [shape.explained(answer, exten) async for answer, exten in pairs]
            return json_response({"results": told})
        glance = self._reverse.glance(user.tenant, profile)
        seen = [glance.of(exten) async for exten in in_pieces(extens)]
        unclear = [exten for who, exten in zip(seen, extens, strict=True) if who is None]
        heard = iter(await self._reverse.who_many(user, profile, unclear) if unclear else [])
        results = [
            shape.reverse(next(heard), exten) if who is None else shape.seen(who, exten)
            async for who, exten in in_pieces(zip(seen, extens, strict=True))
        ]
        return text_response(f'{{"results": [{", ".join(results)}]}}')


class ProfileSources:
    """The sources a profile uses."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, request: web.Request, profile: str) -> dict[str, Any]:
        """A page of sources."""
        entries = self._catalog.profile_sources(request[PRINCIPAL], profile)
        return _source_page(request, entries, searched=("name", "backend"))


class Sources:
    """The sources of the tenant."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, request: web.Request) -> dict[str, Any]:
        """A page of sources."""
        return _source_page(request, self._catalog.sources(request[PRINCIPAL]), searched=("name",))


class Backends:
    """The installed back-ends."""

    is_legacy = True

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def get(self, request: web.Request) -> dict[str, Any]:
        """A page of back-ends."""
        items = [{"name": name} for name in self._catalog.backends()]
        return parameter.Paging(request.query, orders=("name",)).page(items, searched=("name",))


class StatusResource:
    """How the daemon is doing."""

    def __init__(self, status: Status) -> None:
        self._status = status

    async def get(self, request: web.Request) -> dict[str, Any]:
        """The parts existing clients know, then our own."""
        tenant = request[PRINCIPAL].tenant
        problem = self._status.index_problem()
        unwritten = self._status.answers_problem()
        unread = self._status.state_problem()
        known = [] if problem else await self._status.sources()
        return {
            "master_tenant": {"status": "ok"},
            "rest_api": {"status": "ok"},
            "bus_consumer": {"status": "ok", "reason": "there is no message bus, and none is needed"},
            "index": {"status": "fail" if problem else "ok", "trouble": problem},
            "answers": {"status": "fail" if unwritten else "ok", "trouble": unwritten},
            "state": {"status": "fail" if unread else "ok", "trouble": unread},
            "load": {"status": "ok", **self._status.load()},
            "plugins": {
                name: {"status": "fail", "trouble": reason}
                for name, reason in self._status.broken_plugins.items()
            },
            "sources": {
                source.name: shape.source_status(source) for source in known if source.tenant_uuid == tenant
            },
        }


def _source_page(
    request: web.Request, entries: Sequence[SourceEntry], searched: tuple[str, ...]
) -> dict[str, Any]:
    items = [
        {
            "uuid": entry.uuid,
            "name": entry.name,
            "backend": entry.backend,
            "tenant_uuid": entry.tenant_uuid,
        }
        for entry in entries
    ]
    paging = parameter.Paging(request.query, orders=("name", "backend"), filters=("uuid", "name", "backend"))
    return paging.page(items, searched=searched)
