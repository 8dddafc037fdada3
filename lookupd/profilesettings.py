"""What the configuration says of a profile: what one group of clients sees, and how their telephones dial."""

from __future__ import annotations

from datetime import timedelta
from typing import Self
from uuid import UUID  # noqa: TC003 - pydantic reads it

from pydantic import Field, model_validator

from lookupd.dial import DialRules, OwnCountry
from lookupd.number import NumberRules
from lookupd.setting import DEFAULT_TENANT, Name, Region, Section, Span


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
    timeout: Span = Field(timedelta(milliseconds=250), description="deadline of a whole lookup")
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
