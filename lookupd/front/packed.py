"""Bodies that a client has packed: unpacked here, whole and within bounds, or refused.

aiohttp would unpack all that was sent, even what nobody reads: a megabyte took the loop for half a second.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.web import Request

#: what zlib calls a stream of each kind; a "deflate" without a header is the other kind that is about
_WINDOWS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_BARE: Final = -15
#: packed in ways that are known, and not unpacked
_OTHERS: Final = frozenset({"br", "compress", "zstd"})


async def unpack(request: Request) -> None:
    """Let whoever reads the body of a request find it unpacked.

    Raises HTTPRequestEntityTooLarge where it is larger than a body may be, packed or not, and
    RequestPayloadError where it cannot be unpacked.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding in _OTHERS:
        raise web.RequestPayloadError(f"bodies in {encoding} are not unpacked")
    if encoding in _WINDOWS and (packed := await request.read()):
        unpacked = _unpacked(packed, encoding, request.client_max_size)
        request._read_bytes = unpacked  # noqa: SLF001 - where aiohttp keeps what was read


def _unpacked(packed: bytes, encoding: str, most: int) -> bytes:
    is_bare = encoding == "deflate" and packed[0] & 0xF != zlib.DEFLATED
    unpacker = zlib.decompressobj(_BARE if is_bare else _WINDOWS[encoding])
    try:
        unpacked = unpacker.decompress(packed, most + 1)
    except zlib.error as error:
        raise web.RequestPayloadError(str(error)) from None
    if len(unpacked) > most:
        raise web.HTTPRequestEntityTooLarge(most)
    if not unpacker.eof or unpacker.unused_data:
        raise web.RequestPayloadError("it does not end where it says")
    return unpacked
