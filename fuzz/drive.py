"""One target under atheris, in a process of its own: python -m fuzz.drive TARGET [libFuzzer's options].

Started by run.py, which also gives it a folder for temporary files: libFuzzer ends without tidying up.
"""

from __future__ import annotations

import importlib
import logging
import sys

import atheris

#: modules whose branches guide the search; so much more than lookupd would only slow it down
_GUIDES = ["lookupd"]


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    name = sys.argv.pop(1)
    logging.getLogger().addHandler(logging.NullHandler())
    with atheris.instrument_imports(include=_GUIDES):
        target = importlib.import_module(f"fuzz.targets.{name}").TARGET
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
