"""What an LDAP source can be told, checked before anything asks the network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

import ldap.dn
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

#: the name of an attribute as RFC 4512 writes it: a name or an OID, with options
Attribute = Annotated[
    str, StringConstraints(pattern=r"^(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)(?:;[A-Za-z0-9-]+)*$")
]
_ESCAPE = re.compile(r"\\[0-9A-Fa-f]{2}")
_PLACEHOLDER = re.compile(r"(?<!\{)\{([A-Za-z][A-Za-z0-9;-]*)(?=[}\[.!:])")


class Settings(BaseModel):
    """The section of one LDAP source."""

    # A rejected value may be a password: errors do not show it.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    ldap_uri: str = Field(description="where the server is; several, separated by blanks, are tried in turn")
    ldap_base_dn: str = Field(description="the entry below which the contacts are")
    ldap_username: str | None = Field(default=None, description="the DN to log in as; none is anonymous")
    ldap_password: SecretStr | None = Field(default=None, description="the password of ldap_username")
    ldap_custom_filter: str | None = Field(
        default=None, description="a filter that holds for every contact; %Q in it is what was asked"
    )
    ldap_list_filter: str | None = Field(default=None, description="the filter of a pull of all contacts")
    ldap_scope: Literal["subtree", "onelevel", "base"] = Field(
        default="subtree", description="how far below ldap_base_dn to look"
    )
    ldap_attributes: tuple[Attribute, ...] = Field(
        default=(), description="attributes to fetch beside those the columns name"
    )
    ldap_network_timeout: float = Field(default=0.3, gt=0, description="seconds to wait for a connection")
    ldap_timeout: float = Field(default=1.0, gt=0, description="seconds to wait for the answer to a question")
    ldap_list_timeout: float = Field(default=60.0, gt=0, description="seconds to wait for a page of a pull")
    ldap_page_size: int = Field(default=1000, ge=1, description="entries to a page of a pull")
    ldap_changes: Literal["auto", "syncrepl", "timestamp", "none"] = Field(
        default="auto",
        description="how to learn what changed since the last pull; auto: syncrepl where offered, else none",
    )
    ldap_changes_overlap: float = Field(
        default=600.0,
        ge=0,
        le=604_800,
        description="seconds that each question by timestamp goes back behind the last change known",
    )
    ldap_tls: Literal["none", "starttls"] = Field(
        default="none", description="starttls encrypts an ldap:// connection; ldaps:// always is"
    )
    ldap_ca_file: Path | None = Field(
        default=None, description="the authorities to trust, as PEM; none is those of the system"
    )
    ldap_verify_certificate: bool = Field(
        default=True, description="whether the server must prove who it is, where TLS is used"
    )
    unique_column: Attribute | None = Field(
        default=None, description="the attribute that identifies a contact"
    )
    unique_column_format: Literal["string", "binary_uuid"] = Field(
        default="string", description="binary_uuid where unique_column holds 16 bytes, as objectGUID does"
    )
    searched_columns: tuple[Attribute, ...] = ()
    first_matched_columns: tuple[Attribute, ...] = ()
    format_columns: dict[str, str] = Field(default_factory=dict)

    @field_validator("searched_columns", "first_matched_columns", mode="before")
    @classmethod
    def _nothing_is_empty(cls, value: object) -> object:
        return value or ()

    @field_validator("format_columns", mode="before")
    @classmethod
    def _no_format_is_empty(cls, value: object) -> object:
        return value or {}

    @field_validator("ldap_uri")
    @classmethod
    def _is_a_list_of_uris(cls, value: str) -> str:
        uris = value.split()
        if not uris:
            raise ValueError("is empty; write for example ldaps://ldap.example.com")
        for uri in uris:
            _check_uri(uri)
        return " ".join(uris)

    @field_validator("ldap_base_dn")
    @classmethod
    def _is_a_dn(cls, value: str) -> str:
        if not ldap.dn.is_dn(value):
            raise ValueError("is not a distinguished name; write for example ou=people,dc=example,dc=com")
        return value

    @field_validator("ldap_custom_filter", "ldap_list_filter")
    @classmethod
    def _is_one_filter(cls, value: str | None) -> str | None:
        return _check_filter(value) if value and value.strip() else None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.ldap_username and not self.password:
            raise ValueError("ldap_username needs ldap_password (leave both out to ask anonymously)")
        if self.password and not self.ldap_username:
            raise ValueError("ldap_password needs ldap_username")
        if self.ldap_tls == "starttls" and any(not uri.startswith("ldap://") for uri in self.uris):
            raise ValueError("ldap_tls: starttls is for ldap:// only; ldaps:// is encrypted without it")
        if self.unique_column_format == "binary_uuid" and not self.unique_column:
            raise ValueError("unique_column_format: binary_uuid needs unique_column")
        if self.ldap_list_filter and "%Q" in self.ldap_list_filter:
            raise ValueError("ldap_list_filter: nothing is asked in a pull, so %Q means nothing here")
        return self

    @property
    def uris(self) -> tuple[str, ...]:
        """The servers, in the order of preference."""
        return tuple(self.ldap_uri.split())

    @property
    def password(self) -> str:
        """The password, empty for none."""
        return self.ldap_password.get_secret_value() if self.ldap_password else ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The attributes that the configuration names, in its spelling, each once."""
        named = [
            *self.searched_columns,
            *self.first_matched_columns,
            *([self.unique_column] if self.unique_column else []),
            *self.ldap_attributes,
            *(name for template in self.format_columns.values() for name in _PLACEHOLDER.findall(template)),
        ]
        return tuple(dict.fromkeys(named))


def _check_uri(uri: str) -> None:
    parts = urlsplit(uri)
    if parts.scheme not in {"ldap", "ldaps", "ldapi"} or "://" not in uri:
        raise ValueError(f"{uri!r} does not start with ldap://, ldaps:// or ldapi://")
    if parts.scheme == "ldapi":
        if not unquote(parts.netloc).startswith("/"):
            raise ValueError(f"{uri!r} names no socket; write for example ldapi://%2Frun%2Fslapd%2Fldapi")
        return
    if parts.username is not None:
        raise ValueError("holds a user name; use ldap_username and ldap_password")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"{uri!r} has something behind the host; the base has its own key, ldap_base_dn")
    try:
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host:
        raise ValueError(f"{uri!r} has no host, or a port that cannot be")


def _check_filter(value: str) -> str:
    """One filter with its brackets around it, whatever it holds; what brackets mean is RFC 4515."""
    text = value.strip()
    if not text.startswith("("):
        text = f"({text})"
    depth = 0
    for position, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and position < len(text) - 1:
            raise ValueError("its brackets do not balance, or it is two filters: put (&...) around them")
        if character == "\\" and not _ESCAPE.match(text, position):
            raise ValueError(r"has a backslash that is no escape; write \5c for a backslash itself")
    if depth:
        raise ValueError("its brackets do not balance")
    return text
