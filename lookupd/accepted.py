"""The configuration that the daemon goes by, for processes that it starts, whatever the file says by then.

It lies in memory that has no name and is handed down as a descriptor, since it holds secrets.
"""

from __future__ import annotations

import os
import time
from hashlib import blake2b
from typing import TYPE_CHECKING

from lookupd import configfile
from lookupd.errors import ConfigError

if TYPE_CHECKING:
    from lookupd.config import Config

#: bytes of the checksum in front
_SUM = 32
#: how often what is being written is looked at again, and seconds between two looks
_LOOKS, _PAUSE = 100, 0.02


class Accepted:
    """The owner of that memory; `descriptor` is what a process inherits."""

    def __init__(self, config: Config) -> None:
        self.descriptor = os.memfd_create("lookupd-configuration")
        self.put(config)

    def put(self, config: Config) -> None:
        """From now on this configuration counts. Whoever reads in between reads again."""
        content = configfile.pack(config)
        whole = _sum(content) + content
        written = 0
        while written < len(whole):
            written += os.pwrite(self.descriptor, whole[written:], written)
        os.ftruncate(self.descriptor, len(whole))

    def close(self) -> None:
        """Give the memory back, once no process has it any more."""
        os.close(self.descriptor)


def read(descriptor: int) -> Config:
    """The configuration behind an inherited descriptor. Raises ConfigError."""
    for _ in range(_LOOKS):
        whole = _whole(descriptor)
        if _sum(whole[_SUM:]) == whole[:_SUM]:
            return configfile.unpack(whole[_SUM:])
        time.sleep(_PAUSE)
    raise ConfigError(["the configuration that the daemon handed down cannot be read"])


def _whole(descriptor: int) -> bytes:
    """All that is there; where it is read from is nobody else's affair, as the place in it is shared."""
    parts, at = [], 0
    while part := os.pread(descriptor, 1 << 20, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _sum(content: bytes) -> bytes:
    return blake2b(content, digest_size=_SUM).digest()
