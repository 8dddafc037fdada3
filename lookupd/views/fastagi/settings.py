"""The section `views.fastagi` of the configuration."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network
from typing import Literal
from uuid import UUID  # noqa: TC003 - pydantic reads it

from pydantic import Field

from lookupd.setting import Name, Network, Section, Span
from lookupd.views.caller_id.settings import JUNK

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Settings(Section):
    """How the FastAGI server is reached, and what it does."""

    listen: Name = Field("127.0.0.1", description="address or host name to listen on")
    port: int = Field(4573, ge=0, le=65535, description="0: any that is free")
    subnets: tuple[Network, ...] = Field(LOOPBACK, description="networks whose addresses may ask")
    profile: Name = Field("default", description="profile of calls whose script names none")
    tenant: UUID | None = Field(None, description="tenant of the profiles; none: the default one")
    when: Literal["unnamed", "always"] = Field("unnamed", description="which calls are looked up")
    set_name: bool = Field(default=True, description="set CALLERID(name), and not only variables")
    length: int = Field(40, ge=1, le=200, description="longest name, in characters")
    ascii: bool = Field(default=False, description="write names in ASCII")
    junk: tuple[str, ...] = Field(JUNK, description="names that are none, in any case")
    timeout: Span = Field(timedelta(seconds=1), description="longest wait for an answer")
    client_timeout: Span = Field(timedelta(seconds=2), description="longest wait for Asterisk")
    connections: int = Field(1000, ge=1, description="most calls at the same time")
