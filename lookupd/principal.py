"""Who asks: the tenant and the user whose data may be seen, and what may be done."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from lookupd.plugins import QueryArgs


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One who asks. It is part of every question, so data of others cannot slip into an answer."""

    #: the tenant's uuid
    tenant: str
    #: the user's uuid; None for a machine
    user: str | None = None
    #: what may be done: words with dots; `*` is one word, `#` any number of them, a leading `!` forbids
    scopes: tuple[str, ...] = ("#",)
    #: the token as it came, for back-ends that ask in the caller's name; never logged
    token: str | None = field(default=None, repr=False)

    def may(self, access: str) -> bool:
        """Whether the scopes reach as far as `access`, such as `dird.directories.reverse.default.me.read`."""
        denied = any(_pattern(scope[1:]).fullmatch(access) for scope in self.scopes if scope.startswith("!"))
        return not denied and any(
            _pattern(scope).fullmatch(access) for scope in self.scopes if not scope.startswith("!")
        )

    def as_user(self, user: str | None) -> Principal:
        """The same principal asking for one user's view."""
        return Principal(tenant=self.tenant, user=user, scopes=self.scopes, token=self.token)

    def query_args(self) -> QueryArgs:
        """What a back-end is told about the one who asks."""
        args = QueryArgs(tenant_uuid=self.tenant, token_infos={"tenant_uuid": self.tenant})
        if self.user is not None:
            args["user_uuid"] = self.user
            args["token_infos"]["xivo_user_uuid"] = self.user
        if self.token is not None:
            args["token"] = self.token
        return args


@lru_cache(maxsize=1024)
def _pattern(scope: str) -> re.Pattern[str]:
    words = (re.escape(word).replace(r"\*", r"[^.]*?").replace(r"\#", ".*?") for word in scope.split("."))
    return re.compile(r"\.".join(words), re.DOTALL)
