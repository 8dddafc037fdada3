"""One number on its way to an answer: what is known of it, whom to ask, and what they said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from lookupd.answer import INDEX, Answer, Failure, Known, Origin, Story
from lookupd.decision import Decision, Standing, Word, takes_back, tier_of
from lookupd.errors import IndexUnusable, SourceDown, SourceError
from lookupd.freshness import Freshness
from lookupd.glance import keys
from lookupd.number import ITSELF, Number, Tier, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
    from datetime import datetime

    from lookupd.contact import Contact
    from lookupd.index.reader import Candidate, Synced
    from lookupd.live import Held
    from lookupd.memory import Remembered
    from lookupd.number import NumberRules
    from lookupd.principal import Principal
    from lookupd.profiles import Profile
    from lookupd.source import Source
    from lookupd.vigil import Said

#: the tiers, best first
_TIERS = tuple(Tier)


class Index(Protocol):
    """What a case needs of the index."""

    def sources(self) -> Mapping[str, Synced]:
        """The sources that were ever synced, by uuid. Raises IndexUnusable."""
        ...

    def reverse(
        self, number: Number, keys: Iterable[tuple[Tier, str]], sources: Container[str]
    ) -> list[Candidate]:
        """The synced contacts under the best key, the first of each source first. Raises IndexUnusable."""
        ...


class Live(Protocol):
    """What a case needs of those who can be asked now."""

    def remembered(self, source: Source, number: Number, principal: Principal) -> Remembered | None:
        """What a source said earlier: a contact with its age, an absence only while it is to be believed."""
        ...

    async def ask(
        self,
        wanted: Mapping[Source, Sequence[Number]],
        principal: Principal,
        patience: float,
        *,
        held: Held,
        named: Collection[Number],
    ) -> dict[Source, Said]:
        """What sources say now, within `patience` seconds; the first that has a number counts."""
        ...

    def soon(self, source: Source, number: Number, principal: Principal, held: Known | None = None) -> None:
        """Refresh behind."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all numbers of one question share."""

    profile: Profile
    principal: Principal
    index: Index
    live: Live
    clock: Callable[[], datetime]
    #: the sources the index stands for, by uuid, and since when it holds; none while it cannot be read
    pulled_at: Mapping[str, datetime]
    #: the same, but since when the index has it: what was said earlier is over
    settled_at: Mapping[str, datetime]
    #: why the index cannot be read
    trouble: str | None = None


