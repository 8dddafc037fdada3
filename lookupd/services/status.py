"""How the daemon and each source are doing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from lookupd.errors import IndexUnusable, UnknownSource
from lookupd.plugins import BaseServicePlugin, ServiceArgs
from lookupd.source import State
from lookupd.sync.end import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lookupd.freshness import Freshness
    from lookupd.front import Load
    from lookupd.gate import Condition
    from lookupd.index.reader import Run, Synced
    from lookupd.source import Source


class Index(Protocol):
    """What the service needs of the index."""

    def sources(self) -> Mapping[str, Synced]:
        """The sources that were ever synced, by uuid. Raises IndexUnusable."""
        ...

    async def runs(self, uuid: str, limit: int = 20) -> list[Run]:
        """The last runs of a source, newest first. Raises IndexUnusable."""
        ...


class Answers(Protocol):
    """What the service needs of the store of remembered answers."""

    problem: str | None


class Owned(Protocol):
    """What the service needs of the state."""

    def problem(self) -> str | None:
        """Why it cannot be read; None when it can."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How a source is doing."""

    uuid: str
    name: str
    backend: str
    tenant_uuid: str
    #: closed, loaded or failed
    state: State
    #: why it cannot be used
    reason: str | None
    #: how the last live question about a number failed; None when it did not
    last_error: str | None
    #: how the last live text search failed; None when it did not
    last_search_error: str | None
    contacts: int
    generation: int
    synced_at: datetime | None
    #: of what the index holds of it; None where it holds nothing
    freshness: Freshness | None
    #: why the last run was held
    held: str | None
    last_run: Run | None
    #: since when a run is missing; None where none is
    overdue_since: datetime | None
    #: how it takes live questions just now
    condition: Condition

    @property
    def trouble(self) -> str | None:
        """Why somebody should look at it; None when all is well."""
        if self.state is State.FAILED:
            return self.reason
        if self._has_failed:
            return f"{self._error}; before that: {self.held}" if self.held is not None else self._error
        if self.held is not None:
            return self.held
        if self._error is None and self.overdue_since is not None:
            return (
                f"no run has ended since {self.overdue_since:%F %T} UTC, though one should have: is lookupd "
                f"running, and is there room on its disk? Its log tells more"
            )
        return self._error or self.last_error or self.last_search_error

    @property
    def complaint(self) -> str | None:
        """The kind of trouble, in words that anybody may read; None when all is well."""
        if self.state is State.FAILED:
            return "does not load"
        if self.held is not None:
            return "sync held"
        if self._error is not None:
            return "last sync failed"
        if self.overdue_since is not None:
            return "sync overdue"
        if self.last_error is not None:
            return "does not answer"
        return "does not answer text searches" if self.last_search_error is not None else None

    @property
    def _error(self) -> str | None:
        return self.last_run.error if self.last_run is not None else None

    @property
    def _has_failed(self) -> bool:
        """Whether the last run failed, for whatever an earlier one was held."""
        return self.last_run is not None and self.last_run.outcome == Outcome.FAILED


class StatusService(BaseServicePlugin):
    """Makes the status service."""

    @override
    def load(self, args: ServiceArgs, /) -> Status:
        return Status(
            all_sources=args["all_sources"],
            index=args["index"],
            answers=args["answers"],
            broken_plugins=args["broken_plugins"],
            front=args["load"],
            state=args["state"],
            clock=lambda: datetime.now(UTC),
            began=datetime.now(UTC),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Tells how things are, without asking any directory."""

    all_sources: Iterable[Source]
    index: Index
    answers: Answers
    #: plugins that do not run: "kind name" -> reason
    broken_plugins: Mapping[str, str]
    front: Load
    clock: Callable[[], datetime]
    #: since when the sources are as they are configured
    began: datetime
    #: None where nothing of it is used
    state: Owned | None = None

    def load(self) -> dict[str, object]:
        """The connections and requests of the daemon: what there is now, and what was refused so far."""
        return self.front.facts()

    def answers_problem(self) -> str | None:
        """Why remembered answers are kept in memory only; None when they are written."""
        return self.answers.problem

    def state_problem(self) -> str | None:
        """Why `state.db` cannot be read, with the remedy; None when it can, or need not."""
        return self.state.problem() if self.state is not None else None

    def index_problem(self) -> str | None:
        """Why the index cannot answer, with what SQLite says; None when it can."""
        try:
            self.index.sources()
        except IndexUnusable as error:
            return str(error)
        return None

    async def sources(self) -> list[SourceStatus]:
        """Every source, in the order of the configuration; what the index does not tell is left out."""
        synced: Mapping[str, Synced] = {}
        with suppress(IndexUnusable):
            synced = self.index.sources()
        return [await self._source(source, synced.get(source.uuid)) for source in self.all_sources]

    async def runs(self, name: str, limit: int = 20) -> list[Run]:
        """The last sync runs of a source, newest first. Raises UnknownSource, IndexUnusable."""
        for source in self.all_sources:
            if source.name == name:
                return await self.index.runs(source.uuid, limit)
        raise UnknownSource(name, [source.name for source in self.all_sources])

    async def _source(self, source: Source, synced: Synced | None) -> SourceStatus:
        since = synced.synced_at if synced is not None else None
        runs: list[Run] = []
        with suppress(IndexUnusable):
            runs = await self.index.runs(source.uuid, limit=1)
        return SourceStatus(
            uuid=source.uuid,
            name=source.name,
            backend=source.settings.backend,
            tenant_uuid=source.settings.tenant_uuid,
            state=source.state,
            reason=source.reason,
            last_error=source.last_error,
            last_search_error=source.last_search_error,
            contacts=synced.contacts if synced is not None else 0,
            generation=synced.generation if synced is not None else 0,
            synced_at=since,
            freshness=source.lifespan.freshness(since, self.clock()) if since is not None else None,
            held=synced.held if synced is not None else None,
            last_run=runs[0] if runs else None,
            overdue_since=self._overdue_since(source, synced, runs),
            condition=source.condition,
        )

    def _overdue_since(self, source: Source, synced: Synced | None, runs: Sequence[Run]) -> datetime | None:
        """When the last run ended, or it was to be pulled for the first time, if that is too long ago."""
        settings = source.settings.sync
        if settings is None:
            return None
        ends = [run.started_at + timedelta(seconds=run.seconds) for run in runs]
        if synced is not None and synced.synced_at is not None:
            ends.append(synced.synced_at)
        last = max(ends, default=self.began)
        took = timedelta(seconds=runs[0].seconds) if runs else None
        return last if settings.is_overdue(last, self.clock(), took) else None
