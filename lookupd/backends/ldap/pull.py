"""One pull: what is asked over a connection of its own, from its first question to its last."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

from lookupd import CursorExpired
from lookupd.backends.ldap.connection import Query
from lookupd.backends.ldap.entry import EntryReader
from lookupd.backends.ldap.filter import BRANCHES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from lookupd import Row
    from lookupd.backends.ldap.connection import Connection, Entry
    from lookupd.backends.ldap.entry import Columns
    from lookupd.backends.ldap.settings import Settings

_VERSION = b"1"  # of how rows are made: with another one, what was told before counts no more
_ENTRY_UUID = "entryUUID"
_IDS = (_ENTRY_UUID, "objectGUID")
_SERVER_IDS = ("dsServiceName",)  # Active Directory: which of its controllers
#: settings that have no influence on rows
_TRANSPORT = {
    *("ldap_uri", "ldap_password", "ldap_tls", "ldap_ca_file", "ldap_verify_certificate", "ldap_page_size"),
    *("ldap_network_timeout", "ldap_timeout", "ldap_list_timeout", "ldap_changes_overlap"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What all pulls of one source ask."""

    settings: Settings
    columns: Columns
    #: finds all contacts
    filter: str
    #: the name of the source
    source: str


@dataclass(kw_only=True)
class Told:
    """What is known when the rows are exhausted."""

    #: unique ids, in the order of their going
    gone: dict[str, None] = field(default_factory=dict)
    #: up to where changes are told, as the way to learn them has it; empty where that is not known
    mark: str = ""
    #: whether nothing changed in the whole directory
    is_quiet: bool = False
    #: where to go on; empty where everything is to be listed
    cursor: str = ""


class Pull:
    """Asks one question of one server."""

    def __init__(self, question: Question, connection: Connection) -> None:
        self.connection = connection
        self.settings = question.settings
        self.columns = question.columns
        self.query = Query(filter=question.filter, attributes=question.columns.requested)
        self.reader = EntryReader(question.columns, question.source)

    @cached_property
    def root(self) -> Mapping[str, Sequence[bytes]]:
        """What the server says of itself."""
        return self.connection.root(["supportedControl", "supportedCapabilities", *_SERVER_IDS])

    def rows(self) -> Iterator[Row]:
        """Every row, a page of entries in memory at a time."""
        for page in self.connection.pages(self.query):
            for dn, attributes in page:
                yield self.reader.row(dn, attributes)

    def rows_with(self, attribute: str, filter_: str) -> Generator[Row, None, str | None]:
        """Rows, and in the end the highest value of an attribute; None where not every entry shows one.

        Without entries, it is empty.
        """
        is_wanted = self.columns.is_named(attribute)
        attributes = self.query.attributes if is_wanted else [*self.query.attributes, attribute]
        highest, shows_all = b"", True
        for page in self.connection.pages(Query(filter=filter_, attributes=attributes)):
            for dn, values in page:
                value = max(values.get(attribute, ()), default=b"")
                highest, shows_all = max(highest, value), shows_all and bool(value)
                row = values if is_wanted else {name: values[name] for name in values if name != attribute}
                yield self.reader.row(dn, row)
        return highest.decode(errors="replace") if shows_all else None

    def directory(self) -> str:
        """A digest of what changes are told for: the server, the base itself, and what is asked."""
        base = self.connection.read(self.settings.ldap_base_dn, _IDS)
        ids = [value for name in _IDS for value in base.get(name, ())]
        ids += [value for name in _SERVER_IDS for value in self.root.get(name, ())]
        asked = self.settings.model_dump_json(exclude=_TRANSPORT).encode()
        return _digest(_VERSION, self.connection.uri.encode(), self.query.filter.encode(), asked, *ids).hex()

    def branches(self) -> str:
        """A digest of the entries that have others below them, whatever their order.

        When such an entry is moved or renamed, those below it are elsewhere without a trace on them.
        """
        if self.settings.ldap_scope != "subtree":
            return "-"
        pages = self.connection.pages(Query(filter=BRANCHES, attributes=[_ENTRY_UUID]))
        return f"{sum(_number(entry) for page in pages for entry in page) % 2**64:016x}"

    def expired(self, reason: str) -> CursorExpired:
        """The error that asks for a listing of everything."""
        return CursorExpired(f"{self.connection.uri}: {reason}; everything is listed")


def _number(entry: Entry) -> int:
    dn, attributes = entry
    return int.from_bytes(_digest(dn.encode(), *attributes.get(_ENTRY_UUID, ())))


def _digest(*parts: bytes) -> bytes:
    return blake2b(b"\0".join(parts), digest_size=8).digest()
