"""Who is calling? One number in, one answer out, and never a wait if the index will do."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from typing_extensions import override

import lookupd.case
import lookupd.glance
from lookupd.case import Case, Shared
from lookupd.errors import IndexUnusable
from lookupd.glance import Glance
from lookupd.pieces import in_pieces
from lookupd.plugins import BaseServicePlugin, ServiceArgs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lookupd.answer import Answer, Known
    from lookupd.index.reader import Synced
    from lookupd.number import Number
    from lookupd.principal import Principal
    from lookupd.profiles import Profile, Profiles
    from lookupd.source import Source


class Index(lookupd.case.Index, lookupd.glance.Index, Protocol):
    """What this service needs of the index."""


class Live(lookupd.case.Live, lookupd.glance.Memory, Protocol):
    """What it needs of those who can be asked now."""


class ReverseService(BaseServicePlugin):
    """Makes the reverse service."""

    @override
    def load(self, args: ServiceArgs, /) -> Reverse:
        return Reverse(args["profiles"], args["index"], args["live"], lambda: datetime.now(UTC))


class Reverse:
    """Finds the contact behind a number, in the sources of a profile, in their order."""

    def __init__(self, profiles: Profiles, index: Index, live: Live, clock: Callable[[], datetime]) -> None:
        self._profiles = profiles
        self._index = index
        #: of each profile, by tenant and name: what the index stands for, while it gives the same sources
        self._pulled: dict[tuple[str, str], tuple[Mapping[str, Synced], _Pulled]] = {}
        #: what the index gave last; and of each source, since when it has what it has
        self._synced: Mapping[str, Synced] | None = None
        self._settled: dict[str, tuple[datetime, datetime]] = {}
        self._live = live
        self._clock = clock
        self._glances = {
            (profile.tenant, profile.name): Glance(profile, index, live, clock) for profile in profiles
        }

    async def who(self, principal: Principal, profile: str, exten: str) -> Answer:
        """The answer for one number, written in any way. Raises UnknownProfile."""
        [answer] = await self.who_many(principal, profile, [exten])
        return answer

    def glance(self, tenant: str, profile: str) -> Glance:
        """What looks for numbers that need no more than a look. Raises UnknownProfile."""
        seen = self._profiles.get(tenant, profile)
        return self._glances[seen.tenant, seen.name]

    def at_once(self, principal: Principal, profile: str, exten: str) -> Answer | None:
        """The same answer, if it needs no source to be asked before. Raises UnknownProfile."""
        case = Case(self._shared(principal, self._profiles.get(principal.tenant, profile)), exten)
        return None if case.to_ask() else case.answer()

    async def who_many(self, principal: Principal, profile: str, extens: Sequence[str]) -> list[Answer]:
        """One answer for each number asked, in order, all under one deadline. Raises UnknownProfile."""
        seen = self._profiles.get(principal.tenant, profile)
        end = asyncio.get_running_loop().time() + seen.settings.reverse.timeout.total_seconds()
        shared = self._shared(principal, seen)
        cases = [Case(shared, exten) async for exten in in_pieces(extens)]
        while wanted := _wanted(seen, cases):
            left = end - asyncio.get_running_loop().time()
            named = [case.number for case in cases if case.number is not None and case.is_named]
            said = await self._live.ask(wanted, principal, left, held=_held(cases), named=named)
            async for case in in_pieces(cases):
                case.hear(said)
        return [case.answer() async for case in in_pieces(cases)]

    def _shared(self, principal: Principal, profile: Profile) -> Shared:
        pulled = _Pulled({}, {})
        trouble = None
        try:
            synced = self._index.sources()
            name = profile.tenant, profile.name
            known, pulled = self._pulled.get(name, (None, pulled))
            if known is not synced:
                self._settle(synced)
                pulled_at = _pulled_at(profile, synced)
                pulled = _Pulled(pulled_at, {uuid: self._settled[uuid][1] for uuid in pulled_at})
                self._pulled[name] = synced, pulled
        except IndexUnusable as error:
            trouble = str(error)
        return Shared(
            profile=profile,
            principal=principal,
            index=self._index,
            live=self._live,
            clock=self._clock,
            pulled_at=pulled.at,
            settled_at=pulled.settled_at,
            trouble=trouble,
        )

    def _settle(self, synced: Mapping[str, Synced]) -> None:
        """Note which sources have been pulled since the last look.

        A pull counts from when it was written, and one that is seen to come from when it is seen: to be
        written takes a moment.
        """
        if synced is self._synced:
            return
        is_first, self._synced = self._synced is None, synced
        for uuid, one in synced.items():
            if one.synced_at is None:
                continue
            known = self._settled.get(uuid)
            if known is None or known[0] != one.synced_at:
                written_at = (one.written_at if is_first else None) or self._clock()
                self._settled[uuid] = one.synced_at, written_at


class _Pulled(NamedTuple):
    """What the index stands for, by uuid."""

    #: since when it holds
    at: dict[str, datetime]
    #: since when the index has it
    settled_at: dict[str, datetime]


def _pulled_at(profile: Profile, synced: Mapping[str, Synced]) -> dict[str, datetime]:
    """The sources of a profile that the index stands for: pulled at least once, and still to be."""
    return {
        source.uuid: pulled_at
        for source in profile.reverse
        if source.settings.sync is not None
        and source.uuid in synced
        and (pulled_at := synced[source.uuid].synced_at) is not None
    }


def _held(cases: Sequence[Case]) -> dict[Source, dict[Number, Known]]:
    """Who is known to have the numbers that are asked for, of the sources that are asked."""
    held: defaultdict[Source, dict[Number, Known]] = defaultdict(dict)
    for case in cases:
        for source in case.to_ask():
            if case.number is not None and (known := case.held(source)) is not None:
                held[source][case.number] = known
    return held


def _wanted(profile: Profile, cases: Sequence[Case]) -> dict[Source, list[Number]]:
    """The numbers to ask each source about, each number once; the sources in the order of the profile."""
    wanted: dict[Source, dict[Number, None]] = {source: {} for source in profile.reverse}
    for case in cases:
        if case.number is not None:
            for source in case.to_ask():
                wanted[source][case.number] = None
    return {source: [*numbers] for source, numbers in wanted.items() if numbers}
