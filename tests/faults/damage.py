"""Damage to files, above all to SQLite databases: the same for the same seed, and never none.

Each function damages a file in place, and says in words what it did; it raises ValueError where the file
cannot be damaged so. Nobody may have the database open: what is in its write-ahead log (WAL) hides damage.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096  # of a file that is no database
MAGIC = b"SQLite format 3\0"
# Places in the header of a database: https://www.sqlite.org/fileformat.html
PAGE_SIZE_AT, USER_VERSION_AT, APPLICATION_ID_AT = 16, 60, 68

Damage = Callable[[Path, int], str]


def flip_bits(file: Path, seed: int, *, count: int = 8, start: int = 0) -> str:
    """Flip one bit in each of `count` bytes, from the place `start` on."""
    content = bytearray(_content(file))
    chosen = random.Random(seed)
    if len(content) <= start:
        raise ValueError(f"{file}: has no byte at {start}")
    places = sorted(chosen.sample(range(start, len(content)), min(count, len(content) - start)))
    for place in places:
        content[place] ^= 1 << chosen.randrange(8)
    file.write_bytes(content)
    return f"bits flipped in the bytes {places}"


def truncate(file: Path, seed: int, *, at: int | None = None) -> str:
    """Keep the first `at` bytes."""
    size = len(_content(file))
    kept = random.Random(seed).randrange(1, max(2, size)) if at is None else at
    if kept >= size:
        raise ValueError(f"{file}: has only {size} bytes")
    _resize(file, kept)
    return f"truncated to {kept} of {size} bytes"


def empty(file: Path, seed: int) -> str:  # noqa: ARG001 - there is one way only
    """Keep nothing."""
    _content(file)
    _resize(file, 0)
    return "emptied"


def replace_by_text(file: Path, seed: int) -> str:
    """Write something else over it, as an editor or a web server does."""
    text = "<!DOCTYPE html>\n<title>502 Bad Gateway</title>\n" * random.Random(seed).randint(1, 200)
    _content(file)
    file.write_text(text)
    return f"replaced by {len(text)} bytes of text"


def zero_page(file: Path, seed: int, *, page: int | None = None) -> str:
    """Fill a page with zeros; pages count from 0."""
    pages = _pages(file)
    full = [number for number, content in enumerate(pages) if any(content)]
    number = _choose(file, seed, full) if page is None else page
    pages[number] = bytes(len(pages[number]))
    file.write_bytes(b"".join(pages))
    return f"page {number} of {len(pages)} filled with zeros"


def swap_pages(file: Path, seed: int) -> str:
    """Exchange two pages that differ; not the first one, without which it would be no database."""
    pages = _pages(file)
    size = len(pages[0])
    whole = [number for number, content in enumerate(pages) if number and len(content) == size]
    one = _choose(file, seed, [number for number in whole if pages[number] != pages[whole[0]]])
    other = _choose(file, seed, [number for number in whole if pages[number] != pages[one]])
    pages[one], pages[other] = pages[other], pages[one]
    file.write_bytes(b"".join(pages))
    return f"pages {other} and {one} of {len(pages)} exchanged"


def wrong_application_id(file: Path, seed: int) -> str:
    """Make it a database of another program."""
    return f"application_id {_change(file, APPLICATION_ID_AT, seed)}"


def wrong_user_version(file: Path, seed: int) -> str:
    """Make it a database of a later version."""
    return f"user_version {_change(file, USER_VERSION_AT, seed)}"


def cut_wal(file: Path, seed: int) -> str:
    """Cut the tail off the write-ahead log beside it."""
    return f"WAL {truncate(wal_of(file), seed)}"


#: all of them, to parametrise over: `@pytest.mark.parametrize("damage", DAMAGES, ids=name_of)`
DAMAGES: tuple[Damage, ...] = (
    flip_bits,
    truncate,
    empty,
    replace_by_text,
    zero_page,
    swap_pages,
    wrong_application_id,
    wrong_user_version,
    cut_wal,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A damaged copy, and what was done to it."""

    file: Path
    damage: Damage
    seed: int
    what: str


def copies(file: Path, folder: Path, *, count: int, seed: int) -> Iterator[Copy]:
    """So many damaged copies, each kind of damage in turn; its WAL is copied too, if there is one.

    Each copy is in a folder of its own, under its own name.
    """
    possible = DAMAGES if wal_of(file).exists() else DAMAGES[:-1]
    for number in range(count):
        damage = possible[number % len(possible)]
        copy = folder / f"{number}-{name_of(damage)}" / file.name
        copy.parent.mkdir(parents=True)
        for one in (file, wal_of(file)):
            if one.exists():
                shutil.copy(one, copy.parent)
        what = damage(copy, seed + number)
        yield Copy(file=copy, damage=damage, seed=seed + number, what=what)


def name_of(damage: Damage) -> str:
    """How a damage is called in a list of tests."""
    return damage.__name__


def wal_of(file: Path) -> Path:
    """Where a database's write-ahead log is."""
    return file.with_name(f"{file.name}-wal")


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    if not content:
        raise ValueError(f"{file}: is empty already")
    return content


def _pages(file: Path) -> list[bytes]:
    content = _content(file)
    size = PAGE
    if content.startswith(MAGIC):
        stored = int.from_bytes(content[PAGE_SIZE_AT : PAGE_SIZE_AT + 2])
        size = 1 << 16 if stored == 1 else stored
    return [content[place : place + size] for place in range(0, len(content), size)]


def _choose(file: Path, seed: int, numbers: list[int]) -> int:
    if not numbers:
        raise ValueError(f"{file}: has no page for this damage")
    return random.Random(seed).choice(numbers)


def _change(file: Path, place: int, seed: int) -> str:
    content = bytearray(_content(file))
    if not content.startswith(MAGIC):
        raise ValueError(f"{file}: is no database")
    before = int.from_bytes(content[place : place + 4])
    after = (before + random.Random(seed).randint(1, 1000)) % (1 << 31)
    content[place : place + 4] = after.to_bytes(4)
    file.write_bytes(content)
    return f"{before} became {after}"


def _resize(file: Path, size: int) -> None:
    with file.open("r+b") as opened:
        opened.truncate(size)
