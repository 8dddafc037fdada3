"""The paths by which phones come, and what is wrong with a request."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from lookupd.errors import QuestionError
from lookupd.plugins import BaseViewPlugin, ViewArgs
from lookupd.rest import Refused, json_response, told
from lookupd.setting import hint
from lookupd.views.phones import link, query
from lookupd.views.phones.directory import Asked, Directory
from lookupd.views.phones.found import Finder
from lookupd.views.phones.language import read_catalogues
from lookupd.views.phones.link import Links
from lookupd.views.phones.query import NoNumber
from lookupd.views.phones.vendors import VENDORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from lookupd.views.phones.vendor import Vendor

_ENTRIES: Final = ("menu", "input", "lookup")
_FORM: Final = "application/x-www-form-urlencoded"
#: parameters that stand in every link
_KEPT: Final[tuple[str, ...]] = (link.USER, "limit", "language")
#: so long is nothing that makes sense in them
_LONGEST: Final = 512
#: the ways on which the user and the term must be named
_STRICT: Final = frozenset({link.WAZO, link.VENDOR_FIRST})


class PhonesView(BaseViewPlugin):
    """The directory key of desk phones, for every kind of them."""

    @override
    def load(self, args: ViewArgs, /) -> None:
        services = args["services"]
        read_catalogues()
        self._guests = args["guests"]
        self._finder = Finder(services["lookup"], services["catalog"], time.monotonic)
        self._directory = Directory(self._guests, self._finder, services["catalog"], services["reverse"])
        router = args["http_app"].router
        one_of = "{vendor:" + "|".join(VENDORS) + "}"
        for form in (link.WAZO, link.VENDOR_FIRST):
            for entry in _ENTRIES:
                # Only known words: the same path with any other leads to a user's lookup.
                path = form.replace("{vendor}", one_of) if entry == "lookup" else form
                router.add_get(_route(path.replace("{entry}", entry)), partial(self._serve, form, entry))
        path = link.WAZO_USER.replace("{vendor}", one_of).replace("{entry}", "lookup")
        router.add_get(_route(path), partial(self._serve, link.WAZO_USER, "lookup"))
        for form in (link.PLAIN, link.OF_DEVICE):
            router.add_get(_route(form), partial(self._serve, form, None))
            router.add_post(_route(form), partial(self._serve, form, None))

    @override
    async def unload(self) -> None:
        await self._finder.close()

    async def _serve(self, form: str, entry: str | None, request: web.Request) -> web.Response:
        try:
            return await self._directory.answer(await self._asked(form, entry, request))
        except NoNumber as error:
            return json_response(_invalid({str(error): "must be a whole number"}), 400)
        except Refused as refused:
            return json_response(refused.body, refused.status)
        except QuestionError as error:
            status, body = told(error, {}, is_legacy=True)
            return json_response(body, status)

    async def _asked(self, form: str, entry: str | None, request: web.Request) -> Asked:
        """The request, taken apart. Raises Refused."""
        words = dict(request.match_info)
        vendor, entry = _entry(words["vendor"], entry or words.pop("entry"))
        sent = await _sent(request)
        missing = _missing(vendor, entry, sent) if form in _STRICT else []
        if missing:
            raise Refused(400, _invalid({name: f"{name} is missing" for name in missing}))
        kept = {name: sent[name][:_LONGEST] for name in _KEPT if name in sent}
        return Asked(
            request=request,
            vendor=vendor,
            entry=entry,
            profile=words["profile"],
            links=Links(base=self._guests.base(request), form=form, words=words, kept=kept),
            query=sent,
            secret=words.get("secret"),
            user=words.get("user_uuid") or sent.get(link.USER),
        )


def _route(path: str) -> str:
    """A path whose variables are any text without a slash."""
    for name in ("profile", "user_uuid", "secret", "entry"):
        path = path.replace(f"{{{name}}}", f"{{{name}:[^/]+}}")
    return path


def _entry(word: str, entry: str) -> tuple[Vendor, str]:
    """The vendor, and what it is asked for. Raises Refused where it does not know that."""
    vendor = VENDORS.get(word)
    if vendor is None:
        there = ", ".join(sorted(VENDORS))
        raise _not_found(f"no vendor is called {word!r}{hint(word, VENDORS)}; there are: {there}")
    pages = {"menu": vendor.menu, "input": vendor.input, "lookup": vendor.page}
    entry = "lookup" if entry in vendor.files else entry
    if pages.get(entry) is None:
        there = ", ".join([*(name for name, page in pages.items() if page is not None), *vendor.files])
        raise _not_found(f"{word!r} has no page {entry!r}; there are: {there}")
    return vendor, entry


def _not_found(reason: str) -> Refused:
    """What is told like a profile that does not exist."""
    return Refused(404, {"reason": [reason], "timestamp": [time.time()], "status_code": 404})


async def _sent(request: web.Request) -> dict[str, str]:
    """The parameters, of the query and of a form; of what else may be posted nothing is read."""
    is_form = request.method == "POST" and request.content_type == _FORM
    form = (await request.read()).decode("ascii", "surrogateescape").strip() if is_form else ""
    return {**query.parse(request.rel_url.raw_query_string), **query.parse(form)}


def _missing(vendor: Vendor, entry: str, sent: Mapping[str, str]) -> list[str]:
    wanted = [link.USER] if link.USER not in sent else []
    return [*wanted, "term"] if entry == "lookup" and vendor.term(sent) is None else wanted


def _invalid(details: Mapping[str, str]) -> dict[str, object]:
    return {
        "message": "Sent data is invalid",
        "error_id": "invalid-data",
        "details": {name: {"message": text} for name, text in details.items()},
        "timestamp": time.time(),
    }
