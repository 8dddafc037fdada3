"""Any term, number and id: a filter that is one (RFC 4515), asks what was typed, and nothing besides.

Input: a digit that chooses the source's settings; what is asked, the first of it on a line of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ldap

from fuzz import given, strict
from fuzz.strict import Group, Item
from lookupd.backends.ldap.filter import BRANCHES, NOTHING, Filters, all_of, at_least

if TYPE_CHECKING:
    from collections.abc import Sequence

#: stands for what is asked, in the filter that shows how it should be built
_MARK: Final = "xMARKx"
_CUSTOM: Final = (
    None,
    "(objectClass=person)",
    "(&(objectClass=person)(|(cn=*%Q*)(sn=%Q)(mail~=%Q)))",
    "(|(cn=*%Q*%Q*)(!(description=%Q*)))",
    "(telephoneNumber=%Q)",
)
#: a server that does not exist
_NOBODY: Final = ldap.initialize("ldapi://%2Fno-such-socket")
_COLUMNS: Final = (("cn", "mail"), ("telephoneNumber",), ())


def run(data: bytes) -> None:
    """Check one input."""
    first, one, other = (text.encode("utf-8", "replace").decode() for text in given.lines(data, 3))
    choice = given.number(first, 29)
    filters = Filters(
        custom=_CUSTOM[choice % 5],
        searched_columns=_COLUMNS[choice // 5 % 3],
        first_matched_columns=_COLUMNS[(choice // 5 + 1) % 3],
        unique_column="entryUUID" if choice < 15 else None,
    )
    term = one.strip()
    _compare(filters.search(one), filters.search(_MARK), [term])
    _compare(filters.match([one, other]), filters.match([_MARK + "0", _MARK + "1"]), [one, other])
    _compare(filters.ids([one, other]), filters.ids([_MARK + "0", _MARK + "1"]), [one, other])
    binary = one.encode()
    _compare(filters.ids([binary, other]), filters.ids([_MARK + "0", _MARK + "1"]), [binary, other])
    _compare(at_least("whenChanged", one), at_least("whenChanged", _MARK), [one])
    strict.ldap_filter(all_of([filters.everything(), BRANCHES, NOTHING]))


def _compare(made: str | None, model: str | None, asked: Sequence[str | bytes]) -> None:
    """A filter has the build of its model, and what was asked wherever that has its mark."""
    assert (made is None) == (model is None)
    if made is None or model is None:
        return
    found = strict.ldap_filter(made)
    texts = [text if isinstance(text, bytes) else text.encode() for text in asked]
    should_be = _filled(strict.ldap_filter(model), texts)
    assert found == should_be, made
    _check_sent(made)


def _check_sent(written: str) -> None:
    """That libldap takes a filter too: it takes it apart before it finds that nobody is there."""
    try:
        _NOBODY.search_ext("", ldap.SCOPE_BASE, written)
    except ldap.SERVER_DOWN:
        return
    raise AssertionError("somebody answered where nobody is")


def _filled(model: Group | Item, texts: Sequence[bytes]) -> Group | Item:
    if isinstance(model, Group):
        return Group(model.operator, tuple(_filled(part, texts) for part in model.filters))
    parts = [_part(part, texts) for part in model.parts]
    # Nothing between two wildcards makes one of them.
    inner = [part for part in parts[1:-1] if part]
    kept = [*parts[:1], *inner, *parts[-1:]] if len(parts) > 1 else parts
    return Item(model.attribute, model.operator, tuple(kept))


def _part(part: bytes, texts: Sequence[bytes]) -> bytes:
    for at, text in enumerate(texts):
        mark = f"{_MARK}{at}".encode() if len(texts) > 1 else _MARK.encode()
        if part == mark:
            return text
    return part


TARGET = run
