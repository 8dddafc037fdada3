"""What phones show, in the language they ask for: gettext catalogues, negotiated tolerantly.

The texts in English are the keys. Catalogues are `locale/LANGUAGE.po`, read once; no compiled files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: what is shown to phones that ask for nothing we have
ENGLISH: Final = "en"

_TAG = re.compile(r"(?P<language>[a-z]{2,3})(?:[-_][a-z0-9]{1,8})*")
_QUALITY = re.compile(r"q=([0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
#: other names of languages there are catalogues of
_ALIASES: Final = {"no": "nb", "nn": "nb"}
#: nobody speaks more; the rest of a header is noise
_MOST_TAGS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts of one language: call it with the English one."""

    #: ISO 639 code, such as "fr"
    language: str
    #: whether the phone asked for it; else it is English because nothing better is known
    is_asked: bool
    _translated: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __call__(self, text: str) -> str:
        """An English text in this language; the text itself where it has no translation."""
        return self._translated.get(text, text)


@lru_cache(maxsize=256)
def texts(accept_language: str | None) -> Texts:
    """The texts for an `Accept-Language` header, or one language; English where it says nothing useful."""
    catalogues = read_catalogues()
    for language in _languages(accept_language or ""):
        if language == ENGLISH or language in catalogues:
            return Texts(language=language, is_asked=True, _translated=catalogues.get(language, {}))
    return Texts(language=ENGLISH, is_asked=False)


@cache
def read_catalogues() -> Mapping[str, Mapping[str, str]]:
    """Every catalogue, by language. Reads files: views do it when they load, not while a phone waits."""
    return {
        file.name.removesuffix(".po"): _read(file.read_text(encoding="utf-8").splitlines())
        for file in files("lookupd.views.phones").joinpath("locale").iterdir()
        if file.name.endswith(".po")
    }


def _read(lines: list[str]) -> Mapping[str, str]:
    return {
        message.id: message.string
        for message in read_po(lines, abort_invalid=True)
        if isinstance(message.id, str) and isinstance(message.string, str) and message.id and message.string
    }


def _languages(header: str) -> Iterator[str]:
    """What a header names, best first; what is no language tag is skipped."""
    wanted: list[tuple[float, str]] = []
    for part in header.lower().split(",")[:_MOST_TAGS]:
        tag, _, parameters = part.partition(";")
        quality = _QUALITY.search(parameters)
        weight = float(quality[1]) if quality else 1.0
        if (found := _TAG.fullmatch(tag.strip())) and weight > 0:
            wanted.append((weight, found["language"]))
    for _, language in sorted(wanted, key=lambda pair: -pair[0]):
        yield _ALIASES.get(language, language)
