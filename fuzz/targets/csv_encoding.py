"""Any bytes: an encoding that Python knows, or a SourceError; never a wrong word about UTF-8.

Input: the file.
"""

from __future__ import annotations

import io
from pathlib import Path

from lookupd import SourceError
from lookupd.backends.csv_encoding import encoding_of

_FILE = Path("people.csv")


def TARGET(data: bytes) -> None:
    try:
        encoding = encoding_of(io.BytesIO(data), _FILE)
    except SourceError:
        encoding = None
    else:
        data[:0].decode(encoding)
    try:
        data.decode()
    except UnicodeDecodeError:
        assert encoding != "utf-8", data
    else:
        assert encoding == "utf-8" or data.startswith(
            (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
        )
