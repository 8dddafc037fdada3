"""Local tokens: 192 random bits, shown once; only a hash is kept, so a stolen file opens nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lookupd.datafile import which
from lookupd.errors import DataDamaged
from lookupd.sql import statements
from lookupd.state import database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

_SQL = statements("lookupd.state", "tokens.sql")
#: begins every token, so that one is recognised where it should not be
PREFIX = "lkp_"
#: the only scope of a device's secret, which may stand in a URL: it reaches nothing else that is served
DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token; not the token itself."""

    id: str
    name: str
    tenant: str
    user: str | None
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None

    @property
    def is_device(self) -> bool:
        """Whether it is the secret of a device, and so no token for anything else."""
        return len(self.scopes) == 1 and self.scopes[0].partition(".")[0] == DEVICE

    @property
    def profile(self) -> str | None:
        """The only profile a device may use; None where the one it names counts."""
        return (self.scopes[0].partition(".")[2] or None) if self.is_device else None


class Tokens:
    """The tokens in `state.db`. Every method may raise DataError; one that writes, DiskFull."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = database.connect(path)
        self._file = which(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(
        self, name: str, *, tenant: str, user: str | None, scopes: Sequence[str], now: datetime
    ) -> tuple[Token, str]:
        """A new token and its secret, which nobody can show again. Durable on return."""
        name = name.encode("utf-8", "replace").decode()  # a shell hands over any bytes
        secret = PREFIX + secrets.token_urlsafe(24)
        id_ = secrets.token_hex(8)
        row = (id_, _hash(secret), name, tenant, user, json.dumps(list(scopes)), now.timestamp())
        with database.told(self._path):
            self._opened().execute(_SQL["add"], row)
        return (
            Token(
                id=id_,
                name=name,
                tenant=tenant,
                user=user,
                scopes=tuple(scopes),
                created_at=now,
                revoked_at=None,
            ),
            secret,
        )

    def all(self) -> list[Token]:
        """Every token, revoked ones too, the oldest first."""
        with database.told(self._path):
            return [self._read(row) for row in self._opened().execute(_SQL["all"])]

    def find(self, secret: str) -> Token | None:
        """The token with this secret, unless it was revoked. Some microseconds."""
        with database.told(self._path):
            row = self._opened().execute(_SQL["by_hash"], (_hash(secret),)).fetchone()
        return self._read(row) if row else None

    def revoke(self, id_: str, now: datetime) -> bool:
        """Make a token useless; False when there is none of this id that was not revoked already."""
        with database.told(self._path):
            return self._opened().execute(_SQL["revoke"], (now.timestamp(), id_)).rowcount > 0

    def check(self) -> None:
        """Look at the whole file, and each token. Raises DataDamaged, or another DataError."""
        with database.told(self._path):
            said = self._opened().execute("PRAGMA quick_check(1)").fetchone()[0]
        if said != "ok":
            raise DataDamaged(str(self._path), said)
        self.all()

    def _read(self, row: Sequence[Any]) -> Token:
        try:
            return _token(row)
        except (ValueError, TypeError, OverflowError, OSError) as error:
            raise DataDamaged(str(self._path), f"a token cannot be read: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        """A connection to the file that lies there now: a damaged one may have been replaced by a backup."""
        file = which(self._path)
        if file not in {self._file, None}:
            connection = database.connect(self._path)
            self._connection.close()
            self._connection, self._file = connection, file
        return self._connection


def device_scope(profile: str | None) -> str:
    """The scope of a device that may use one profile only, or any."""
    return DEVICE if profile is None else f"{DEVICE}.{profile}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _token(row: Sequence[Any]) -> Token:
    id_, name, tenant, user, scopes, created_at, revoked_at = row
    return Token(
        id=id_,
        name=name,
        tenant=tenant,
        user=user,
        scopes=tuple(json.loads(scopes)),
        created_at=datetime.fromtimestamp(created_at, UTC),
        revoked_at=None if revoked_at is None else datetime.fromtimestamp(revoked_at, UTC),
    )
