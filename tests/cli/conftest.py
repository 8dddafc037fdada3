"""A configuration with real CSV files, and commands run on it in this process."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from lookupd.cli import main
from tests.fakes import ADA, BOB
from tests.process import write_config, write_csv

if TYPE_CHECKING:
    from pathlib import Path

CROWD = [{"id": str(n), "name": f"Person {n}", "number": f"+3319900{n:04}"} for n in range(100)]


class Site:
    """A folder with a configuration and its CSV files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "config.yml"
        self.state = folder / "data" / "state.db"

    def configure(self, *sources: dict[str, Any], **more: Any) -> None:
        write_config(self.folder, *sources, **more)

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        write_csv(self.folder / f"{name}.csv", rows)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["-c", str(self.file), *arguments], catch_exceptions=False)

    def json(self, *arguments: str) -> Any:
        """What a command prints with --json, which must be all it prints."""
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def site(tmp_path):
    """Two sources, `staff` with two people and `partners` with one."""
    site = Site(tmp_path)
    site.configure({"name": "staff"}, {"name": "partners"})
    site.write("staff", [ADA, BOB])
    site.write("partners", [{"id": "7", "name": "Carol Árvai", "number": "+44 20 7946 0007"}])
    return site
