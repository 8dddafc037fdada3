"""What an LDAP server says of its changes (RFC 4533): python-ldap's view of it -> records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import ldap
from ldap.syncrepl import SyncDoneControl, SyncInfoMessage, SyncStateControl

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: the control that a server must support
CONTROL = "1.3.6.1.4.1.4203.1.9.1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An entry that is new or differs."""

    uuid: str
    dn: str
    attributes: Mapping[str, Sequence[bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Entries that are not there any more, or never were among those asked for."""

    uuids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """The server tells what is left, instead of what is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The end."""

    #: the state that was told, None where it is the one asked with
    cookie: str | None
    #: whether all that is gone was told; else it is whatever was not
    tells_gone: bool


Message: TypeAlias = Changed | Gone | Present | Done


def messages(
    kind: int, data: Iterable[tuple[Any, Any, Any]], controls: Sequence[object]
) -> Iterator[Message]:
    """One reply of `result4`; pointers to other servers say nothing."""
    if kind == ldap.RES_SEARCH_ENTRY:
        yield from (_entry(dn, attributes, entry_controls) for dn, attributes, entry_controls in data)
    elif kind == ldap.RES_INTERMEDIATE:
        for name, value, _ in data:
            if name == SyncInfoMessage.responseName:
                yield from _info(SyncInfoMessage(value))
    elif kind == ldap.RES_SEARCH_RESULT:
        end = next((control for control in controls if isinstance(control, SyncDoneControl)), None)
        yield Done(cookie=end and (end.cookie or None), tells_gone=bool(end and end.refreshDeletes))


def _entry(dn: str, attributes: Mapping[str, Sequence[bytes]], controls: Iterable[object]) -> Message:
    told = next((control for control in controls if isinstance(control, SyncStateControl)), None)
    if told is None or told.state == "present":
        return Present()
    if told.state == "delete":
        return Gone(uuids=[told.entryUUID])
    return Changed(uuid=told.entryUUID, dn=dn, attributes=attributes)


def _info(info: SyncInfoMessage) -> Iterator[Message]:
    if info.refreshPresent is not None:
        yield Present()
    elif info.syncIdSet is not None:
        told = info.syncIdSet
        yield Gone(uuids=told["syncUUIDs"]) if told["refreshDeletes"] else Present()
