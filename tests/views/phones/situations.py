"""What every kind of phone is shown in every situation: asked over HTTP, for golden files and checkers."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from lookupd.errors import SourceFailed
from lookupd.views.phones.vendors import VENDORS
from tests.views.phones.conftest import USER, open_phones, person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.views.phones.conftest import Reply

#: how phones reach the server, through a proxy
OUTSIDE = "https://phones.example.com/directory"
#: words that stand for a vendor which has another word too
ALIASES = frozenset({"mitel", "technicolor"})
WORDS = tuple(word for word in VENDORS if word not in ALIASES)

PEOPLE = (
    person("Ada Bélanger", "+33 1 99 00 12 34", "06 39 98 12 34"),
    person("Bob Müller", "01 99 00 56 78"),
    person("Cléo Ångström", None, "06 39 98 33 33", "+44 20 7946 0018"),
    person("Door"),
    person("Élise Zhang", "4711", "+1 555 010 9999"),
)
#: what documents must not be broken by
ODD = (
    person("Tom & Jerry <b>\"quoted\"</b> 'n'", "01 99 00 00 01"),
    person("أحمد الرشيد", "01 99 00 00 02"),
    person("👩‍💻 Ünï \x01\x0b\ufffe code", "01 99 00 00 03"),
    person("L" * 500, "01 99 00 00 04", "06 39 98 00 04"),
    person("]]> -->", "**21#"),
)


def lookup(word: str, term: str = "", *, offset: int | None = None, limit: int | None = None) -> str:
    """The URL by which a phone of this kind asks for a page."""
    if word == "gigaset":
        page = "" if limit is None else f"&first={(offset or 0) + 1}&count={limit}"
        return f"/0.1/directories/lookup/default/gigaset/{USER}?command=get%5flist&set_first={term}%2a{page}"
    page = "".join(f"&{name}={value}" for name, value in (("limit", limit), ("offset", offset)) if value)
    search = f"givenName=&sn={term}&telephoneNumber=" if word == "ascom" else f"term={term}"
    return f"/0.1/directories/lookup/default/{word}?xivo_user_uuid={USER}&{search}{page}"


async def shown(folder: Path) -> AsyncIterator[tuple[str, str, Reply]]:
    """Vendor, situation and reply."""
    async with AsyncExitStack() as stack:
        site = await open_phones(stack, folder / "people", list(PEOPLE), external_url=OUTSIDE)
        odd = await open_phones(stack, folder / "odd", list(ODD), external_url=OUTSIDE)
        down = await open_phones(stack, folder / "down", [], live=[], external_url=OUTSIDE)
        down.directories["far"].error = SourceFailed("far", "search", "is down")
        for word in WORDS:
            vendor = VENDORS[word]
            for entry in ("menu", "input"):
                if getattr(vendor, entry) is not None:
                    url = f"/0.1/directories/{entry}/default/{word}?xivo_user_uuid={USER}"
                    yield word, entry, await site.ask(url)
            yield word, "all", await site.ask(lookup(word))
            for situation, offset in (("first", None), ("middle", 2), ("last", 4)):
                yield word, situation, await site.ask(lookup(word, offset=offset, limit=2))
            yield word, "search", await site.ask(lookup(word, "mul"))
            yield word, "empty", await site.ask(lookup(word, "nobody"))
            yield word, "empty-fr", await site.ask(lookup(word, "nobody"), Accept_Language="fr-CA,en;q=0.5")
            yield word, "all-fr", await site.ask(lookup(word), Accept_Language="fr")
            yield word, "odd", await odd.ask(lookup(word))
            yield word, "error", await down.ask(lookup(word, "a"))
