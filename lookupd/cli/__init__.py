"""The command line: arguments in, exit code out.

Exit codes: 0 done, or found; 1 nothing found; 2 wrong usage or configuration; 3 a directory or a sync failed;
4 a data file or an address cannot be used.
"""

from lookupd.heap import growing

with growing():
    from lookupd.cli.main import main

__all__ = ["main"]
