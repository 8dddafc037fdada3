"""The configuration as frozen, checked values: what every key means, and what it may hold.

Reading the files is `lookupd.configfile`; here is only what they mean.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias
from uuid import NAMESPACE_DNS, UUID, uuid5

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lookupd.dial import DialRules, OwnCountry
from lookupd.guestsettings import GuestSettings
from lookupd.number import ALL, NumberRules, Spelling
from lookupd.setting import Cron, Format, Name, Region, Section, Span, SpanOrZero, hint, switch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: the way to a value: keys of mappings, positions in lists
Keys: TypeAlias = tuple[str | int, ...]

#: the tenant of everything that does not name one
DEFAULT_TENANT = str(uuid5(NAMESPACE_DNS, "lookupd"))


class Http(Section):
    """Where the daemon listens."""

    listen: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(9489, ge=0, le=65535, description="TCP port; 0 takes a free one")
    workers: int = Field(1, ge=1, le=64, description="serving processes on the port; one serves most sites")
    cors: bool = Field(
        default=True, description="answer browsers of other origins (CORS), as existing clients expect"
    )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the daemon."""
        try:
            return ipaddress.ip_address(self.listen).is_loopback
        except ValueError:
            return self.listen == "localhost"


class Auth(Section):
    """Who may ask."""

    mode: Literal["token", "none"] = Field(
        "token", description="token: local tokens (lookupd token add); none: everybody, on loopback only"
    )


class Log(Section):
    """What is logged, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="lowest level that is logged"
    )


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


class Column(Section):
    """One column of what a lookup shows."""

    title: str | None = Field(None, description="heading")
    field: str | None = Field(None, description="field of the contact to show")
    type: str | None = Field(
        None, description="what it means to clients: name, number, email, favorite, personal, ..."
    )
    default: str | None = Field(
        None, description="shown where the contact has no such field, or nothing in it"
    )
    number_display: str | None = Field(None, description="kept for clients that store it; not used")


class LookupSettings(Section):
    """Which sources a text search covers."""

    sources: tuple[str, ...] = Field((), description="names of sources; their order is their priority")
    timeout: Span = Field(timedelta(milliseconds=500), description="deadline of a whole lookup")
    limit: int = Field(
        100, ge=1, le=1000, description="contacts returned at most, where the client names no limit"
    )


class ReverseSettings(Section):
    """Which sources name a caller."""

    sources: tuple[str, ...] = Field((), description="names of sources; their order is their priority")
    timeout: Span = Field(timedelta(milliseconds=500), description="deadline of a whole question")
    suffix: bool = Field(
        default=False, description="as a last resort match the last 9 digits (flagged in the answer)"
    )
    serve_expired: bool = Field(
        default=True, description="show an expired answer when asking the source fails"
    )
    strip_prefixes: tuple[str, ...] = Field((), description="prefixes the PBX puts before outside numbers")
    add_prefix: str = Field("", description="what the PBX cuts off the numbers it sends")

    @model_validator(mode="after")
    def _prefixes_can_be_dialled(self) -> Self:
        NumberRules(strip_prefixes=self.strip_prefixes, add_prefix=self.add_prefix)
        return self


class DialSettings(Section):
    """How the telephones of a profile dial the numbers they are shown."""

    international_prefix: str | None = Field(
        None, description="dialled before a country code, such as '00'; by default as the directory writes it"
    )
    trunk_prefix: str | None = Field(
        None, description="dialled before a national number; by default as the country does"
    )
    outside_prefix: str = Field("", description="dialled before every number that is not internal")
    own_country: OwnCountry = Field(
        "written",
        description="numbers of the own country: as written in the directory, national or international",
    )
    internal_digits: int | None = Field(
        None, ge=0, le=20, description="bare digits up to this many are internal, and dialled as they are"
    )

    @model_validator(mode="after")
    def _can_be_dialled(self) -> Self:
        self.rules(None)
        return self

    def rules(self, region: str | None) -> DialRules:
        """How telephones in a region dial."""
        return DialRules(region=region, **self.model_dump())


class ProfileSettings(Section):
    """What one group of clients sees."""

    name: Name | None = Field(
        None, description="name that clients use, if not the key: two tenants may both have a 'default'"
    )
    tenant: UUID | None = Field(None, description="owner; by default the default tenant")
    region: Region | None = Field(
        None, description="country of the numbers its clients ask; by default the global one"
    )
    display: str | None = Field(None, description="name of the display for lookups")
    lookup: LookupSettings = Field(default_factory=LookupSettings, description="the text search")
    reverse: ReverseSettings = Field(default_factory=ReverseSettings, description="the caller's name")
    dial: DialSettings = Field(
        default_factory=DialSettings, description="how the telephones of its clients dial"
    )

    @property
    def tenant_uuid(self) -> str:
        """The owner's uuid as text."""
        return str(self.tenant) if self.tenant else DEFAULT_TENANT


class Misfits(ValueError):
    """Parts of the configuration that are right, but do not fit together: what is wrong, by key."""

    def __init__(self, problems: Sequence[tuple[Keys, str]]) -> None:
        super().__init__("; ".join(f"{_shown(keys)}: {text}" for keys, text in problems))
        self.problems = tuple(problems)


def _shown(keys: Keys) -> str:
    return ".".join(map(str, keys))


