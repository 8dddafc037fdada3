"""What the configuration may say about guests: who may ask without a token, and how much they are told."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated
from uuid import UUID  # noqa: TC003 - pydantic reads it

from pydantic import AfterValidator, Field

from lookupd.setting import Network, Section

_URL = re.compile(r"https?://[^/?#\s@]+(?:/[^?#\s]*)?")


def _url(text: str) -> str:
    if not _URL.fullmatch(text):
        msg = "must be http:// or https://, a host, and perhaps a port and a path"
        raise ValueError(msg)
    return text.rstrip("/")


class GuestSettings(Section):
    """Telephones and PBXes that cannot send a token."""

    subnets: tuple[Network, ...] = Field(
        (ip_network("127.0.0.0/8"), ip_network("::1/128")),
        description="networks whose addresses may ask without any secret",
    )
    tenant: UUID | None = Field(None, description="whose directories they see; by default the default tenant")
    proxies: tuple[Network, ...] = Field(
        (),
        description="reverse proxies that are believed what they say about their clients (X-Forwarded-...)",
    )
    external_url: Annotated[str, AfterValidator(_url)] | None = Field(
        None, description="how clients reach the daemon; by default as the request says"
    )
    rate: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="contacts a guest may be told a second, in the long run"
    )
    burst: int = Field(1000, ge=1, description="contacts a guest may be told at once, after a time of rest")
    trusted: tuple[Network, ...] = Field(
        (), description="networks, such as that of a PBX with many calls, whose contacts are not counted"
    )
    min_term: int = Field(
        0, ge=0, le=32, description="letters that a guest without a secret must at least type to search"
    )
    page: int = Field(
        100, ge=1, le=1000, description="contacts in one page of a telephone's directory at most"
    )
