"""Who is shown when a number calls, in a file beside the index: sorted by number, one read for a question.

A sorted string table, as those of Bigtable (section 4 of its paper) and LevelDB: pages that never change, and
the first id of each, which is kept in memory. Which callers have changed since it was made, the index says.

It is made of the index, and the index has all of it: a file that is lost or damaged costs time, no answer.

    page        directory and texts, in 4096 bytes
    directory   checksum, count; ids; checksums of texts; where each text begins, and where the last one ends
    text        of a caller, what `checksum.shown` is a sum of
    end         behind all pages: the first id of each; their checksum, their number, and whose file it is

All numbers are in the byte order of the machine.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left, bisect_right
from contextlib import suppress
from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

from lookupd.index.caller import SOURCE, id_of, number_of
from lookupd.index.checksum import Damaged, shown_in, text_shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: bytes that are read for a question
PAGE: Final = 4096
#: an id and what is shown: display and body
Shown = tuple[int, str | None, str]
#: the same as it is packed: id, checksum, text
_Entry = tuple[int, int, bytes]
#: id, display, body, and the checksum of what is shown
Row = tuple[int, str | None, str, int]

_ID, _SUM, _START = Struct("=Q"), Struct("=I"), Struct("=H")
#: checksum and count of a directory, and what one more caller takes of it
_HEAD = Struct("=IB")
_ENTRY: Final = _ID.size + _SUM.size + _START.size
#: how many callers a page has at most, and what they may take of it
_MOST: Final = 255
_ROOM: Final = PAGE - _HEAD.size - _START.size
#: directories of each count
_DIRECTORIES: Final = [
    Struct(f"=IB{count}Q{count}I{count + 1}H") for count in range(min(_MOST, _ROOM // _ENTRY) + 1)
]
_TAIL = Struct("=IQQ")
#: of a sum that stays one of 32 bits
_WORD: Final = 0xFFFFFFFF
#: "lkpdcal" and the version of the format
_MAGIC: Final = int.from_bytes(b"lkpdcal\x01", "big")


class CallerFile:
    """A file that is there, read by one thread. What is damaged in it raises Damaged."""

    def __init__(self, path: Path, changed: bytes) -> None:
        """`changed`: ids that the file says nothing about, ascending. Raises OSError or Damaged."""
        self.path = path
        self._changed = array("Q", changed)
        self._seed = _seed(path.name)
        self._handle = os.open(path, os.O_RDONLY)
        try:
            self._firsts = self._read_firsts()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            os.close(self._handle)

    def follow(self, changed: bytes) -> None:
        """These ids have changed by now."""
        self._changed = array("Q", changed)

    def find(self, first: int, last: int) -> list[Shown] | None:
        """The callers whose ids are from `first` to `last`, those of one number; None: the index knows."""
        changed = self._changed
        if changed and bisect_left(changed, first) != bisect_right(changed, last):
            return None
        found: list[Shown] = []
        at = bisect_right(self._firsts, last) - 1
        if at < 0:
            return found
        page, directory = self._page(at)
        count = directory[1]
        place = bisect_left(directory, first, 2, 2 + count)
        while place < 2 + count and directory[place] <= last:
            text = _text(page, directory, place)
            if not text:
                return None
            found.append((directory[place], *shown_in(text)))
            place += 1
        return found

    def sums(self) -> Iterator[tuple[int, int | None]]:
        """Every id, and the checksum of what is shown; None for a number that only the index knows."""
        for at in range(len(self._firsts)):
            page, directory = self._page(at)
            count = directory[1]
            for place in range(2, 2 + count):
                is_here = _text(page, directory, place)
                yield directory[place], directory[place + count] if is_here else None

    def _page(self, at: int) -> tuple[bytes, tuple[int, ...]]:
        """A page and its directory: two numbers, ids, checksums, beginnings of texts."""
        page = os.pread(self._handle, PAGE, at * PAGE)
        count = page[_SUM.size] if len(page) == PAGE else PAGE
        if 0 < count < len(_DIRECTORIES):
            directory = _DIRECTORIES[count]
            told: tuple[int, ...] = directory.unpack_from(page)
            if told[0] == crc32(page[_SUM.size : directory.size], self._seed + at & _WORD):
                return page, told
        raise Damaged(f"page {at} is not what was stored")

    def _read_firsts(self) -> array[int]:
        size = os.fstat(self._handle).st_size
        tail = os.pread(self._handle, _TAIL.size, max(0, size - _TAIL.size))
        if len(tail) == _TAIL.size:
            stored_sum, pages, magic = _TAIL.unpack(tail)
            if magic == _MAGIC and size == pages * (PAGE + _ID.size) + _TAIL.size:
                firsts = os.pread(self._handle, pages * _ID.size, pages * PAGE)
                if crc32(firsts, self._seed) == stored_sum:
                    return array("Q", firsts)
        raise Damaged("it is no whole file of callers")


def packed(rows: Iterable[Row], name: str) -> Iterator[bytes]:
    """The file, which will have this name, of some callers, ascending by id; a piece after the other.

    Raises Damaged.
    """
    firsts, page, seed = array("Q"), _Page(), _seed(name)
    for entries, size in _numbers(rows):
        if size > _ROOM or len(entries) >= len(_DIRECTORIES):
            entries, size = [(id_of(number_of(entries[0][0]), 0), 0, b"")], _ENTRY  # noqa: PLW2901 - a stand-in
        if page.size + size > _ROOM or len(page.entries) + len(entries) >= len(_DIRECTORIES):
            yield page.packed(seed + len(firsts))
            firsts.append(page.entries[0][0])
            page = _Page()
        page.size += size
        page.entries += entries
    if page.entries:
        yield page.packed(seed + len(firsts))
        firsts.append(page.entries[0][0])
    yield firsts.tobytes()
    yield _TAIL.pack(crc32(firsts.tobytes(), seed), len(firsts), _MAGIC)


def _seed(name: str) -> int:
    """With what checksums in a file of this name begin: a page that is another file's fits nowhere."""
    return crc32(name.encode())


