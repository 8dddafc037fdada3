"""Bodies that were packed: read as if they were not, and those that grow to hundreds of megabytes refused."""

import asyncio
import functools
import gzip
import json
import time
import tracemalloc
import zlib

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

REVERSE = "/0.1/directories/reverse/default/8a2c"
MIB = 1024 * 1024
#: how a stream of each kind begins, as zlib has it
WINDOWS = {"gzip": 31, "deflate": 15}
QUESTION = json.dumps({"extens": ["0199001234"]}).encode()


def bare(body):
    """What some take for "deflate": without a header."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@functools.cache
def bomb(encoding, size=900 * MIB):
    """Blanks, packed: blocks that stand for themselves, so that one is made, and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, WINDOWS[encoding])
    first = packer.compress(b" " * (10 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * (10 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + block * (size // (10 * MIB) - 1) + packer.flush()


async def post(site, encoding, body, path=REVERSE):
    return await site.ask(path, "POST", body=body, headers={"Content-Encoding": encoding})


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP ", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", bare),
        ("identity", bytes),
        ("", bytes),
    ],
)
async def test_a_packed_body_is_read(site, encoding, pack):
    reply = await post(site, encoding, pack(QUESTION))
    assert (reply.status, reply.json["results"][0]["source"]) == (200, "staff")


@pytest.mark.parametrize("encoding", WINDOWS)
async def test_a_body_may_be_a_mebibyte_unpacked_and_no_more(site, encoding):
    packer = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    assert (await post(site, encoding, packer(QUESTION.ljust(MIB)))).status == 200
    assert (await post(site, encoding, packer(QUESTION.ljust(MIB + 1)))).status == 413


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not gzip"),
        ("gzip", gzip.compress(QUESTION)[:-1]),
        ("gzip", gzip.compress(QUESTION) + b"x"),
        ("gzip", gzip.compress(QUESTION) * 2),
        ("deflate", zlib.compress(QUESTION)[:-4]),
        ("deflate", b"\xff" * 100),
        ("br", QUESTION),
        ("zstd", QUESTION),
    ],
    ids=["none", "cut", "more", "two", "cut-deflate", "no-deflate", "br", "zstd"],
)
async def test_a_body_that_cannot_be_unpacked_is_a_400(site, encoding, body):
    reply = await post(site, encoding, body)
    assert (reply.status, reply.json) == (400, {"message": "the body cannot be decoded"})


async def test_a_packed_body_that_is_no_body_is_none(site):
    assert (await post(site, "gzip", b"")).json == {"message": "the body is not JSON"}
    assert (await site.ask("/live", headers={"Content-Encoding": "gzip"})).status == 200


@pytest.mark.parametrize("encoding", WINDOWS)
async def test_a_bomb_is_one(encoding):
    assert len(zlib.decompressobj(WINDOWS[encoding]).decompress(bomb(encoding), 50 * MIB)) == 50 * MIB
    assert len(bomb(encoding)) < MIB


@pytest.mark.parametrize("encoding", WINDOWS)
@pytest.mark.parametrize("path", [REVERSE, "/nowhere", "/live"])
async def test_a_bomb_is_a_413_and_costs_neither_time_nor_memory(site, encoding, path):
    bomb(encoding)
    tracemalloc.start()
    try:
        before, begun = tracemalloc.get_traced_memory()[0], time.process_time()
        replies = await asyncio.gather(*(post(site, encoding, bomb(encoding), path) for _ in range(4)))
        await asyncio.sleep(0.3)  # what is left of a body may be read after its answer
        took, peak = time.process_time() - begun, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert [reply.status for reply in replies] == [413] * 4
    assert all(set(reply.json) == {"message"} for reply in replies)
    assert took < 1, "seconds of the processor; unpacking them all takes three"
    assert peak < 40 * MIB
    assert (await site.ask(REVERSE, exten="0199001234")).status == 200
