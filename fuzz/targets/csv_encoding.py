"""Any bytes: an encoding that Python knows, or a SourceError; never a wrong word about UTF-8.

Input: the file.
"""

from __future__ import annotations

import codecs
import io
from pathlib import Path

from lookupd import SourceError
from lookupd.backends.csv_encoding import encoding_of

_FILE = Path("people.csv")


def run(data: bytes) -> None:
    """Check one input."""
    try:
        encoding = encoding_of(io.BytesIO(data), _FILE)
        codecs.lookup(encoding)
    except SourceError:
        encoding = ""
    try:
        data.decode()
    except UnicodeDecodeError:
        assert encoding != "utf-8", data
    else:
        assert encoding == "utf-8" or data.startswith(
            (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
        )


TARGET = run