def _numbers(rows: Iterable[Row]) -> Iterator[tuple[list[_Entry], int]]:
    """The callers of each number, and what they take of a page."""
    entries: list[_Entry] = []
    number, size = 0, 0
    for id_, display, body, shown_sum in rows:
        text = text_shown(id_ & SOURCE, display, body)
        if crc32(text) != shown_sum:
            raise Damaged(f"who calls from {id_} is not what was stored")
        if number_of(id_) != number:
            if entries:
                yield entries, size
            entries, number, size = [], number_of(id_), 0
        entries.append((id_, shown_sum, text))
        size += _ENTRY + len(text)
    if entries:
        yield entries, size


class _Page:
    """A page that is filled. The callers of a number are on one page."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        #: what they take
        self.size = 0

    def packed(self, where: int) -> bytes:
        """The page; `where` stands for its file and its place there."""
        count = len(self.entries)
        ids, sums, texts = zip(*self.entries, strict=True)
        starts = accumulate(map(len, texts), initial=_DIRECTORIES[count].size)
        directory = _DIRECTORIES[count].pack(0, count, *ids, *sums, *starts)[_SUM.size :]
        whole = b"".join((_SUM.pack(crc32(directory, where & _WORD)), directory, *texts))
        return whole.ljust(PAGE, b"\0")


def _text(page: bytes, directory: tuple[int, ...], place: int) -> bytes:
    """The text of the caller whose id is at a place of the directory; empty where the index has it."""
    start = place + 2 * directory[1]
    text = page[directory[start] : directory[start + 1]]
    if crc32(text) != directory[place + directory[1]]:
        raise Damaged(f"the caller {directory[place]} is not what was stored")
    return text
