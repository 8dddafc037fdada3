"""From a token to a principal: the two ways of the configuration's `auth.mode`."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol

from lookupd.config import DEFAULT_TENANT
from lookupd.errors import NotPermitted, TokenUnknown
from lookupd.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.state.tokens import Token

#: seconds a checked token is believed; with the second in `lookupd.lane`, a revoked one works for 5 s more
BELIEVED = 4.0
#: tokens believed at a time
CAPACITY = 10_000


class Authenticator(Protocol):
    """Makes principals."""

    def principal(self, token: str | None, tenant: str | None) -> Principal:
        """Who asks, with this token, in this tenant (None: the token's own).

        Raises TokenUnknown, or NotPermitted when the tenant is not the token's.
        """
        ...


class Tokens(Protocol):
    """What is needed of the store of tokens."""

    def find(self, secret: str) -> Token | None:
        """The token with this secret, unless it was revoked."""
        ...


class Everybody:
    """`auth.mode: none`: all may do everything; the configuration allows it on loopback only."""

    def principal(self, token: str | None, tenant: str | None) -> Principal:
        """Who asks, in the tenant they name."""
        return Principal(tenant=tenant or DEFAULT_TENANT, token=token)


class TokenHolders:
    """`auth.mode: token`: whoever holds a local token."""

    def __init__(self, tokens: Tokens, clock: Callable[[], float]) -> None:
        self._tokens = tokens
        self._clock = clock
        self._believed: dict[bytes, tuple[Token, float]] = {}

    def principal(self, token: str | None, tenant: str | None) -> Principal:
        """Who holds this token. Raises TokenUnknown, NotPermitted."""
        if not token:
            raise TokenUnknown("no token was sent (header X-Auth-Token)")
        known = self._known(token)
        if tenant is not None and tenant != known.tenant:
            raise NotPermitted("this token belongs to another tenant (header Wazo-Tenant)")
        return Principal(tenant=known.tenant, user=known.user, scopes=known.scopes, token=token)

    def _known(self, secret: str) -> Token:
        """What is known of a token, believed for a while: the cache holds hashes, never tokens."""
        key, now = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest(), self._clock()
        token, until = self._believed.get(key, (None, 0.0))
        if token is None or now >= until:
            token = self._checked(secret)
            if len(self._believed) >= CAPACITY:
                self._believed.clear()
            self._believed[key] = (token, now + BELIEVED)
        return token

    def _checked(self, secret: str) -> Token:
        token = self._tokens.find(secret)
        if token is None:
            raise TokenUnknown("this token is not known, or was revoked (see lookupd token list)")
        return token
