"""Who is calling? What is Ann's number? These are the names a plugin author imports."""

from lookupd.errors import CursorExpired, SourceError
from lookupd.plugins import (
    BaseServicePlugin,
    BaseSourcePlugin,
    BaseViewPlugin,
    Changes,
    ListsAll,
    MultiValue,
    QueryArgs,
    ReportsChanges,
    Row,
    ServiceArgs,
    SourceArgs,
    ViewArgs,
)

__all__ = [
    "BaseServicePlugin",
    "BaseSourcePlugin",
    "BaseViewPlugin",
    "Changes",
    "CursorExpired",
    "ListsAll",
    "MultiValue",
    "QueryArgs",
    "ReportsChanges",
    "Row",
    "ServiceArgs",
    "SourceArgs",
    "SourceError",
    "ViewArgs",
]