class Config(Section):
    """The whole configuration."""

    region: Region | None = Field(
        None, description="country whose national numbers are meant (ISO 3166, such as FR)"
    )
    data: Path = Field(Path("/var/lib/lookupd"), description="folder of the index and of what users own")
    http: Http = Field(default_factory=Http, description="where the daemon listens")
    auth: Auth = Field(default_factory=Auth, description="who may ask")
    guests: GuestSettings = Field(
        default_factory=GuestSettings, description="telephones and PBXes that cannot send a token"
    )
    log: Log = Field(default_factory=Log, description="what is logged")
    sources: tuple[SourceSettings, ...] = Field((), description="the directories")
    displays: dict[str, tuple[Column, ...]] = Field(
        default_factory=dict, description="columns of a lookup, by name"
    )
    profiles: dict[str, ProfileSettings] = Field(
        default_factory=dict, description="what clients see, by name"
    )
    views: dict[str, Any] = Field(
        default_factory=dict, description="settings of views, by view; false switches one off"
    )
    _folder: Path = PrivateAttr(default=Path())
    _mistake: Callable[[Keys, str], str] | None = PrivateAttr(default=None)

    # A part is compared with those above it; where one of them is wrong itself, nothing is compared.

    @field_validator("auth")
    @classmethod
    def _nobody_from_outside(cls, auth: Auth, info: ValidationInfo) -> Auth:
        http: Http | None = info.data.get("http")
        if auth.mode == "none" and http is not None and not http.is_loopback:
            problem = (
                f"'none' lets everybody in, so it is allowed only while http.listen is a loopback address, "
                f"not {http.listen!r} (listen on 127.0.0.1, or use mode: token)"
            )
            raise Misfits([(("auth", "mode"), problem)])
        return auth

    @field_validator("sources")
    @classmethod
    def _names_are_unique(cls, sources: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        owners = [(source.tenant_uuid, source.name) for source in sources]
        problems: list[tuple[Keys, str]] = [
            (("sources", position), f"another source is called {owner[1]!r} too")
            for position, owner in enumerate(owners)
            if owner in owners[:position]
        ]
        if problems:
            raise Misfits(problems)
        return sources

    @field_validator("profiles")
    @classmethod
    def _references_are_known(
        cls, profiles: dict[str, ProfileSettings], info: ValidationInfo
    ) -> dict[str, ProfileSettings]:
        sources: tuple[SourceSettings, ...] | None = info.data.get("sources")
        displays: dict[str, object] | None = info.data.get("displays")
        names = [(profile.tenant_uuid, profile.name or key) for key, profile in profiles.items()]
        problems: list[tuple[Keys, str]] = [
            (("profiles", key), f"another profile of this tenant is called {names[position][1]!r} too")
            for position, key in enumerate(profiles)
            if names[position] in names[:position]
        ]
        for name, profile in profiles.items():
            if sources is not None:
                problems += _unknown_sources(name, profile, sources)
            wanted = profile.display
            if wanted is not None and displays is not None and wanted not in displays:
                text = f"no display is called {wanted!r}{hint(wanted, displays)}"
                problems.append((("profiles", name, "display"), text))
        if problems:
            raise Misfits(problems)
        return profiles

    @property
    def folder(self) -> Path:
        """Where the file lies: relative paths in it start here."""
        return self._folder

    def located(self, folder: Path, mistake: Callable[[Keys, str], str] | None = None) -> Self:
        """The same configuration, as read from a file in `folder`; its `data` becomes absolute.

        `mistake` makes the line that tells a mistake, with the file where its key stands.
        """
        located = self.model_copy(update={"data": folder / self.data})
        located._folder, located._mistake = folder, mistake  # noqa: SLF001 - our own copy
        return located

    def mistake(self, keys: Keys, text: str) -> str:
        """One line for what turns out to be wrong after reading: file, key, what is wrong."""
        return self._mistake(keys, text) if self._mistake else f"{_shown(keys)}: {text}"

    def source(self, tenant: str, name: str) -> SourceSettings:
        """The source of this name in a tenant. Raises KeyError when there is none."""
        for source in self.sources:
            if source.name == name and source.tenant_uuid == tenant:
                return source
        raise KeyError(name)

    def rules(self, source: SourceSettings) -> NumberRules:
        """How numbers written in a source are read."""
        return NumberRules(region=source.region or self.region)

    def asked_rules(self, profile: ProfileSettings) -> NumberRules:
        """How numbers asked through a profile are read."""
        return NumberRules(
            region=profile.region or self.region,
            strip_prefixes=profile.reverse.strip_prefixes,
            add_prefix=profile.reverse.add_prefix,
        )

    def suffix_sources(self) -> frozenset[str]:
        """The uuids of sources whose numbers are also found by their last digits."""
        return frozenset(
            self.source(profile.tenant_uuid, name).uuid
            for profile in self.profiles.values()
            if profile.reverse.suffix
            for name in profile.reverse.sources
        )


def _unknown_sources(
    name: str, profile: ProfileSettings, sources: Sequence[SourceSettings]
) -> list[tuple[Keys, str]]:
    known = {source.name for source in sources if source.tenant_uuid == profile.tenant_uuid}
    others = {source.name for source in sources} - known
    return [
        (
            ("profiles", name, service, "sources"),
            f"source {wanted!r} belongs to another tenant"
            if wanted in others
            else f"no source is called {wanted!r}{hint(wanted, known)}",
        )
        for service in ("lookup", "reverse")
        for wanted in getattr(profile, service).sources
        if wanted not in known
    ]
