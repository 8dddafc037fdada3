"""Any token, any names: only the secret that was shown opens, only its own tenant, until it is revoked.

Input: what a client sends as token; the tenant it names; then name and scopes of a token, a line each.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fuzz import folder, given
from lookupd.auth import Everybody, TokenHolders
from lookupd.errors import NotPermitted, TokenUnknown
from lookupd.state.tokens import Tokens

if TYPE_CHECKING:
    from pathlib import Path


_NOW = datetime(2026, 1, 1, tzinfo=UTC)
#: tokens in a file; then a new one is begun, as ids are made for hundreds of tokens and not for millions
_MOST = 1000
_TENANT = "11111111-1111-4111-8111-111111111111"


class TokenTarget:
    """The target, with a real state.db."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._tokens: Tokens | None = None
        self._added = 0

    def __call__(self, data: bytes) -> None:
        """Check one input."""
        sent, tenant, name, *scopes = given.lines(data, 5)
        tokens = self._open()
        name, *scopes = (text.encode("utf-8", "replace").decode() for text in (name, *scopes))
        token, secret = tokens.add(name, tenant=_TENANT, user=None, scopes=scopes, now=_NOW)
        holders = TokenHolders(tokens, lambda: 0.0)
        assert holders.principal(secret, None).scopes == tuple(scopes)
        assert tokens.find(secret) == token
        assert tokens.find(sent) is None
        self._check_refused(holders, sent, tenant)
        if tenant:
            self._check_refused(holders, secret, tenant)
        assert Everybody().principal(sent, tenant).tenant
        assert tokens.revoke(token.id, _NOW)
        assert tokens.find(secret) is None

    def close(self) -> None:
        """Delete the file."""
        if self._tokens is not None and self._folder is not None:
            self._tokens.close()
            shutil.rmtree(self._folder)
            self._tokens = self._folder = None
            self._added = 0

    def _check_refused(self, holders: TokenHolders, secret: str, tenant: str) -> None:
        if tenant == _TENANT:
            return
        try:
            principal = holders.principal(secret, tenant or None)
        except (TokenUnknown, NotPermitted) as error:
            assert not secret or secret not in str(error) or len(secret) < 20
            return
        raise AssertionError(principal)

    def _open(self) -> Tokens:
        if self._added == _MOST:
            self.close()
        self._added += 1
        if self._tokens is None:
            self._folder = folder.made()
            self._tokens = Tokens(self._folder / "state.db")
        return self._tokens


TARGET = TokenTarget()
