"""Who is calling? One number in, one answer out, and never a wait if the index will do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from lookupd.answer import Answer, Known, Origin, Story
from lookupd.decision import Decision, Standing, Word, takes_back, tier_of
from lookupd.errors import SourceError
from lookupd.freshness import Freshness
from lookupd.number import Number, Tier, parse, question_keys
from lookupd.plugins import BaseServicePlugin, ServiceArgs

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from lookupd.contact import Contact
    from lookupd.index.reader import Candidate, Synced
    from lookupd.live import Said
    from lookupd.memory import Remembered
    from lookupd.principal import Principal
    from lookupd.profiles import Profile, Profiles
    from lookupd.source import Source


#: the tiers, best first
_TIERS = tuple(Tier)


class Index(Protocol):
    """What the service needs of the index."""

    def sources(self) -> Mapping[str, Synced]:
        """The sources that were ever synced, by uuid."""
        ...

    def reverse(
        self, number: Number, keys: Sequence[tuple[Tier, str]], sources: Container[str]
    ) -> list[Candidate]:
        """The synced contacts under the best key, the first of each source first."""
        ...


class Live(Protocol):
    """What the service needs of those who can be asked now."""

    def remembered(self, source: Source, number: Number, principal: Principal) -> Remembered | None:
        """What a source said earlier: a contact with its age, an absence only while it is to be believed."""
        ...

    async def ask(
        self, wanted: Mapping[Source, Sequence[Number]], principal: Principal, patience: float
    ) -> dict[Source, Said]:
        """What sources say now, within `patience` seconds; the first that has a number counts."""
        ...

    def soon(self, source: Source, number: Number, principal: Principal) -> None:
        """Refresh behind."""
        ...


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
        self._live = live
        self._clock = clock

    async def who(self, principal: Principal, profile: str, exten: str) -> Answer:
        """The answer for one number, written in any way. Raises UnknownProfile."""
        [answer] = await self.who_many(principal, profile, [exten])
        return answer

    async def who_many(self, principal: Principal, profile: str, extens: Sequence[str]) -> list[Answer]:
        """One answer for each number asked, in order, all under one deadline. Raises UnknownProfile."""
        seen = self._profiles.get(principal.tenant, profile)
        end = asyncio.get_running_loop().time() + seen.settings.reverse.timeout.total_seconds()
        asked = _Asked(
            profile=seen,
            principal=principal,
            index=self._index,
            live=self._live,
            clock=self._clock,
            pulled_at=_pulled_at(seen, self._index),
        )
        cases = [_Case(asked, exten) for exten in extens]
        while wanted := _wanted(seen, cases):
            said = await self._live.ask(wanted, principal, end - asyncio.get_running_loop().time())
            for case in cases:
                case.hear(said)
        return [case.answer() for case in cases]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What all numbers of one question share."""

    profile: Profile
    principal: Principal
    index: Index
    live: Live
    clock: Callable[[], datetime]
    #: the sources the index stands for, by uuid, and since when it holds
    pulled_at: Mapping[str, datetime]


