"""Absolute links, as the phone must ask them: everything stands in them, and every value is percent-encoded.

What is made here goes into a document through `document.node`, which escapes it a second time, for XML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

#: the ways to ask the same: of phones that Wazo configures, with the user in the query or in the path;
#: with the vendor first; and of installations without Wazo, perhaps with a secret
WAZO: Final = "/0.1/directories/{entry}/{profile}/{vendor}"
WAZO_USER: Final = "/0.1/directories/{entry}/{profile}/{vendor}/{user_uuid}"
VENDOR_FIRST: Final = "/0.1/{vendor}/directories/{entry}/{profile}"
PLAIN: Final = "/phones/{vendor}/{profile}/{entry}"
OF_DEVICE: Final = "/p/{secret}/phones/{vendor}/{profile}/{entry}"

#: the parameter that names the user
USER: Final = "xivo_user_uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a phone can go on from a document: to the form it came by."""

    #: scheme, host, perhaps port and path
    base: str
    #: one of the ways above
    form: str
    #: what stands for its variables, but `entry`
    words: Mapping[str, str]
    #: parameters that every link repeats
    kept: Mapping[str, str] = field(default_factory=dict)

    def bare(self, entry: str) -> str:
        """A link without parameters."""
        words = {name: quote(word, safe="") for name, word in self.words.items()}
        return self.base + self.form.format(entry=quote(entry, safe=""), **words)

    def to(self, entry: str, **query: str | int) -> str:
        """A link with the parameters that are kept, and these."""
        pairs = {**self.kept, **query}.items()
        text = "&".join(f"{quote(name, safe='')}={quote(str(value), safe='')}" for name, value in pairs)
        return f"{self.bare(entry)}?{text}" if text else self.bare(entry)

    def with_user_in_path(self) -> Links:
        """The same with one parameter less, where there is such a path, and a user."""
        user = self.kept.get(USER)
        if user is None or (user and self.form == OF_DEVICE):
            return self
        kept = {name: value for name, value in self.kept.items() if name != USER}
        if not user:  # nobody: no path has a place for that, and two need none
            form = OF_DEVICE if self.form == OF_DEVICE else PLAIN
            return Links(base=self.base, form=form, words=self.words, kept=kept)
        words = {**self.words, "user_uuid": user}
        return Links(base=self.base, form=WAZO_USER, words=words, kept=kept)
