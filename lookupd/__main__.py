"""`python -m lookupd` is `lookupd`."""

from lookupd.cli import main

main(prog_name="lookupd")
