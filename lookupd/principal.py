"""Who asks: the tenant and the user whose data may be seen, and what may be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from lookupd.plugins import QueryArgs

#: whether a scope reaches an access is remembered up to this length of it: longer ones are nobody's question
KNOWN_LENGTH = 256


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


def _reaches(scope: str, access: str) -> bool:
    """Whether a scope covers an access; in time that grows with both lengths only, whatever they hold."""
    return _is_known_to_reach(scope, access) if len(access) <= KNOWN_LENGTH else _is_matched(scope, access)


def _is_matched(scope: str, access: str) -> bool:
    places = _Places(scope, _with_skips(scope, {0}), {})
    for char in access:
        places = places[char]
    return len(scope) in places.all


_is_known_to_reach = lru_cache(maxsize=4096)(_is_matched)


class _Places(dict[str, "_Places"]):
    """Places in a scope that some characters may lead to; and by the next character, the places after it.

    What follows is worked out when it is first met, so a long text of few characters costs little.
    """

    __slots__ = ("_known", "_scope", "all")

    def __init__(self, scope: str, places: frozenset[int], known: dict[frozenset[int], _Places]) -> None:
        super().__init__()
        self._scope = scope
        self.all = places
        #: shared by all that belong together
        self._known = known

    def __missing__(self, char: str) -> _Places:
        wild = "#" if char == "." else "#*"
        after = set()
        for place in self.all:
            expected = self._scope[place : place + 1]
            if expected and expected in wild:
                after.add(place)
            elif expected == char and expected not in "#*":
                after.add(place + 1)
        reached = _with_skips(self._scope, after)
        if reached not in self._known:
            self._known[reached] = _Places(self._scope, reached, self._known)
        self[char] = self._known[reached]
        return self[char]


def _with_skips(scope: str, places: set[int]) -> frozenset[int]:
    """The same places in a scope, and those behind wildcards that match nothing."""
    reached = set(places)
    for place in places:
        at = place
        while at < len(scope) and scope[at] in "*#":
            at += 1
            reached.add(at)
    return frozenset(reached)
