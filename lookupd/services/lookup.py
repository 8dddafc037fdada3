"""What is Ann's number? A text in, a page of contacts out: from the index, and from those only ever live."""

from __future__ import annotations

import asyncio
import time
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from typing_extensions import override

from lookupd.answer import INDEX, Failure, Hit, Origin, Page
from lookupd.errors import IndexUnusable, QuestionTooLarge, SourceError, SourceTimeout
from lookupd.freshness import Freshness
from lookupd.index import ranking
from lookupd.index.reader import Found
from lookupd.plugins import BaseServicePlugin, ServiceArgs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from lookupd.contact import Contact
    from lookupd.index.reader import Synced
    from lookupd.principal import Principal
    from lookupd.profiles import Profile, Profiles
    from lookupd.source import Source

T = TypeVar("T")

#: longer terms are refused: no name is so long
TERM_LENGTH = 1024
#: contacts returned at most
MOST = 1000
#: how far pages reach: what stands behind is there to be searched for, not to be read through
REACH = 10_000
#: how long the index is searched at most
LONGEST = timedelta(milliseconds=250)
#: the part of a lookup's time that sources are waited for; the rest is for what is made of what they say
WAITING = 0.9
#: what is found in no source
NOTHING = Found(contacts=(), total=0, is_cut=False)


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked, by whom."""

    profile: Profile
    principal: Principal
    term: str
    _: KW_ONLY
    limit: int
    offset: int
    #: how long the answer may take
    patience: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What sources said that were asked live."""

    found: Mapping[Source, Sequence[Contact]]
    failed: tuple[Failure, ...]
    #: whether time was up before one of them replied
    is_partial: bool


class Index(Protocol):
    """What the service needs of the index."""

    def sources(self) -> Mapping[str, Synced]:
        """The sources that were ever synced, by uuid. Raises IndexUnusable."""
        ...

    async def search(
        self, term: str, sources: Sequence[str], *, limit: int, offset: int = 0, patience: float = 0.25
    ) -> Found:
        """The best contacts for what somebody typed, as far as there is time. Raises IndexUnusable."""
        ...


class LookupService(BaseServicePlugin):
    """Makes the lookup service."""

    @override
    def load(self, args: ServiceArgs, /) -> Lookup:
        return Lookup(args["profiles"], args["index"], lambda: datetime.now(UTC))


