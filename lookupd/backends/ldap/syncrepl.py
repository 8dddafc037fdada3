"""Learns changes from the server's own account of them (RFC 4533), as OpenLDAP's syncprov keeps it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lookupd.backends.ldap.connection import Query
from lookupd.backends.ldap.content_sync import CONTROL, Changed, Done, Gone
from lookupd.backends.ldap.filter import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lookupd import Row
    from lookupd.backends.ldap.pull import Pull, Told

#: the server finds what changed by it, as far as the login may see it
_ATTRIBUTE = "entryCSN"
# Change sequence numbers, one for each server that takes changes. What OpenLDAP cannot read it takes for no
# cookie at all, and tells everything, but not who is gone.
_CSN = r"\d{14}\.\d{6}Z#[0-9a-f]{6}#[0-9a-f]{3}#[0-9a-f]{6}"
_COOKIE = re.compile(rf"rid=\d+,(sid=[0-9a-f]+,)?csn={_CSN}(;{_CSN})*")


class Syncrepl:
    """Tells all changes; who is gone only where entryUUID is the unique column, as the server names it so."""

    name = "syncrepl"

    def __init__(self, pull: Pull) -> None:
        self._pull = pull
        self._unique = pull.columns.unique or ""
        self._names_entries = self._unique.lower() == "entryuuid"

    @property
    def is_offered(self) -> bool:
        """Whether the server says so."""
        return CONTROL.encode() in self._pull.root.get("supportedControl", ())

    def start(self) -> bool:
        """Note the state of the account, which a listing after it may be newer than, but not older.

        It is a state of the whole database, whatever the question: a question for nothing brings it. False
        where the account is not kept, or of another kind.
        """
        nothing = Query(filter=NOTHING, attributes=["1.1"], dn=self._pull.settings.ldap_base_dn)
        replies = self._pull.connection.refresh(nothing)
        self._mark = next((reply.cookie for reply in replies if isinstance(reply, Done)), None) or ""
        return _COOKIE.fullmatch(self._mark) is not None

    def everything(self, told: Told) -> Iterator[Row]:
        """All rows."""
        highest = yield from self._pull.rows_with(_ATTRIBUTE, self._pull.query.filter)
        told.mark = self._mark if highest else ""

    def since(self, mark: str, told: Told) -> Iterator[Row]:
        """What changed, in the server's order: what went and came back is there."""
        pull = self._pull
        if not _COOKIE.fullmatch(mark):
            raise pull.expired("the cursor holds no cookie of OpenLDAP")
        told.mark, told.is_quiet = mark, True
        for reply in pull.connection.refresh(pull.query, mark):
            match reply:
                case Changed(uuid=uuid, dn=dn, attributes=attributes):
                    row = pull.reader.row(dn, attributes)
                    if row.get(self._unique) != uuid:
                        raise pull.expired("which contact changed is not known by its unique_column")
                    told.gone.pop(uuid, None)
                    yield row
                case Gone(uuids=uuids):
                    if not self._names_entries:
                        raise pull.expired("which contact is gone is not known by its unique_column")
                    told.gone.update(dict.fromkeys(uuids))
                case Done(cookie=cookie, tells_gone=True):
                    told.mark, told.is_quiet = cookie or mark, not cookie
                case _:
                    raise pull.expired("the server tells who is left, not who is gone")
