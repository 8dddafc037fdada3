"""The answer that a look at the index settles: nobody else has a say in it.

Most questions are such: every source is synced and fresh, and none has said anything about the number since.
What `Case` decides step by step for the others comes out the same here, in one (a test compares them).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lookupd.errors import IndexUnusable
from lookupd.number import Tier, parse, question_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping

    from lookupd.index.reader import Caller, Synced
    from lookupd.number import Number
    from lookupd.profiles import Profile


class Index(Protocol):
    """What a glance needs of the index."""

    def sources(self) -> Mapping[str, Synced]:
        """The sources that were ever synced, by uuid: the same mapping until one changes."""
        ...

    def callers(self, number: Number, sources: Container[str], *, with_suffix: bool) -> list[Caller]:
        """Who is shown under the best key: of each source the first. Raises IndexUnusable."""
        ...


class Memory(Protocol):
    """What a glance needs of those who can be asked."""

    def knows(self, number: Number) -> bool:
        """Whether any source said anything about a number earlier."""
        ...


class Seen(NamedTuple):
    """What is shown of the one who calls."""

    #: the caller's name
    display: str | None
    #: all fields as a JSON object, ready to send
    body: str
    #: name of the source; None: nobody has this number
    source: str | None


NOBODY = Seen(None, "{}", None)


class Glance:
    """Looks for the numbers of one profile."""

    def __init__(self, profile: Profile, index: Index, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._profile = profile
        self._index = index
        self._memory = memory
        self._clock = clock
        self._with_suffix = profile.settings.reverse.suffix
        #: the places of the sources in the profile, by uuid
        self._places = {source.uuid: place for place, source in reversed([*enumerate(profile.reverse)])}
        #: the index it was made for, and until when all of it is fresh
        self._synced: Mapping[str, Synced] | None = None
        self._settled_until = datetime.min.replace(tzinfo=UTC)

    def of(self, exten: str) -> Seen | None:
        """Who has a number; None where more than a glance is needed."""
        profile, index = self._profile, self._index
        number = parse(exten, profile.rules)
        if number is None:
            return NOBODY
        try:
            synced = index.sources()
            if synced is not self._synced:
                self._settled_until, self._synced = self._settled(synced), synced
            if self._clock() > self._settled_until or self._memory.knows(number):
                return None
            callers = index.callers(number, self._places, with_suffix=self._with_suffix)
        except IndexUnusable:
            return None
        if not callers:
            return None if any(source.asks_live for source in profile.reverse) else NOBODY
        first = callers[0] if len(callers) == 1 else min(callers, key=self._place)
        return Seen(first.display, first.body, first.synced.name)

    def _place(self, caller: Caller) -> int:
        """The place of a caller's source in the profile."""
        return self._places[caller.synced.uuid]

    def _settled(self, synced: Mapping[str, Synced]) -> datetime:
        """Until when the index speaks for every source of the profile, and is fresh."""
        ends = [datetime.max.replace(tzinfo=UTC)]
        for source in self._profile.reverse:
            pulled_at = synced[source.uuid].synced_at if source.uuid in synced else None
            if pulled_at is None or source.settings.sync is None:
                return datetime.min.replace(tzinfo=UTC)
            try:
                ends.append(pulled_at + source.lifespan.fresh_for)
            except OverflowError:  # fresh for longer than there are dates
                continue
        return min(ends)


def keys(number: Number, profile: Profile) -> Iterator[tuple[Tier, str]]:
    """The keys to look for, best first. The first is made at once, as mostly no other is needed."""
    yield Tier.EXACT, number.key
    yield from question_keys(number, with_suffix=profile.settings.reverse.suffix)[1:]
