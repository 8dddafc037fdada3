"""Who may ask without a token: telephones and PBXes, by their address, or by a secret of their own.

Rule: a secret that was mistyped, revoked, or never existed, and an address that is not allowed, look alike
to who asks. The log tells them apart, each once.
"""

from __future__ import annotations

import binascii
import hashlib
import logging
from base64 import b64decode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from lookupd.config import DEFAULT_TENANT
from lookupd.errors import AuthError, GuestUnknown, Throttled
from lookupd.guestrate import Buckets
from lookupd.guestway import Client, external_base
from lookupd.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from lookupd.auth import Authenticator
    from lookupd.guestsettings import GuestSettings
    from lookupd.state.tokens import Token

logger = logging.getLogger(__name__)

#: what an ordinary token must reach to be used where guests ask
ACCESS = "dird.guests.read"
#: wrong secrets a second, of one address
BAD_SECRETS = 5.0
#: different refusals that are logged; more of them are of one kind
REFUSALS = 100
#: no uuid of a user, and no secret, is longer
LONGEST = 512


class Devices(Protocol):
    """What is needed of the store of tokens."""

    def find(self, secret: str) -> Token | None:
        """The token with this secret, unless it was revoked."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """Who asks without a token of their own."""

    #: whose view they get: tenant and user
    principal: Principal
    #: the only profile they may use; None where the one they name counts
    profile: str | None
    #: how they are called in the log, and where what they are told is counted; no secret
    name: str
    #: letters a term must at least have; for a shorter one they are told nothing
    min_term: int = 0
    #: contacts that were counted when they were admitted
    reserved: int = 0


class Guests:
    """Admits guests, counts what they are told, and knows how they reach us."""

    def __init__(
        self,
        settings: GuestSettings,
        devices: Devices | None,
        authenticator: Authenticator,
        clock: Callable[[], float],
    ) -> None:
        """Without `devices` secrets do not count; `clock` gives seconds.

        Its methods may raise what these raise: DataError, where a file is in trouble.
        """
        #: `page`: rows in one document at most; `min_term` is better taken from the guest
        self.settings = settings
        self._devices = devices
        self._authenticator = authenticator
        self._told = Buckets(settings.rate, settings.burst, clock)
        self._bad = Buckets(BAD_SECRETS, BAD_SECRETS, clock)
        self._tenant = str(settings.tenant or DEFAULT_TENANT)
        self._has_warned = False
        self._refusals: set[str] = set()

    def admit(
        self,
        request: web.Request,
        *,
        secret: str | None = None,
        user: str | None = None,
        profile: str | None = None,
        most: int = 1,
    ) -> Guest:
        """Who asks, by `secret` (of the path), else HTTP Basic, else X-Auth-Token, else the address.

        `user` and `profile` are those the request names; an empty text is none. `most` is how many contacts
        the reply can hold: they are counted now, and those that are not told are given back by `told`.
        Raises GuestUnknown for all who may not ask, or not so, and Throttled for those who asked too much.
        """
        if user is not None and len(user) > LONGEST:
            raise GuestUnknown  # such a user is nobody, and would be remembered with what was searched
        client = Client.of(request, self.settings)
        secret = secret if secret is not None else _password(request)
        token = request.headers.get("X-Auth-Token")
        if secret is not None and self._devices is not None:
            known = self._device(self._devices, client, secret, user or None, profile or None)
        elif token:
            known = self._holder(client, token, request.headers.get("Wazo-Tenant"), user or None)
        else:
            known = self._neighbour(request, client, user or None)
        if client.is_in(self.settings.trusted):
            return known
        if wait := self._told.wait(known.name):
            self._note(f"{known.name} was told more contacts than guests.rate allows (see guests.trusted)")
            raise Throttled(known.name, wait)
        self._told.take(known.name, most)
        return replace(known, reserved=most)

    def told(self, guest: Guest, contacts: int) -> None:
        """How many contacts a guest was told in the end; to be called once. Without, it counts as `most`."""
        self._told.give_back(guest.name, max(0, guest.reserved - contacts))

    def base(self, request: web.Request) -> str:
        """How the client reaches us: scheme, host, perhaps port and path; without a slash at the end."""
        return external_base(request, self.settings)

    def _device(
        self, devices: Devices, client: Client, secret: str, user: str | None, profile: str | None
    ) -> Guest:
        """The holder of a device's secret."""
        token = devices.find(secret) if secret.isascii() and len(secret) <= LONGEST else None
        if token is None or not token.is_device:
            raise self._wrong(client)
        name = f"device {token.name!r} ({token.id})"
        if user is not None and token.user not in {None, user}:
            raise self._refused(f"{name} is that of another user")
        if profile is not None and token.profile not in {None, profile}:
            raise self._refused(f"{name} may use the profile {token.profile!r} only")
        principal = Principal(tenant=token.tenant, user=token.user or user, scopes=(ACCESS,))
        return Guest(principal=principal, profile=token.profile, name=name)

    def _holder(self, client: Client, token: str, tenant: str | None, user: str | None) -> Guest:
        """The holder of an ordinary token."""
        try:
            principal = self._authenticator.principal(token, tenant)
        except AuthError:
            raise self._wrong(client) from None
        if not principal.may(ACCESS) or (user is not None and principal.user not in {None, user}):
            raise GuestUnknown
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
        return Guest(
            principal=principal.as_user(principal.user or user), profile=None, name=f"token {digest[:12]}"
        )

    def _neighbour(self, request: web.Request, client: Client, user: str | None) -> Guest:
        """A client of an allowed network."""
        if client.is_hidden and not self._has_warned:
            self._has_warned = True
            logger.warning(
                "a guest came through a proxy that is not believed, or does not say for whom it asks, so its "
                "address is not known (name the proxy under guests.proxies, and let it send X-Forwarded-For)"
            )
        # A page of the world in the browser of a neighbour is no neighbour: what sends Origin would read it.
        if client.is_hidden or "Origin" in request.headers:
            raise GuestUnknown
        if not client.is_in(self.settings.subnets):
            raise self._refused(f"{client.name} is not in guests.subnets, and sent no secret")
        principal = Principal(tenant=self._tenant, user=user, scopes=(ACCESS,))
        return Guest(principal=principal, profile=None, name=client.name, min_term=self.settings.min_term)

    def _wrong(self, client: Client) -> AuthError:
        """What to raise for a wrong secret: it is counted, so that nobody tries many."""
        if wait := self._bad.wait(client.name):
            return Throttled(client.name, wait)
        self._bad.take(client.name)
        return self._refused(f"{client.name} sent a wrong or revoked secret (see lookupd token list)")

    def _refused(self, why: str) -> GuestUnknown:
        """What to raise; whoever runs the server is told why."""
        self._note(why)
        return GuestUnknown()

    def _note(self, why: str) -> None:
        """Log why a guest was refused, unless that was done."""
        if why not in self._refusals and len(self._refusals) < REFUSALS:
            self._refusals.add(why)
            logger.warning("a guest was refused: %s", why)


def _password(request: web.Request) -> str | None:
    """The password of HTTP Basic, whatever the name beside it; empty where it cannot be read."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return ""
    return password