class _Case:
    """One number on its way to an answer."""

    def __init__(self, asked: _Asked, exten: str) -> None:
        self._profile = asked.profile
        self._live = asked.live
        self._principal = asked.principal
        self._clock = asked.clock
        self._story = Story()
        self.number = parse(exten, asked.profile.rules)
        self._standings: dict[Source, Standing] = {}
        if self.number is None:
            self._story.add("{!r} is not a telephone number: nobody is asked", exten[:64])
        else:
            self._story.add("{!r} is read as {}", exten[:64], _shown(self.number))
            self._standings = self._from_memory(self.number, asked)
        self._decision = Decision(list(self._standings.values()))

    def to_ask(self) -> list[Source]:
        """The sources to ask now, before this number has its answer."""
        asked = {id(standing) for standing in self._decision.to_ask()}
        return [source for source, standing in self._standings.items() if id(standing) in asked]

    def hear(self, said: Mapping[Source, Said]) -> None:
        """Take in what sources said about this number, if anything."""
        for source, standing in self._standings.items():
            words = said.get(source, {})
            if self.number is None or self.number not in words or standing.was_asked:
                continue
            word = words[self.number]
            if isinstance(word, SourceError):
                standing.failed(str(word), keep=self._profile.settings.reverse.serve_expired)
                self._story.add("asked {!r} now: failed, {}", source.name, word)
            elif word is None:
                standing.lacks()
                self._story.add("asked {!r} now: nobody has this number", source.name)
            else:
                now = self._clock()
                standing.has(
                    Known(
                        contact=word,
                        backend=source.settings.backend,
                        tier=tier_of(word, self.number),
                        origin=Origin.LIVE,
                        since=now,
                        freshness=Freshness.FRESH,
                    )
                )
                self._story.add("asked {!r} now: {}", source.name, word.display or word.uid)

    def answer(self) -> Answer:
        """The answer as things stand; what is stale in it is asked again behind."""
        best = self._decision.best
        for source, standing in self._standings.items():
            if standing.known is not None and standing.known is best:
                self._refresh(source, standing)
        if self.number is not None:
            self._story.add("answer: {}", best.contact.display or best.contact.uid if best else "nobody")
        return Answer(
            number=self.number,
            known=best,
            age=self._clock() - best.since if best is not None else None,
            failed=self._decision.failures(),
            story=self._story,
        )

    def _from_memory(self, number: Number, asked: _Asked) -> dict[Source, Standing]:
        """What each source of the profile is known to say, without asking."""
        keys = question_keys(number)
        if not self._profile.settings.reverse.suffix:
            keys = tuple((tier, key) for tier, key in keys if tier is not Tier.SUFFIX)
        best: dict[str, Candidate] = {}
        for candidate in sorted(asked.index.reverse(number, keys, asked.pulled_at), key=_rank):
            best.setdefault(candidate.synced.uuid, candidate)
        return {
            source: self._standing(source, number, best.get(source.uuid), asked.pulled_at.get(source.uuid))
            for source in self._profile.reverse
        }

    def _standing(
        self, source: Source, number: Number, candidate: Candidate | None, pulled_at: datetime | None
    ) -> Standing:
        known = self._indexed(source, candidate)
        said = self._live.remembered(source, number, self._principal)
        if said is not None and said.contact is not None:
            # What was said before the last good pull is over: the index knows better, also that he has left.
            if pulled_at is None or said.at > (known.since if known else pulled_at):
                known = self._remembered(source, number, said.contact, said.at)
        elif said is not None and (known is None or takes_back(said, known)):
            self._story.add("{!r} said at {:%F %T}: nobody has this number", source.name, said.at)
            return Standing(source=source.name, asks_live=source.asks_live, word=Word.ABSENT)
        if known is not None:
            return self._has(source, known)
        return self._unasked(source) if pulled_at is None else self._not_indexed(source)

    def _has(self, source: Source, known: Known) -> Standing:
        self._story.add(
            "{!r} has {}: {}, {} match, {}, as of {:%F %T}",
            *(source.name, known.contact.display or known.contact.uid, known.origin, known.tier),
            *(known.freshness, known.since),
        )
        standing = Standing(source=source.name, asks_live=source.asks_live, word=Word.HAS, known=known)
        if known.freshness is Freshness.EXPIRED and not source.asks_live:
            self._story.add("{!r} is not asked live", source.name)
            reason = f"what source {source.name!r} said has expired, and it is not asked live"
            standing.failed(reason, keep=self._profile.settings.reverse.serve_expired)
        return standing

    def _not_indexed(self, source: Source) -> Standing:
        self._story.add("{!r} has nobody in the index", source.name)
        return Standing(source=source.name, asks_live=source.asks_live, word=Word.NOT_INDEXED)

    def _unasked(self, source: Source) -> Standing:
        self._story.add("{!r} is not in the index", source.name)
        standing = Standing(source=source.name, asks_live=source.asks_live, word=Word.UNASKED)
        if not source.asks_live:
            standing.failed(f"source {source.name!r} has not been synced yet", keep=False)
        return standing

    def _indexed(self, source: Source, candidate: Candidate | None) -> Known | None:
        if candidate is None or candidate.synced.synced_at is None:
            return None
        since = candidate.synced.synced_at
        return Known(
            contact=candidate.contact,
            backend=source.settings.backend,
            tier=candidate.tier,
            origin=Origin.INDEX,
            since=since,
            freshness=source.lifespan.freshness(since, self._clock()),
        )

    def _remembered(self, source: Source, number: Number, contact: Contact, since: datetime) -> Known:
        now = self._clock()
        freshness = source.lifespan.freshness(since, now)
        if freshness is Freshness.FRESH and now - since > source.settings.answer_ttl:
            freshness = Freshness.STALE
        return Known(
            contact=contact,
            backend=source.settings.backend,
            tier=tier_of(contact, number),
            origin=Origin.REMEMBERED,
            since=since,
            freshness=freshness,
        )

    def _refresh(self, source: Source, standing: Standing) -> None:
        """Ask again behind where the answer is old, and its source was not asked in vain just now."""
        if self.number is None or standing.known is None or standing.was_asked or not source.asks_live:
            return
        if standing.known.freshness is not Freshness.FRESH:
            self._live.soon(source, self.number, self._principal)
            self._story.add("{!r} is asked again behind", source.name)


def _pulled_at(profile: Profile, index: Index) -> dict[str, datetime]:
    """The sources of a profile that the index stands for: pulled at least once, and still to be."""
    synced = index.sources()
    return {
        source.uuid: pulled_at
        for source in profile.reverse
        if source.settings.sync is not None
        and source.uuid in synced
        and (pulled_at := synced[source.uuid].synced_at) is not None
    }


def _rank(candidate: Candidate) -> int:
    return _TIERS.index(candidate.tier)


def _shown(number: Number) -> str:
    return f"{number.key} extension {number.extension}" if number.extension else number.key


def _wanted(profile: Profile, cases: Sequence[_Case]) -> dict[Source, list[Number]]:
    """The numbers to ask each source about, each number once; the sources in the order of the profile."""
    wanted: dict[Source, dict[Number, None]] = {source: {} for source in profile.reverse}
    for case in cases:
        if case.number is not None:
            for source in case.to_ask():
                wanted[source][case.number] = None
    return {source: [*numbers] for source, numbers in wanted.items() if numbers}
