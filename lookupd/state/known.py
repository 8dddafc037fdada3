"""The tokens, also while `state.db` cannot be read: those that were checked lately go on being accepted."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Protocol

from lookupd.errors import DataError, StateUnusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from lookupd.state.tokens import Token

logger = logging.getLogger(__name__)

#: seconds for which a token is accepted unchecked; with those in `lookupd.auth` and `lookupd.lane` 5 minutes
TRUSTED = 295.0
#: tokens that are known at a time
CAPACITY = 10_000
#: seconds until a file that could not be read is looked at again from the first page to the last
PAUSE = 5.0


class Tokens(Protocol):
    """What is needed of the store of tokens."""

    def find(self, secret: str) -> Token | None:
        """The token with this secret, unless it was revoked. Raises DataError."""
        ...

    def check(self) -> None:
        """Look at all tokens. Raises DataError when they cannot be read."""
        ...


class KnownTokens:
    """Finds tokens, and knows whether that is possible. The log tells when it begins to fail, and ends to."""

    def __init__(self, tokens: Tokens, clock: Callable[[], float]) -> None:
        """`clock` gives seconds."""
        self._tokens = tokens
        self._clock = clock
        #: by the hash of its secret: a token, and when it was found; those found last stand last
        self._found: dict[bytes, tuple[Token, float]] = {}
        #: why the file cannot be read
        self._problem: str | None = None
        self._next_check = 0.0

    def find(self, secret: str) -> Token | None:
        """The token with this secret, unless it was revoked. Raises StateUnusable when nobody can tell."""
        key = hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
        try:
            token = self._tokens.find(secret)
        except DataError as error:
            self._fail(error)
            token, found_at = self._found.get(key, (None, 0.0))
            if token is None or self._clock() - found_at >= TRUSTED:
                raise StateUnusable from error
            return token
        self._found.pop(key, None)
        if token is not None:
            if len(self._found) >= CAPACITY:
                del self._found[next(iter(self._found))]
            self._found[key] = token, self._clock()
        if self._problem is not None:
            self._recover()
        return token

    def problem(self) -> str | None:
        """Why the file cannot be read, with the remedy; None when it can. It is looked at now."""
        try:
            self._tokens.find("")
        except DataError as error:
            self._fail(error)
        if self._problem is not None:
            self._recover()
        return self._problem

    def _fail(self, error: DataError) -> None:
        if self._problem is None:
            logger.error("%s; tokens checked lately are accepted for 5 minutes, no others", error)
            self._next_check = self._clock() + PAUSE
        self._problem = str(error)

    def _recover(self) -> None:
        """All is well again once the whole file is: of a damaged one many tokens can still be read."""
        if self._clock() < self._next_check:
            return
        self._next_check = self._clock() + PAUSE
        try:
            self._tokens.check()
        except DataError as error:
            self._problem = str(error)
        else:
            self._problem = None
            logger.warning("state.db can be read again, and tokens are checked")
