"""Finding the targets, their seeds, and more inputs like these."""

from __future__ import annotations

import importlib
import random
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: takes any bytes, and raises when a promise is broken
Target: TypeAlias = "Callable[[bytes], None]"

_FOLDER: Final = Path(__file__).parent
#: what breaks parsers: ends of texts and lines, quotes, brackets, wildcards, escapes, odd characters
_TOKENS: Final = (
    *(
        b"\0",
        b"\n",
        b"\r\n",
        b'"',
        b"'",
        b"\\",
        b"(",
        b")",
        b"*",
        b"%",
        b"#",
        b"{",
        b"}",
        b"[",
        b"]",
        b"<",
        b"-",
    ),
    *(
        b"\x1f",
        b"\x1b[31m",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xcc\x88",
        b"\xef\xbb\xbf",
    ),
    *(
        b"0",
        b"00",
        b"+33",
        b"x",
        b",",
        b";",
        b"/",
        b".",
        b" ",
        b"\t",
        b"!",
        b"&",
        b"|",
        b"=",
        b":",
        b"?",
        b"%Q",
    ),
)


def names() -> list[str]:
    """The names of all targets."""
    return sorted(file.stem for file in (_FOLDER / "targets").glob("[a-z]*.py"))


def seeds(name: str) -> list[Path]:
    """The files of the inputs that were made by hand for a target."""
    return sorted((_FOLDER / "corpus" / name).iterdir())


@contextmanager
def opened(name: str) -> Iterator[Target]:
    """A target, ready; what it holds open is closed at the end."""
    target: Target = importlib.import_module(f"fuzz.targets.{name}").TARGET
    try:
        yield target
    finally:
        getattr(target, "close", lambda: None)()


def variations(name: str, count: int) -> Iterator[bytes]:
    """So many inputs, always the same ones: seeds cut, doubled, mixed, and sown with what breaks parsers."""
    dice = random.Random(name)
    known = [file.read_bytes() for file in seeds(name)]
    for _ in range(count):
        data = dice.choice(known)
        for _ in range(dice.randint(1, 6)):
            data = _varied(data, dice.choice(known), dice)
        yield data


def _varied(data: bytes, other: bytes, dice: random.Random) -> bytes:
    start, end = sorted((dice.randint(0, len(data)), dice.randint(0, len(data))))
    start_of_other, end_of_other = sorted((dice.randint(0, len(other)), dice.randint(0, len(other))))
    match dice.randrange(6):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + data[start:]
        case 2:
            return data[:start] + other[start_of_other:end_of_other] + data[start:]
        case 3:
            return data[:start] + dice.randbytes(dice.randint(1, 4)) + data[start:]
        case _:
            return data[:start] + dice.choice(_TOKENS) + data[start + dice.randint(0, 1) :]


def replay(name: str, file: str) -> None:
    """Run a target on the bytes of one file."""
    with opened(name) as target:
        target(Path(file).read_bytes())
