"""Any scopes, any access: yes or no as the patterns mean it, and soon.

Input: the access that is needed; then a scope each line.
"""

from __future__ import annotations

from fuzz import given
from lookupd.principal import Principal

#: longer inputs are only asked, not compared: the comparison is slow
_LONGEST = 60


def run(data: bytes) -> None:
    """Check one input."""
    access, rest = given.lines(data, 2)
    scopes = tuple(rest.split("\n"))
    said = Principal(tenant="t", scopes=scopes).may(access)
    if max(map(len, (access, *scopes))) <= _LONGEST:
        forbids = [scope[1:] for scope in scopes if scope.startswith("!")]
        allows = [scope for scope in scopes if not scope.startswith("!")]
        assert said == (
            any(_fits(one, access) for one in allows) and not any(_fits(one, access) for one in forbids)
        )


def _fits(scope: str, access: str) -> bool:
    """Whether a scope reaches an access, in time that grows with both lengths: places reached so far."""
    places = {0}
    for sign in scope:
        if sign == "#" and places:
            places = set(range(min(places), len(access) + 1))
        elif sign == "*":
            places = {end for start in places for end in _places_in_word(access, start)}
        else:
            places = {place + 1 for place in places if access[place : place + 1] == sign}
    return len(access) in places


def _places_in_word(access: str, start: int) -> range:
    end = access.find(".", start)
    return range(start, (len(access) if end < 0 else end) + 1)


TARGET = run
