"""Who is calling? One number in, one answer out, and never a wait if the index will do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from lookupd.answer import Answer, Known, Origin, Story
from lookupd.decision import Decision, Standing, Word
from lookupd.errors import SourceError
from lookupd.freshness import Freshness
from lookupd.number import Number, Tier, parse, question_keys
from lookupd.plugins import BaseServicePlugin, ServiceArgs

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from lookupd.index.reader import Candidate
    from lookupd.live import Said
    from lookupd.memory import Remembered
    from lookupd.principal import Principal
    from lookupd.profiles import Profile, Profiles
    from lookupd.source import Source


class Index(Protocol):
    """What the service needs of the index."""

    def reverse(
        self, number: Number, keys: Sequence[tuple[Tier, str]], sources: Container[str]
    ) -> list[Candidate]:
        """The synced contacts under the best key, the first of each source first."""
        ...


class Live(Protocol):
    """What the service needs of those who can be asked now."""

    def remembered(self, source: Source, number: Number, principal: Principal) -> Remembered | None:
        """What a source said earlier, if it is still to be believed."""
        ...

    async def ask(
        self, wanted: Mapping[Source, Sequence[Number]], principal: Principal, patience: float
    ) -> dict[Source, Said]:
        """What sources say now, within `patience` seconds."""
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
        asked = _Asked(profile=seen, principal=principal, live=self._live, clock=self._clock)
        cases = [_Case(asked, exten, self._index) for exten in extens]
        while wanted := _wanted(cases):
            said = await self._live.ask(wanted, principal, end - asyncio.get_running_loop().time())
            for case in cases:
                case.hear(said)
        return [case.answer() for case in cases]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What all numbers of one question share."""

    profile: Profile
    principal: Principal
    live: Live
    clock: Callable[[], datetime]


class _Case:
    """One number on its way to an answer."""

    def __init__(self, asked: _Asked, exten: str, index: Index) -> None:
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
            self._standings = self._from_memory(self.number, index)
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
                        tier=Tier.EXACT,
                        origin=Origin.LIVE,
                        since=now,
                        freshness=Freshness.FRESH,
                    )
                )
                self._story.add("asked {!r} now: {}", source.name, word.display or word.uid)

    def answer(self) -> Answer:
        """The answer as things stand; what is stale in it is asked again behind."""
        best = self._decision.best
        if best is not None and best.freshness is not Freshness.FRESH:
            self._refresh(best)
        if self.number is not None:
            self._story.add("answer: {}", best.contact.display or best.contact.uid if best else "nobody")
        return Answer(
            number=self.number,
            known=best,
            age=self._clock() - best.since if best is not None else None,
            failed=self._decision.failures(),
            story=self._story,
        )

    def _from_memory(self, number: Number, index: Index) -> dict[Source, Standing]:
        """What each source of the profile is known to say, without asking."""
        sources = {source.uuid: source for source in self._profile.reverse}
        keys = question_keys(number)
        if not self._profile.settings.reverse.suffix:
            keys = tuple((tier, key) for tier, key in keys if tier is not Tier.SUFFIX)
        indexed: dict[str, Candidate] = {}
        for candidate in index.reverse(number, keys, sources):
            indexed.setdefault(candidate.synced.uuid, candidate)
        return {
            source: self._standing(source, number, indexed.get(source.uuid)) for source in sources.values()
        }

    def _standing(self, source: Source, number: Number, candidate: Candidate | None) -> Standing:
        known = self._indexed(source, candidate)
        remembered = self._live.remembered(source, number, self._principal)
        asks_live = source.asks_live
        if remembered is not None and (known is None or remembered.at > known.since):
            if remembered.contact is None:
                self._story.add("{!r} said at {:%F %T}: nobody has this number", source.name, remembered.at)
                return Standing(source=source.name, asks_live=asks_live, word=Word.ABSENT)
            known = self._remembered(source, remembered)
        if known is not None:
            self._story.add(
                "{!r} has {}: {}, {} match, {}, as of {:%F %T}",
                *(source.name, known.contact.display or known.contact.uid, known.origin, known.tier),
                *(known.freshness, known.since),
            )
            return Standing(source=source.name, asks_live=asks_live, word=Word.HAS, known=known)
        self._story.add("{!r} has nobody in the index", source.name)
        word = Word.UNASKED if source.settings.sync is None else Word.NOT_INDEXED
        return Standing(source=source.name, asks_live=asks_live, word=word)

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

    def _remembered(self, source: Source, remembered: Remembered) -> Known | None:
        if remembered.contact is None:
            return None
        is_fresh = self._clock() - remembered.at <= source.settings.answer_ttl
        return Known(
            contact=remembered.contact,
            backend=source.settings.backend,
            tier=Tier.EXACT,
            origin=Origin.REMEMBERED,
            since=remembered.at,
            freshness=Freshness.FRESH if is_fresh else Freshness.STALE,
        )

    def _refresh(self, best: Known) -> None:
        for source in self._standings:
            if source.name == best.contact.source and source.asks_live and self.number is not None:
                self._live.soon(source, self.number, self._principal)
                self._story.add("{!r} is asked again behind", source.name)


def _shown(number: Number) -> str:
    return f"{number.key} extension {number.extension}" if number.extension else number.key


def _wanted(cases: Sequence[_Case]) -> dict[Source, list[Number]]:
    """The numbers to ask each source about, each number once."""
    wanted: dict[Source, list[Number]] = {}
    for case in cases:
        for source in case.to_ask():
            numbers = wanted.setdefault(source, [])
            if case.number is not None and case.number not in numbers:
                numbers.append(case.number)
    return wanted