class Case:
    """One number of a question."""

    def __init__(self, shared: Shared, exten: str) -> None:
        self._shared = shared
        self._profile = shared.profile
        self._story = Story()
        self.number = parse(exten, shared.profile.rules)
        self._standings: dict[Source, Standing] = {}
        #: whether the index has somebody with the number itself, before whom blocks did not count
        self._hides_blocks = False
        if self.number is None:
            self._story.add("{!r} is not a telephone number: nobody is asked", exten[:64])
        else:
            self._story.add("{!r} is read as {}", exten[:64], _shown(self.number))
            if shared.profile.rules.region is None and self.number.may_be_national:
                self._story.add("no `region` is configured, so no number is national: set it")
            if shared.profile.rules.completes:
                self._tell_what_was_completed(exten, shared.profile.rules)
            indexed = self._read(self.number, keys(self.number, self._profile))
            self._standings = {
                source: self._standing(source, self.number, indexed.get(source.uuid))
                for source in self._profile.reverse
            }
            self._hides_blocks = any(known.tier in ITSELF for known in indexed.values())
            self._fall_back(self.number)
        self._decision = Decision(list(self._standings.values()))

    def _tell_what_was_completed(self, exten: str, rules: NumberRules) -> None:
        """Say what would have been read without the prefixes of a PBX."""
        as_it_is = parse(exten, replace(rules, strip_prefixes=(), add_prefix=""))
        if as_it_is is not None and as_it_is != self.number:
            self._story.add("without strip_prefixes and add_prefix it would be {}", _shown(as_it_is))

    def to_ask(self) -> list[Source]:
        """The sources to ask now, before this number has its answer."""
        asked = {id(standing) for standing in self._decision.to_ask()}
        return [source for source, standing in self._standings.items() if id(standing) in asked]

    @property
    def is_named(self) -> bool:
        """Whether there is somebody to show, whatever else is said."""
        best = self._decision.best
        if best is None:
            return False
        return best.freshness is not Freshness.EXPIRED or self._profile.settings.reverse.serve_expired

    def held(self, source: Source) -> Known | None:
        """Who was known to have this number itself, of one source."""
        known = self._standings[source].known
        return None if known is None else _held(known)

    def hear(self, said: Mapping[Source, Said]) -> None:
        """Take in what sources said about this number, if anything."""
        if self.number is None:
            return
        for source, standing in self._standings.items():
            words = said.get(source, {})
            if self.number in words and not standing.was_asked:
                self._take(source, standing, self.number, words[self.number])
        self._fall_back(self.number)

    def answer(self) -> Answer:
        """The answer as things stand; what is stale in it is asked again behind."""
        best = self._decision.best
        for source, standing in self._standings.items():
            if standing.known is not None and standing.known is best:
                self._refresh(source, standing)
        if self.number is not None:
            self._story.add("answer: {}", _name(best.contact) if best else "nobody")
        return Answer(
            number=self.number,
            known=best,
            age=max(timedelta(0), self._shared.clock() - best.since) if best is not None else None,
            failed=(*self._index_failure(), *self._decision.failures()),
            story=self._story,
        )

    def _read(self, number: Number, wanted: Iterable[tuple[Tier, str]]) -> dict[str, Known]:
        """What the index has; one that cannot be read counts as one that holds nothing."""
        if self._shared.trouble is None:
            try:
                return self._indexed(number, wanted)
            except IndexUnusable as error:
                self._shared = replace(self._shared, pulled_at={}, settled_at={}, trouble=str(error))
        self._story.add("{}", self._shared.trouble)
        return {}

    def _index_failure(self) -> tuple[Failure, ...]:
        """Named only where it would have been asked."""
        if self.number is None or self._shared.trouble is None:
            return ()
        return (Failure(source=INDEX, reason=self._shared.trouble),)

    def _indexed(self, number: Number, wanted: Iterable[tuple[Tier, str]]) -> dict[str, Known]:
        """The best that each source has in the index under the best of these keys, by uuid."""
        shared, now = self._shared, self._shared.clock()
        sources = {source.uuid: source for source in self._profile.reverse}
        found: dict[str, Known] = {}
        for candidate in sorted(shared.index.reverse(number, wanted, shared.pulled_at), key=_rank):
            uuid = candidate.synced.uuid
            if uuid not in found and candidate.synced.synced_at is not None:
                found[uuid] = Known(
                    contact=candidate.contact,
                    backend=sources[uuid].settings.backend,
                    tier=candidate.tier,
                    origin=Origin.INDEX,
                    since=candidate.synced.synced_at,
                    freshness=sources[uuid].lifespan.freshness(candidate.synced.synced_at, now),
                )
        return found

    def _fall_back(self, number: Number) -> None:
        """Look for blocks, if the index had somebody with the number itself, and nobody has it any more."""
        held = (standing.known for standing in self._standings.values())
        if not self._hides_blocks or any(known is not None and known.tier in ITSELF for known in held):
            return
        self._hides_blocks = False
        indexed = self._read(number, [key for key in keys(number, self._profile) if key[0] not in ITSELF])
        for source, standing in self._standings.items():
            known = indexed.get(source.uuid)
            if known is not None and standing.known is None and self._counts(standing, known):
                self._inherit(source, standing, known)

    def _counts(self, standing: Standing, known: Known) -> bool:
        """Whether what the index has of a source counts, after the source itself was asked perhaps."""
        if known.freshness is not Freshness.EXPIRED or standing.word is Word.NOT_INDEXED:
            return True
        return standing.word is Word.FAILED and self._profile.settings.reverse.serve_expired

    def _inherit(self, source: Source, standing: Standing, known: Known) -> None:
        heir = self._has(source, known)
        standing.word, standing.known = heir.word, heir.known
        standing.reason = standing.reason or heir.reason

    def _standing(self, source: Source, number: Number, known: Known | None) -> Standing:
        settled_at = self._shared.settled_at.get(source.uuid)
        said = self._shared.live.remembered(source, number, self._shared.principal)
        if said is not None and said.contact is None:
            return self._denied(source, said, known)
        # What was said before the last good pull is over: the index knows better, also that he has left.
        if said is not None and said.contact is not None and (settled_at is None or said.at >= settled_at):
            known = self._remembered(source, number, said.contact, said.at)
        if known is not None:
            return self._has(source, known)
        return self._unasked(source) if settled_at is None else self._not_indexed(source)

    def _denied(self, source: Source, said: Remembered, known: Known | None) -> Standing:
        """It was asked earlier, and has nobody with the number itself: it is not asked again so soon."""
        settled_at = self._shared.settled_at.get(source.uuid)
        if (
            known is not None
            and settled_at is not None
            and known.tier in ITSELF
            and not takes_back(said, known, settled_at)
        ):
            return self._has(source, known)
        self._story.add("{!r} said at {:%F %T} UTC: nobody has this number", source.name, said.at)
        if known is None or known.tier in ITSELF or known.freshness is Freshness.EXPIRED:
            return Standing(source=source.name, asks_live=source.asks_live, word=Word.ABSENT)
        standing = self._has(source, known)
        standing.was_asked = True
        return standing

    def _has(self, source: Source, known: Known) -> Standing:
        self._story.add(
            "{!r} has {}: {}, {} match, {}, as of {:%F %T} UTC",
            *(source.name, _name(known.contact), known.origin, known.tier),
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
        asks_live = source.settings.live is not None  # it is spared only where the index stands for it
        standing = Standing(source=source.name, asks_live=asks_live, word=Word.UNASKED)
        if not asks_live:
            standing.failed(f"source {source.name!r} has not been synced yet", keep=False)
        return standing

    def _remembered(self, source: Source, number: Number, contact: Contact, since: datetime) -> Known:
        now = self._shared.clock()
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

    def _take(
        self, source: Source, standing: Standing, number: Number, word: Contact | SourceError | None
    ) -> None:
        if isinstance(word, SourceError):
            standing.failed(str(word), keep=self._profile.settings.reverse.serve_expired)
            text = "{!r} is not asked: {}" if isinstance(word, SourceDown) else "asked {!r} now: failed, {}"
            self._story.add(text, source.name, word)
        elif word is None:
            standing.lacks()
            self._story.add("asked {!r} now: nobody has this number", source.name)
        else:
            known = Known(
                contact=word,
                backend=source.settings.backend,
                tier=tier_of(word, number),
                origin=Origin.LIVE,
                since=self._shared.clock(),
                freshness=Freshness.FRESH,
            )
            standing.has(known)
            self._story.add("asked {!r} now: {}", source.name, _name(word))

    def _refresh(self, source: Source, standing: Standing) -> None:
        """Ask again behind where the answer is old, and its source was not asked in vain just now."""
        if self.number is None or standing.known is None or standing.was_asked or not source.asks_live:
            return
        if standing.known.freshness is not Freshness.FRESH:
            held = _held(standing.known)
            self._shared.live.soon(source, self.number, self._shared.principal, held)
            self._story.add("{!r} is asked again behind", source.name)


def _rank(candidate: Candidate) -> int:
    return _TIERS.index(candidate.tier)


def _held(known: Known) -> Known | None:
    return known if known.tier in ITSELF else None


def _name(contact: Contact) -> str:
    return contact.display or f"{contact.uid}, who has no name (its formatted column 'reverse' is empty)"


def _shown(number: Number) -> str:
    return f"{number.key} extension {number.extension}" if number.extension else number.key
