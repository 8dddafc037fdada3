"""What a sync run will change, decided apart from doing it; pure."""

from __future__ import annotations

from dataclasses import dataclass

#: a source of no more contacts than this may shrink as it likes
SMALL = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will change in one source's part of the index."""

    #: contacts the index holds now
    before: int
    added: int
    changed: int
    removed: int
    unchanged: int
    #: removed contacts in whose place another came, where neither is known by an id that lasts
    replaced: int = 0
    #: whether the settings are others than those of the last good run, so that no id lasts
    is_resettled: bool = False

    @property
    def after(self) -> int:
        """Contacts the index will hold."""
        return self.before + self.added - self.removed

    @property
    def is_change(self) -> bool:
        """Whether anything is written."""
        return bool(self.touched)

    @property
    def touched(self) -> int:
        """Contacts that come, change, or go."""
        return self.added + self.changed + self.removed

    @property
    def lost(self) -> int:
        """Contacts that go without another in their place."""
        return self.removed - self.replaced

    def loses_too_much(self, max_loss: float) -> bool:
        """Whether so large a share of the source would be removed that somebody should look first."""
        return self.before > SMALL and self.lost > max_loss * self.before
