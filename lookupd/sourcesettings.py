"""What the configuration says of a source: which directory, how it is pulled, how it is asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Self
from uuid import UUID, uuid5

from pydantic import BeforeValidator, Field, model_validator

from lookupd.number import ALL, Spelling
from lookupd.setting import (
    DEFAULT_TENANT,
    Cron,
    Format,
    Name,
    Region,
    Section,
    Span,
    SpanOrZero,
    switch,
)

#: how late the end of a run may be, at least, before somebody should look why
_LATE = timedelta(minutes=1)


class SyncSettings(Section):
    """When and how a source is pulled into the index."""

    every: Span | None = Field(
        timedelta(minutes=15), description="span between two runs; exclusive with cron"
    )
    cron: Cron | None = Field(None, description="five-field cron expression instead of every")
    jitter: SpanOrZero = Field(
        timedelta(0), description="a random span up to this is added to each run's start"
    )
    at_start: bool = Field(default=True, description="also run when the daemon starts")
    full_every: Span = Field(
        timedelta(hours=24), description="list everything at least this often, even if changes suffice"
    )
    max_loss: float = Field(0.2, ge=0, le=1, description="hold a run that would remove more than this share")
    search_terms: tuple[str, ...] = Field(
        ("",), min_length=1, description="terms that list everything, for back-ends that can only search"
    )
    timeout: Span = Field(timedelta(minutes=30), description="a run that takes longer has failed")

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        if self.cron is not None and self.every is not None and "every" in self.model_fields_set:
            msg = "every and cron exclude each other"
            raise ValueError(msg)
        if self.cron is None and self.every is None:
            msg = "every or cron is required (sync: false for a source that is never pulled)"
            raise ValueError(msg)
        return self

    def is_overdue(self, ended: datetime, now: datetime, took: timedelta | None) -> bool:
        """Whether the run after one that ended at `ended` should have ended, too.

        It may take twice as long as that one `took`; as long as any run may where that is not known, as at
        times of day.
        """
        late = self.timeout
        if self.cron is None and self.every is not None and took is not None:
            late = min(late, max(_LATE, self.every, 2 * took))
        return now - self._due(ended) > self.jitter + max(_LATE, late)

    def _due(self, ended: datetime) -> datetime:
        if self.cron is None:
            return ended + (self.every or timedelta(0))
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - for few, and not at the start

        due: datetime = CronTrigger.from_crontab(self.cron).get_next_fire_time(None, ended)
        return due


class LiveSettings(Section):
    """How a source is asked now, beside the index."""

    timeout: Span = Field(timedelta(milliseconds=400), description="deadline of one question to this source")
    spellings: tuple[Spelling, ...] = Field(
        ALL,
        min_length=1,
        description="spellings of a number this directory may hold; by default all",
    )
    threads: int = Field(4, ge=1, le=64, description="threads of this source's own, for back-ends that block")


class SourceSettings(Section):
    """One directory."""

    name: Name = Field(description="unique in its tenant")
    backend: Name = Field(description="kind of directory: an installed back-end plugin")
    tenant: UUID | None = Field(None, description="owner; by default the default tenant")
    config: dict[str, Any] = Field(
        default_factory=dict, description="the back-end's own keys, see docs/backends.md"
    )
    region: Region | None = Field(
        None, description="country of national numbers in this directory; by default the global one"
    )
    unique_column: str | None = Field(None, description="column that identifies a contact")
    searched_columns: tuple[str, ...] = Field(
        (), description="columns a lookup finds, the most important first"
    )
    first_matched_columns: tuple[str, ...] = Field(
        (), description="columns that hold numbers; every value is indexed"
    )
    format_columns: dict[str, Format] = Field(
        default_factory=dict,
        description="new columns, made of others: {name: '{givenName} {sn}'}; 'reverse' is the caller name",
    )
    sync: Annotated[SyncSettings | None, BeforeValidator(switch)] = Field(
        default_factory=SyncSettings, description="when it is pulled into the index; false: ask it live only"
    )
    live: Annotated[LiveSettings | None, BeforeValidator(switch)] = Field(
        default_factory=LiveSettings, description="how it is asked now; false: answer from the index only"
    )
    fresh_for: Span | None = Field(
        None,
        description="age up to which its answers are fresh; by default twice sync.every, or a day with cron",
    )
    max_stale: Span = Field(
        timedelta(days=7), description="age from which its answers are expired: it is asked first"
    )
    answer_ttl: Span = Field(
        timedelta(days=1),
        description="age up to which a live hit is fresh; after it, it is stale like others",
    )
    absent_ttl: Span = Field(timedelta(hours=1), description="how long a live absence is believed")

    @model_validator(mode="after")
    def _asked_somehow(self) -> Self:
        if self.sync is None and self.live is None:
            msg = "sync and live are both false, so this source would never answer"
            raise ValueError(msg)
        return self

    @property
    def tenant_uuid(self) -> str:
        """The owner's uuid as text."""
        return str(self.tenant) if self.tenant else DEFAULT_TENANT

    @property
    def uuid(self) -> str:
        """A stable identity, made of tenant and name."""
        return str(uuid5(UUID(self.tenant_uuid), f"source/{self.name}"))

    @property
    def freshness_span(self) -> timedelta:
        """Age up to which an answer of this source is fresh."""
        if self.fresh_for is not None:
            return self.fresh_for
        if self.sync is not None and self.sync.every is not None and self.sync.cron is None:
            return 2 * self.sync.every
        return timedelta(days=1)
