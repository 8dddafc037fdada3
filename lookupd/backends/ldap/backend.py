"""The questions of the contract, asked of an LDAP directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lookupd import BaseSourcePlugin, Changes, QueryArgs, Row, SourceArgs, SourceError
from lookupd.backends.ldap.connection import Found, Query
from lookupd.backends.ldap.deadline import Deadline
from lookupd.backends.ldap.entry import Columns, EntryReader
from lookupd.backends.ldap.filter import Filters
from lookupd.backends.ldap.listing import Listing
from lookupd.backends.ldap.pool import Pool
from lookupd.backends.ldap.pull import Question
from lookupd.backends.ldap.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lookupd.backends.ldap.connection import Connection, Entry

T = TypeVar("T")

_CHUNK = 50  # numbers or ids in one filter; servers bound its length


class LdapBackend(BaseSourcePlugin):
    """Asks an LDAP directory; several threads may ask at once, each with a connection of its own."""

    config_model = Settings
    depends_on_caller = False

    def load(self, args: SourceArgs, /) -> None:
        """Get ready, without a word on the network: the directory may come later."""
        settings = Settings.model_validate(args["config"])
        self._columns = Columns(settings)
        self._first_matched = settings.first_matched_columns
        self._filters = Filters(
            custom=settings.ldap_custom_filter,
            searched_columns=settings.searched_columns,
            first_matched_columns=settings.first_matched_columns,
            unique_column=settings.unique_column,
        )
        self._name = str(args["config"].get("name") or settings.ldap_uri)
        folder = Path(args["main_config"].get("config_dir") or Path.cwd())
        self._pool = Pool(settings, folder / settings.ldap_ca_file if settings.ldap_ca_file else None)
        question = Question(
            settings=settings,
            columns=self._columns,
            filter=settings.ldap_list_filter or self._filters.everything(),
            source=self._name,
        )
        self._listing = Listing(question, self._pool)

    def unload(self) -> None:
        """Log out."""
        self._pool.close()

    def search(self, term: str, args: QueryArgs, /) -> Sequence[Row]:
        """The rows with a text in a searched column, up to the size limit of the server."""
        filter_ = self._filters.search(term)
        return self._rows(self._found([filter_], Deadline.of(args)).entries) if filter_ else []

    def first_match(self, exten: str, args: QueryArgs, /) -> Row | None:
        """The row with a number; of several, the one whose DN sorts first."""
        return self._first(exten, Deadline.of(args))

    def match_all(self, extens: Sequence[str], args: QueryArgs, /) -> Mapping[str, Row]:
        """The rows with any of these numbers in any of their values, asked in one filter."""
        deadline = Deadline.of(args)
        asked = {exten: _comparable(exten) for exten in extens if _comparable(exten)}
        filters = [self._filters.match(chunk) for chunk in _chunks(list(asked))]
        found = self._found([filter_ for filter_ in filters if filter_], deadline)
        rows = [(row, self._numbers(row)) for row in self._rows(_in_order(found.entries))]
        owners = {number: row for row, numbers in reversed(rows) for number in numbers}
        answers = {exten: owners[number] for exten, number in asked.items() if number in owners}
        if found.is_cut or any(numbers.isdisjoint(asked.values()) for _, numbers in rows):
            # The size limit kept some back, or the directory has a looser comparison or another name for the
            # column: who is missing is asked for alone.
            singles = {exten: self._first(exten, deadline) for exten in asked if exten not in answers}
            answers |= {exten: row for exten, row in singles.items() if row}
        return answers

    def list(self, uids: Sequence[str], args: QueryArgs, /) -> Sequence[Row]:
        """The rows with these unique ids."""
        values = [self._columns.id_value(uid) for uid in dict.fromkeys(uids)]
        chunks = _chunks([value for value in values if value is not None])
        filters = [self._filters.ids(chunk) for chunk in chunks]
        found = self._found([filter_ for filter_ in filters if filter_], Deadline.of(args))
        if found.is_cut:
            raise SourceError(
                f"{self._name}: the server's size limit is below {_CHUNK}; raise it for this login"
            )
        return self._rows(found.entries)

    def list_all(self) -> Iterator[Row]:
        """Every row, a page of entries in memory at a time."""
        return self._listing.rows()

    def changes(self, cursor: str | None, /) -> Changes:
        """What changed since a cursor, as far as this server tells; see `ldap_changes`."""
        return self._listing.everything() if cursor is None else self._listing.since(cursor)

    def _first(self, exten: str, deadline: Deadline) -> Row | None:
        filter_ = self._filters.match([exten]) if _comparable(exten) else None
        if not filter_:
            return None
        entries = self._found([filter_], deadline).entries
        return self._rows(_in_order(entries)[:1])[0] if entries else None

    def _found(self, filters: Sequence[str], deadline: Deadline) -> Found:
        """What any of these filters finds, each entry once; nothing is asked for no filter."""
        if not filters:
            return Found(entries=[])

        def ask(connection: Connection, deadline: Deadline) -> Sequence[Found]:
            queries = [Query(filter=text, attributes=self._columns.requested) for text in filters]
            return [connection.find(query, deadline) for query in queries]

        parts = self._pool.ask(ask, deadline)
        entries = {entry[0]: entry for part in parts for entry in part.entries}
        return Found(entries=list(entries.values()), is_cut=any(part.is_cut for part in parts))

    def _rows(self, entries: Iterable[Entry]) -> Sequence[Row]:
        reader = EntryReader(self._columns, self._name)
        return [reader.row(dn, attributes) for dn, attributes in entries]

    def _numbers(self, row: Row) -> frozenset[str]:
        """All numbers of a row, ready to be compared."""
        values = [row.get(column) for column in self._first_matched]
        texts = [value for value in values if isinstance(value, str)]
        return frozenset(_comparable(number) for text in texts for number in getattr(text, "all", (text,)))


def _in_order(entries: Iterable[Entry]) -> Sequence[Entry]:
    """By their DN: who shares a number is always answered with the same one."""
    return sorted(entries, key=lambda entry: entry[0].lower())


def _comparable(number: str) -> str:
    """As directories compare numbers: neither case, blanks nor hyphens count (RFC 4517, 4.2.29)."""
    return "".join(number.split()).replace("-", "").casefold()


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