class Lookup:
    """Finds contacts by what somebody typed, in the sources of a profile."""

    def __init__(self, profiles: Profiles, index: Index, clock: Callable[[], datetime]) -> None:
        self._profiles = profiles
        self._index = index
        self._clock = clock
        #: searches on their way, each with a deadline of its own
        self._tasks: set[asyncio.Task[list[Contact]]] = set()

    async def find(
        self, principal: Principal, profile: str, term: str, *, limit: int | None = None, offset: int = 0
    ) -> Page:
        """A page of contacts, the best first: by closeness, then by the order of sources, then by name.

        An empty term lists everybody, as far as REACH; pages behind it are empty. Raises UnknownProfile, and
        QuestionTooLarge for a term no name is.
        """
        seen = self._profiles.get(principal.tenant, profile)
        if len(term) > TERM_LENGTH:
            raise QuestionTooLarge(f"a term has at most {TERM_LENGTH} characters, this one {len(term)}")
        offset = min(offset, REACH)
        limit = min(seen.settings.lookup.limit if limit is None else limit, MOST, REACH - offset)
        patience = seen.settings.lookup.timeout
        question = _Question(seen, principal, term, limit=limit, offset=offset, patience=patience)
        began = time.monotonic()
        try:
            return await self._find(question, self._index.sources())
        except IndexUnusable as error:  # as if it held nothing
            left = max(timedelta(), patience - timedelta(seconds=time.monotonic() - began))
            page = await self._find(replace(question, patience=left), {})
            return replace(page, failed=(Failure(source=INDEX, reason=str(error)), *page.failed))

    async def _find(self, question: _Question, synced: Mapping[str, Synced]) -> Page:
        """A page of what is found by those in `synced`, and by the others live. Raises IndexUnusable."""
        seen, limit, offset = question.profile, question.limit, question.offset
        sources = [*dict.fromkeys(seen.lookup)]
        indexed = [source.uuid for source in sources if _is_synced(source, synced)]
        live = [source for source in sources if not _is_synced(source, synced) and _may_be_asked(source)]
        missing = _never_synced(sources, synced)
        if not live:
            found = await self._search(question, indexed, limit=limit, offset=offset)
            return Page(
                hits=self._indexed(seen, found),
                total=found.total,
                is_cut=_is_cut(found),
                failed=missing,
                is_partial=found.is_partial,
            )
        found, said = await _both(
            self._search(question, indexed, limit=limit + offset, offset=0), self._ask(live, question)
        )
        merged = self._merged(seen, question.term, self._indexed(seen, found), said.found)
        return Page(
            hits=tuple(merged[offset : offset + limit]),
            total=found.total + sum(len(contacts) for contacts in said.found.values()),
            is_cut=_is_cut(found),
            failed=missing + said.failed,
            is_partial=found.is_partial or said.is_partial,
        )

    async def _search(self, question: _Question, uuids: Sequence[str], *, limit: int, offset: int) -> Found:
        if not uuids:
            return NOTHING
        patience = min(LONGEST, question.patience).total_seconds()
        return await self._index.search(question.term, uuids, limit=limit, offset=offset, patience=patience)

    async def _ask(self, sources: Sequence[Source], question: _Question) -> _Said:
        """What each source finds, all asked at once; the ones that do not answer in time have failed."""
        patience = question.patience * WAITING
        tasks = {source: self._searching(source, question, patience) for source in sources}
        try:
            await asyncio.wait(tasks.values(), timeout=patience.total_seconds())
        except asyncio.CancelledError:
            for task in tasks.values():  # not awaited: a plugin may take its time to stop
                task.cancel()
            raise
        found: dict[Source, list[Contact]] = {}
        failed: list[Failure] = []
        is_partial = False
        for source, task in tasks.items():
            try:
                if not task.done():  # its own deadline ends it just now
                    raise SourceTimeout(source.name, patience)
                found[source] = task.result()
            except SourceError as error:
                failed.append(Failure(source=source.name, reason=str(error)))
                is_partial |= isinstance(error, SourceTimeout)
        return _Said(found=found, failed=tuple(failed), is_partial=is_partial)

    def _searching(
        self, source: Source, question: _Question, patience: timedelta
    ) -> asyncio.Task[list[Contact]]:
        search = source.search(question.term, question.principal, min(patience, source.timeout))
        task = asyncio.create_task(search, name=f"search-{source.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_let_go)
        return task

    def _indexed(self, profile: Profile, found: Found) -> tuple[Hit, ...]:
        now = self._clock()
        sources = {source.uuid: source for source in profile.lookup}
        #: what all contacts of a source share, by its uuid
        told: dict[str, tuple[str, Origin, datetime, Freshness]] = {}
        hits = []
        for contact, synced in found.contacts:
            if synced.uuid not in told:
                source, since = sources[synced.uuid], synced.synced_at or now
                freshness = source.lifespan.freshness(since, now)
                told[synced.uuid] = (source.settings.backend, Origin.INDEX, since, freshness)
            hits.append(Hit(contact, *told[synced.uuid]))
        return tuple(hits)

    def _merged(
        self, profile: Profile, term: str, indexed: Sequence[Hit], asked: Mapping[Source, Sequence[Contact]]
    ) -> list[Hit]:
        """Both kinds of hits in one order."""
        now = self._clock()
        live = [
            Hit(
                contact=contact,
                backend=source.settings.backend,
                origin=Origin.LIVE,
                since=now,
                freshness=Freshness.FRESH,
            )
            for source, contacts in asked.items()
            for contact in contacts
        ]
        words = ranking.query_words(term)
        if not words:  # everybody: sorting a part of the index would tear the pages apart
            return [*indexed, *live]
        needles = ranking.needles(words)
        position = {source.name: index for index, source in enumerate(profile.lookup)}

        def order(hit: Hit) -> tuple[int, int, str, str]:
            contact = hit.contact
            return (
                ranking.measured(contact.terms, needles)[0],
                position[contact.source],
                contact.terms,
                contact.uid,
            )

        return sorted((*indexed, *live), key=order)


def _is_synced(source: Source, synced: Mapping[str, Synced]) -> bool:
    """Whether the index stands for a source: it was pulled at least once."""
    return (
        source.settings.sync is not None
        and source.uuid in synced
        and synced[source.uuid].synced_at is not None
    )


def _never_synced(sources: Sequence[Source], synced: Mapping[str, Synced]) -> tuple[Failure, ...]:
    """The sources that neither the index nor anybody live can stand for."""
    return tuple(
        Failure(source=source.name, reason=f"source {source.name!r} has not been synced yet")
        for source in sources
        if not _is_synced(source, synced) and not _may_be_asked(source)
    )


def _may_be_asked(source: Source) -> bool:
    """Whether a source that the index does not stand for is asked live."""
    return source.settings.live is not None


def _is_cut(found: Found) -> bool:
    """Whether there is more than all pages together show."""
    return found.is_cut or found.total > REACH


def _let_go(task: asyncio.Task[list[Contact]]) -> None:
    """Nobody may be left to read how it ended."""
    if not task.cancelled():
        task.exception()


async def _both(search: Awaitable[Found], ask: Coroutine[Any, Any, T]) -> tuple[Found, T]:
    """Both at once; when the index cannot be read, or nobody waits any more, nobody is asked any more."""
    asking = asyncio.create_task(ask, name="search-live")
    try:
        return await search, await asking
    finally:
        asking.cancel()
