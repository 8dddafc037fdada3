"""By which way a request came: its client's address, and what the client calls us. Pure.

Rule: a proxy that the configuration does not name is believed nothing, and what comes through it has no
address: so a proxy on this machine does not make the whole world a neighbour.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Network, IPv6Network

    from aiohttp import web

    from lookupd.guestsettings import GuestSettings

    Networks: TypeAlias = "Iterable[IPv4Network | IPv6Network]"

Address: TypeAlias = IPv4Address | IPv6Address

#: headers that tell of a proxy
_PROXIED: Final = (
    *("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host", "X-Forwarded-Proto"),
    *("X-Forwarded-Port", "X-Forwarded-Server", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"),
)
#: characters of an address with a port, and more than any has
_LONGEST: Final = 80
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_HOP: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+)(?::[0-9]+)?|([0-9A-Fa-f:.]+)")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~%-]+)+")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who sent a request, as far as the network tells."""

    #: None where it cannot be told
    address: Address | None
    #: configured proxies it came through
    proxies: int
    #: whether it came through a proxy that is not configured, or that does not say for whom it asks
    is_hidden: bool = False

    @classmethod
    def of(cls, request: web.BaseRequest, settings: GuestSettings) -> Self:
        """The client of a request: the last one of its way that is no configured proxy."""
        peer = address_of(request.remote or "")
        if not _is_in(peer, settings.proxies):
            is_hidden = any(name in request.headers for name in _PROXIED)
            return cls(address=None if is_hidden else peer, proxies=0, is_hidden=is_hidden)
        lines = request.headers.getall("X-Forwarded-For", ())
        hops = [hop for line in lines for hop in map(str.strip, line.split(",")) if hop]
        if not hops and any(request.headers.get(name) for name in _PROXIED):
            return cls(address=None, proxies=1, is_hidden=True)
        address, proxies = peer, 1
        for hop in reversed(hops):
            address = address_of(hop)
            if not _is_in(address, settings.proxies):
                break
            proxies += 1
        return cls(address=address, proxies=proxies)

    @property
    def name(self) -> str:
        """How it is called. Who can take many addresses has one name: this machine, an IPv6 network."""
        if self.address is not None and self.address.is_loopback:
            return "this machine"
        if isinstance(self.address, IPv6Address):
            return f"addresses {ip_network((self.address, 64), strict=False)}"
        return f"address {self.address or 'unknown'}"

    def is_in(self, networks: Networks) -> bool:
        """Whether its address is known, and of one of these networks."""
        return _is_in(self.address, networks)


def address_of(text: str) -> Address | None:
    """The address in a text, which may have a port; None where there is none."""
    return _address(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    found = _HOP.fullmatch(text.partition("%")[0])
    try:
        address = ip_address(next(filter(None, found.groups()))) if found else None
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def external_base(request: web.BaseRequest, settings: GuestSettings) -> str:
    """How the client of a request reaches us: scheme, host, perhaps port and path; no slash at the end."""
    if settings.external_url is not None:
        return settings.external_url
    scheme, prefix = request.scheme, ""
    host, port = _host(request.headers.get("Host", "")) or _own(request)
    if proxies := Client.of(request, settings).proxies:
        said = _Said(request, proxies)
        scheme = {"http": "http", "https": "https"}.get(said.of("X-Forwarded-Proto").lower(), scheme)
        forwarded = _host(said.of("X-Forwarded-Host"))
        host, port = forwarded or (host, port)
        if forwarded is None or port is None:
            port = _port(said.of("X-Forwarded-Port")) or port
        prefix = _prefix(said.of("X-Forwarded-Prefix") or said.of("X-Script-Name"))
    shown = "" if port in {None, _DEFAULT_PORTS.get(scheme)} else f":{port}"
    return f"{scheme}://{host}{shown}{prefix}"


class _Said:
    """What the proxies of a request say; of several values, that of the first proxy that we believe."""

    def __init__(self, request: web.BaseRequest, proxies: int) -> None:
        self._headers = request.headers
        self._proxies = proxies

    def of(self, name: str) -> str:
        """The value of a header; empty without."""
        lines = self._headers.getall(name, ())
        values = [value.strip() for line in lines for value in line.split(",")]
        return values[-min(self._proxies, len(values))] if values else ""


def _host(text: str) -> tuple[str, int | None] | None:
    """Host and port; None where a text is no host."""
    found = _HOST.fullmatch(text)
    return (found[1], _port(found[2] or "")) if found else None


def _own(request: web.BaseRequest) -> tuple[str, int | None]:
    """The address at which a request reached us, for clients that send no host."""
    sockname = request.transport.get_extra_info("sockname") if request.transport else None
    if not isinstance(sockname, tuple):
        return "localhost", None
    address, port = str(sockname[0]), int(sockname[1])
    return f"[{address}]" if ":" in address else address, port


def _port(text: str) -> int | None:
    is_number = text.isascii() and text.isdecimal() and len(text) <= 5  # noqa: PLR2004 - no port is longer
    return int(text) if is_number and 0 < int(text) < 65536 else None  # noqa: PLR2004


def _prefix(text: str) -> str:
    path = "/" + text.strip("/")
    return path if _PREFIX.fullmatch(path) else ""


def _is_in(address: Address | None, networks: Networks) -> bool:
    return address is not None and any(address in network for network in networks)
