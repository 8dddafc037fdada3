"""Who asks: the tenant and the user whose data may be seen, and what may be done."""

from __future__ import annotations

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
        denied = any(_reaches(scope[1:], access) for scope in self.scopes if scope.startswith("!"))
        return not denied and any(
            _reaches(scope, access) for scope in self.scopes if not scope.startswith("!")
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


@lru_cache(maxsize=4096)
def _reaches(scope: str, access: str) -> bool:
    """Whether a scope covers an access; in time that grows with both lengths only, whatever they hold."""
    places = _with_skips(scope, {0})
    for char in access:
        staying = {
            at for at in places if scope[at : at + 1] == "#" or (scope[at : at + 1] == "*" and char != ".")
        }
        going = {at + 1 for at in places if scope[at : at + 1] == char and char not in "*#"}
        places = _with_skips(scope, staying | going)
    return len(scope) in places


def _with_skips(scope: str, places: set[int]) -> set[int]:
    """The same places in a scope, and those behind wildcards that match nothing."""
    reached = set(places)
    for place in places:
        at = place
        while at < len(scope) and scope[at] in "*#":
            at += 1
            reached.add(at)
    return reached
