"""What a plugin is: the classes to derive from, and the arguments they are given.

A plugin may also have no base class at all: only the method names count. Every method may be `def` or
`async def`; a `def` runs in its own source's threads, so it may block.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeAlias, TypedDict, runtime_checkable

if TYPE_CHECKING:
    import socket

    from aiohttp import web
    from pydantic import BaseModel

#: What a back-end returns for one person: column -> value. Values are text, numbers, lists, mappings or
#: `MultiValue`; an empty value is None.
Row: TypeAlias = Mapping[str, object]

#: What a resource method of a view returns: something JSON can say, that and a status, or a whole response.
Reply: TypeAlias = "web.StreamResponse | tuple[object, int] | object"


class MultiValue(str):
    """Several values of one column: it reads as its first value, and `all` holds every one.

    Directories such as LDAP may hold five telephone numbers in one attribute. Clients expect a text there, so
    that is what it is; the index takes every value.
    """

    __slots__ = ("all",)

    all: tuple[str, ...]

    def __new__(cls, values: Sequence[str]) -> Self:
        """From at least one value, the preferred one first."""
        self = super().__new__(cls, values[0])
        self.all = tuple(values)
        return self

    def __getnewargs__(self) -> tuple[Sequence[str]]:  # type: ignore[override] # a str is made of a text
        """What a copy is made of, also in another process."""
        return (self.all,)


class SourceArgs(TypedDict):
    """What a back-end is loaded with."""

    #: this source's section, flat: the generic keys (name, uuid, backend, tenant_uuid, unique_column,
    #: searched_columns, first_matched_columns, format_columns, region) beside the back-end's own
    config: dict[str, Any]
    #: the whole configuration, secrets masked
    main_config: dict[str, Any]


class QueryArgs(TypedDict, total=False):
    """What is known about the one who asks; each key only where it is known."""

    token_infos: dict[str, Any]
    token: str
    user_uuid: str
    tenant_uuid: str
    #: how long the caller waits for the answer from now on, in seconds; a back-end may hand it on as the
    #: timeout of its own request, so that no thread of it works for nobody
    deadline: float


class BaseSourcePlugin(ABC):
    """A back-end: asks one kind of directory. Each configured instance of it is a source.

    It may offer more than the methods here: `config_model` (checked before any other code of it runs),
    and the methods of `ListsAll` and `ReportsChanges`, which make a sync cheaper.
    """

    SEARCHED_COLUMNS: ClassVar = "searched_columns"
    FIRST_MATCHED_COLUMNS: ClassVar = "first_matched_columns"
    FORMAT_COLUMNS: ClassVar = "format_columns"
    UNIQUE_COLUMN: ClassVar = "unique_column"

    #: the settings this back-end takes, or None to take anything
    config_model: ClassVar[type[BaseModel] | None] = None
    #: whether what the directory says depends on who asks; if not, answers are shared between callers
    depends_on_caller: ClassVar[bool] = True
    #: whether a synced source of this kind is also asked live, unless its `live` section says so: False where
    #: the index is as good
    asks_live_when_synced: ClassVar[bool] = True
    #: the source's name and its back-end's name, set before `load`
    name: str
    backend: str

    @abstractmethod
    def load(self, args: SourceArgs, /) -> Awaitable[None] | None:
        """Get ready to be asked. Raises SourceError when that is impossible now: it is tried again."""

    def unload(self) -> Awaitable[None] | None:
        """Release what `load` took."""

    @abstractmethod
    def search(self, term: str, args: QueryArgs, /) -> Sequence[Row] | Awaitable[Sequence[Row]]:
        """The rows that hold a text. Raises SourceError when the directory cannot be asked."""

    @abstractmethod
    def first_match(self, exten: str, args: QueryArgs, /) -> Row | Awaitable[Row | None] | None:
        """The row with exactly this number, or None. Raises SourceError when it cannot be asked."""

    def match_all(
        self, extens: Sequence[str], args: QueryArgs, /
    ) -> Mapping[str, Row] | Awaitable[Mapping[str, Row]]:
        """The rows with these numbers, by number; a number nobody has is left out."""
        found = {}
        for exten in extens:
            row = self.first_match(exten, args)
            if isinstance(row, Awaitable):
                return self._match_all_later(extens, args, row)
            if row:
                found[exten] = row
        return found

    async def _match_all_later(
        self, extens: Sequence[str], args: QueryArgs, first: Awaitable[Row | None]
    ) -> Mapping[str, Row]:
        found = {}
        for index, exten in enumerate(extens):
            row = first if index == 0 else self.first_match(exten, args)
            if isinstance(row, Awaitable):
                row = await row
            if row:
                found[exten] = row
        return found

    def list(self, uids: Sequence[str], args: QueryArgs, /) -> Sequence[Row] | Awaitable[Sequence[Row]]:  # noqa: ARG002
        """The rows with these unique ids; an id nobody has is left out."""
        return []


@runtime_checkable
class ListsAll(Protocol):
    """A back-end that can list its whole directory."""

    def list_all(self) -> Iterable[Row] | AsyncIterable[Row] | Awaitable[Iterable[Row]]:
        """Every row; best a generator, so that a million of them never stand in memory."""
        ...


@dataclass(kw_only=True)
class Changes:
    """What changed in a directory since a cursor."""

    #: rows that are new or differ
    rows: Iterable[Row] | AsyncIterable[Row]
    #: unique ids that are no longer there; read after `rows` is exhausted
    gone: Iterable[str] = ()
    #: where to go on next time: a text, or a function called after `rows` is exhausted
    cursor: str | Callable[[], str] = ""


@runtime_checkable
class ReportsChanges(Protocol):
    """A back-end that can tell what changed."""

    def changes(self, cursor: str | None, /) -> Changes | Awaitable[Changes]:
        """What changed since `cursor`; None asks for everything, as the start of a new series.

        Raises CursorExpired when the directory no longer knows: then it is asked again with None.
        """
        ...


class ServiceArgs(TypedDict):
    """What a service is loaded with."""

    #: the whole configuration, secrets masked
    config: dict[str, Any]
    #: the sources, by name (where tenants share a name, the first configured)
    sources: Mapping[str, Any]
    #: every source of every tenant
    all_sources: Any
    #: the profiles, with their sources
    profiles: Any
    #: the installed plugins, and why some do not run: "kind name" -> reason
    loader: Any
    broken_plugins: Mapping[str, str]
    #: reads the synced contacts
    index: Any
    #: asks the sources now
    live: Any
    #: keeps what they said
    answers: Any
    #: counts what the front has to do
    load: Any
    #: what users own: whether it can be read
    state: Any


class BaseServicePlugin(ABC):
    """A service: answers one kind of question, using sources."""

    @abstractmethod
    def load(self, args: ServiceArgs, /) -> Any | Awaitable[Any]:  # noqa: ANN401 - a service is any object
        """The service object, which views get under the plugin's name."""

    def unload(self) -> Awaitable[None] | None:
        """Release what `load` took."""


class RestApi(Protocol):
    """How a view offers resources; see `lookupd.rest`."""

    def add_resource(self, resource_class: Callable[[], object], *paths: str) -> None:
        """Serve a class whose get/post/put/delete methods take the path's variables as keywords.

        It is called once, without arguments, to make the resource.
        """
        ...


class ViewArgs(TypedDict):
    """What a view is loaded with."""

    #: the views' section of the configuration
    config: dict[str, Any]
    #: the services, by name
    services: Mapping[str, Any]
    #: the aiohttp application, for anything `rest_api` cannot say
    http_app: web.Application
    rest_api: RestApi
    #: admits those who ask without a token; see `lookupd.guest`
    guests: Any
    #: the listening sockets that a service manager has handed over for this view; the daemon closes them
    sockets: Sequence[socket.socket]


class BaseViewPlugin(ABC):
    """A view: shows services to the world in one format."""

    #: a pydantic model of its section, by which mistakes in it are told before anything is served
    config_model: type[BaseModel] | None = None

    @abstractmethod
    def load(self, args: ViewArgs, /) -> Awaitable[None] | None:
        """Add routes or resources."""

    def unload(self) -> Awaitable[None] | None:
        """Release what `load` took."""
