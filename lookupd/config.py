"""The configuration as frozen, checked values: what every key means, and what it may hold.

Reading the files is `lookupd.configfile`; here is what they mean. Larger parts have modules of their own.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from lookupd.guestsettings import GuestSettings
from lookupd.number import NumberRules
from lookupd.profilesettings import Column, DialSettings, LookupSettings, ProfileSettings, ReverseSettings
from lookupd.setting import DEFAULT_TENANT, Region, Section, hint
from lookupd.sourcesettings import LiveSettings, SourceSettings, SyncSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "DEFAULT_TENANT",
    "Auth",
    "Column",
    "Config",
    "DialSettings",
    "Http",
    "Keys",
    "LiveSettings",
    "Log",
    "LookupSettings",
    "Misfits",
    "ProfileSettings",
    "ReverseSettings",
    "SourceSettings",
    "SyncSettings",
]

#: the way to a value: keys of mappings, positions in lists
Keys: TypeAlias = tuple[str | int, ...]


class Origin(Protocol):
    """What a configuration was made from."""

    def mistake(self, keys: Keys, text: str) -> str:
        """The line that tells a mistake, with the file where its key stands."""


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
    _origin: Origin | None = PrivateAttr(default=None)

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

    @property
    def origin(self) -> Origin | None:
        """What it was made from; None where that was no file."""
        return self._origin

    def located(self, folder: Path, origin: Origin | None = None) -> Self:
        """The same configuration, as read from a file in `folder`; its `data` becomes absolute."""
        located = self.kept_in(folder / self.data)
        located._folder, located._origin = folder, origin  # noqa: SLF001 - our own copy
        return located

    def kept_in(self, data: Path) -> Self:
        """The same configuration with another folder for what the daemon keeps."""
        return self.model_copy(update={"data": data})

    def mistake(self, keys: Keys, text: str) -> str:
        """One line for what turns out to be wrong after reading: file, key, what is wrong."""
        return self._origin.mistake(keys, text) if self._origin else f"{_shown(keys)}: {text}"

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
