"""The directory of a phone: what was asked -> a document; who may ask, how far, in which language.

Nothing here knows how a document looks. What a human is to read is a document too, with the status that
phones show: 200, where it is not about who asks.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from aiohttp import web

from lookupd.errors import GuestUnknown, LookupdError, QuestionError, StateUnusable, Throttled
from lookupd.views.phones import query
from lookupd.views.phones.document import clean, is_seen
from lookupd.views.phones.found import REACH, Found, entry_of
from lookupd.views.phones.language import texts
from lookupd.views.phones.page import Page, cut
from lookupd.views.phones.rows import Entry, Number
from lookupd.views.phones.turn import aside
from lookupd.views.phones.vendor import MANY, Sheet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lookupd.guest import Guest, Guests
    from lookupd.services.catalog import Catalog
    from lookupd.services.reverse import Reverse
    from lookupd.views.phones.found import Finder
    from lookupd.views.phones.link import Links
    from lookupd.views.phones.vendor import Vendor

logger = logging.getLogger(__name__)

_REALM: Final = {"WWW-Authenticate": 'Basic realm="directory", charset="UTF-8"'}
_OK: Final = 200
#: statuses that are not about who asks
_ABOUT_US: Final = frozenset({403, 503})
_UNREACHABLE: Final = "Directory not reachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request of a phone, taken apart."""

    request: web.Request
    vendor: Vendor
    #: menu, input or lookup
    entry: str
    profile: str
    links: Links
    query: Mapping[str, str]
    secret: str | None = None
    user: str | None = None


class _Message(Exception):
    """Something to be read by whoever holds the phone, instead of rows."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.text = text
        #: for phones that cannot show it
        self.status = status


class Directory:
    """Answers phones."""

    def __init__(self, guests: Guests, finder: Finder, catalog: Catalog, reverse: Reverse) -> None:
        self._guests = guests
        self._finder = finder
        self._catalog = catalog
        self._reverse = reverse

    async def answer(self, asked: Asked) -> web.Response:
        """A document. Raises QuestionError, and NoNumber for a number in the query that is none."""
        language = asked.query.get("language") or asked.request.headers.get("Accept-Language")
        sheet = Sheet(texts=texts(language), links=asked.links, limits=asked.vendor.limits, query=asked.query)
        try:
            return await self._answer(asked, sheet)
        except QuestionError:
            raise
        except _Message as message:
            return _told(asked, sheet, message.text, status=message.status)
        except GuestUnknown:
            status = 401 if asked.secret is None else 404
            headers = _REALM if asked.secret is None else {}
            return _told(asked, sheet, sheet.texts("Not allowed"), status=status, headers=headers)
        except Throttled as error:
            headers = {"Retry-After": str(int(error.seconds) + 1)}
            return _told(asked, sheet, sheet.texts("Too many requests"), status=429, headers=headers)
        except StateUnusable:  # the log has told it, once
            return _told(asked, sheet, sheet.texts(_UNREACHABLE), status=503)
        except LookupdError:
            logger.exception("a phone's question failed")
            return _told(asked, sheet, sheet.texts(_UNREACHABLE), status=503)

    async def _answer(self, asked: Asked, sheet: Sheet) -> web.Response:
        draw = {"menu": asked.vendor.menu, "input": asked.vendor.input}.get(asked.entry)
        if draw is None:
            return await self._rows(asked, sheet)
        guest = self._admitted(asked, most=0)
        self._catalog.columns(guest.principal, guest.profile or asked.profile)
        return _document(asked, asked.vendor.write(draw(sheet)))

    async def _rows(self, asked: Asked, sheet: Sheet) -> web.Response:
        """What was searched for; and the guest is counted what they are told."""
        vendor, most = asked.vendor, self._guests.settings.page
        term, number = query.term(vendor.term(asked.query) or ""), vendor.number(asked.query)
        is_copy = vendor.is_book and not term and number is None
        guest = self._admitted(asked, most=1 if number is not None else REACH if is_copy else most)
        told = 0
        try:
            if number is not None:
                found = await self._who(asked, guest, number)
            else:
                found = await self._found(asked, guest, sheet, term)
            if found.is_partial and (not found.entries or vendor.message is None):
                logger.warning("profile %r: a phone was told that it cannot be reached", asked.profile)
                raise _Message(sheet.texts(_UNREACHABLE), 503)
            response, page = await self._page(
                asked, replace(sheet, term=term), found, most=MANY if is_copy else most
            )
            told = page.contacts if response.status == _OK else 0
            return response
        finally:
            self._guests.told(guest, told)

    def _admitted(self, asked: Asked, most: int) -> Guest:
        return self._guests.admit(
            asked.request, secret=asked.secret, user=asked.user, profile=asked.profile, most=most
        )

    async def _found(self, asked: Asked, guest: Guest, sheet: Sheet, term: str) -> Found:
        if guest.min_term and query.letters(term) < guest.min_term:
            wanted = sheet.texts("Type at least %d characters").replace("%d", str(guest.min_term))
            raise _Message(wanted, 403)
        is_going_on = asked.vendor.window(asked.vendor.limits, asked.query, 0).offset > 0
        profile = guest.profile or asked.profile
        return await self._finder.find(guest.principal, profile, term, is_going_on=is_going_on)

    async def _who(self, asked: Asked, guest: Guest, number: str) -> Found:
        """Who has a number: with the number that was asked, so that the phone finds it in the reply."""
        profile = guest.profile or asked.profile
        answer = await self._reverse.who(guest.principal, profile, number)
        if answer.known is None:
            return Found(entries=(), is_partial=bool(answer.failed))
        contact = answer.known.contact
        shown = entry_of(contact, self._catalog.columns(guest.principal, profile), lambda *_: (number,))
        display = clean(contact.display or "")
        name = display if is_seen(display) else shown.name if shown else number
        entry = Entry(name, (Number(number),), f"{contact.source}/{contact.uid}")
        return Found(entries=(entry,), is_partial=False)

    async def _page(self, asked: Asked, sheet: Sheet, found: Found, most: int) -> tuple[web.Response, Page]:
        vendor = asked.vendor
        rows = await found.rows(per_row=vendor.limits.numbers, longest=vendor.limits.number)
        window = vendor.window(vendor.limits, asked.query, len(rows))
        window = replace(window, most=min(window.most, most))
        page = cut(rows, window, lambda page: len(vendor.write(vendor.page(sheet, page))))
        body = await aside(lambda: vendor.write(vendor.page(sheet, page)), len(page.rows))
        return _document(asked, body), page


def _document(
    asked: Asked, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    vendor = asked.vendor
    if vendor.is_book and status == _OK:
        tag = blake2b(body, digest_size=16).hexdigest()
        known = asked.request.if_none_match or ()
        if any(etag.value in {tag, "*"} for etag in known):
            return web.Response(status=304, headers={"ETag": f'"{tag}"'})
        headers = {**(headers or {}), "ETag": f'"{tag}"'}
    return web.Response(
        body=body, status=status, headers=headers, content_type=vendor.content_type, charset="utf-8"
    )


def _told(
    asked: Asked, sheet: Sheet, text: str, *, status: int, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A message; phones show only what has status 200, so others are for whom it makes a difference."""
    message = asked.vendor.message
    if message is None:
        return web.Response(text=f"{text}\n", status=status, headers=headers)
    body = asked.vendor.write(message(sheet, text))
    return _document(asked, body, _OK if status in _ABOUT_US else status, headers)
