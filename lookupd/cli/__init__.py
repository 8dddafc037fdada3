"""The command line: arguments in, exit code out.

Exit codes: 0 done, or found; 1 nothing found; 2 wrong usage or configuration; 3 a directory or a sync failed;
4 a data file or an address cannot be used.
"""

from lookupd.cli import (  # noqa: F401 - each adds its commands to main
    ask,
    check,
    phone_config,
    serve,
    sources,
    state,
    sync,
    token,
)
from lookupd.cli.main import main

__all__ = ["main"]
