"""Which callers lack a name, and how one is shown; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lookupd.views.caller_id.name import Junk, ascii_only, clean, cut

if TYPE_CHECKING:
    from lookupd.views.fastagi.settings import Settings

#: what a dialplan or a shell would take for its own, beside what no PBX should get
_RISKY = str.maketrans("$`", "  ")


class Naming:
    """Names as the configuration wants them."""

    def __init__(self, settings: Settings) -> None:
        self._length = settings.length
        self._is_ascii = settings.ascii
        self._junk = Junk(settings.junk)

    def is_unnamed(self, name: str, number: str) -> bool:
        """Whether what stands for a name is empty, a word for that, or a number."""
        return name == number or not any(map(str.isalpha, name)) or self._junk.has(name, (number,))

    def shown(self, name: str, numbers: tuple[str, ...]) -> str:
        """A name as it is set, in one line; empty where it is none."""
        text = self.line(name)
        return "" if self._junk.has(text, numbers) else text

    def line(self, text: str) -> str:
        """Any text in one line that does no harm in a dialplan."""
        spelt = ascii_only(text) if self._is_ascii else text
        return cut(clean(spelt.translate(_RISKY)), self._length)
