"""A configuration, a CSV file and the index that the real sync made of it; kept between runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.resources import files
from typing import TYPE_CHECKING

import yaml

from bench import data
from bench.row import label
from bench.servers import family_mib
from lookupd.config import DEFAULT_TENANT
from lookupd.index.database import INDEX
from lookupd.state.tokens import Tokens
from tests.process import lookupd

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: how often the memory of a sync is looked at, in seconds
SAMPLE = 0.05
#: bytes that are read at once
CHUNK = 1 << 22
_SOURCE = {
    "backend": "csv",
    "unique_column": "id",
    "searched_columns": ["lastname", "firstname", "company", "email"],
    "first_matched_columns": ["phone", "mobile"],
    "format_columns": {
        "name": "{firstname} {lastname}",
        "number": "{phone}",
        "reverse": "{firstname} {lastname} ({company})",
    },
    "sync": {"every": "30d", "at_start": False, "timeout": "24h"},
    "fresh_for": "3650d",
    "max_stale": "3650d",
}
#: a source that stands in no profile, so that it can be loaded while the other one is asked
GUESTS = "guests"
SETTINGS: Mapping[str, object] = {
    "region": "FR",
    "data": "data",
    "http": {"port": 0},
    "sources": [
        {"name": "people", "config": {"file": "people.csv"}, **_SOURCE},
        {"name": GUESTS, "config": {"file": "guests.csv"}, **_SOURCE},
    ],
    "profiles": {"default": {"lookup": {"sources": ["people"]}, "reverse": {"sources": ["people"]}}},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """One run of `lookupd sync`."""

    #: from start to end of the process
    seconds: float
    #: most private memory it had, with its own processes
    peak_mib: float
    counts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with everything that serving so many contacts takes."""

    folder: Path
    contacts: int

    @classmethod
    def at(cls, build: Path, contacts: int) -> Place:
        """Where the contacts lie: another place when the data, the settings or the schema are others."""
        schema = files("lookupd.index").joinpath("schema.sql").read_text(encoding="utf-8")
        key = blake2b(f"{schema} {json.dumps(SETTINGS)}".encode(), digest_size=4).hexdigest()
        name = f"data-{data.VERSION}-index-{INDEX.version}-{key}"
        return cls(build / name / label(contacts), contacts)

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "config.yml"

    @property
    def index(self) -> Path:
        """The index."""
        return self.folder / "data" / "index.db"

    @property
    def _is_whole(self) -> Path:
        """Is there while the index holds what the file says."""
        return self.folder / "whole"

    def token(self) -> str:
        """A token that may ask everything."""
        return (self.folder / "token").read_text(encoding="ascii")

    def prepare(self) -> None:
        """Write everything but the index, unless it is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "people.csv").exists():
            data.write_csv(self.folder / "people.csv", self.contacts)
        self.configure({})
        if not (self.folder / "token").exists():
            with closing(Tokens(self.folder / "data" / "state.db")) as tokens:
                _, secret = tokens.add(
                    "bench", tenant=DEFAULT_TENANT, user=None, scopes=("dird.#",), now=datetime.now(UTC)
                )
            (self.folder / "token").write_text(secret, encoding="ascii")

    def configure(self, http: Mapping[str, object]) -> None:
        """Write the configuration, with more keys of the section `http`."""
        told = {**SETTINGS, "http": {"port": 0, **http}}
        self.config.write_text(yaml.safe_dump(told), encoding="utf-8")

    def ready(self) -> Place:
        """The same place, its index built if it is not there."""
        self.prepare()
        if not self._is_whole.exists():
            print(f"  building an index of {self.contacts:,} contacts", flush=True)
            self.load_first()
        return self

    def load_first(self) -> Synced:
        """Sync into a new index."""
        self.prepare()
        self._is_whole.unlink(missing_ok=True)
        for file in (*self.index.parent.glob("index.db*"), *self.index.parent.glob("callers-*")):
            file.unlink()
        done = self.sync()
        self._is_whole.touch()
        return done

    def sync(self, source: str = "people", *options: str) -> Synced:
        """Run `lookupd sync`."""
        begun, peak = time.perf_counter(), 0.0
        command = lookupd(self.config, "sync", source, "--json", *options)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            while process.poll() is None:
                peak = max(peak, family_mib(process.pid))
                time.sleep(SAMPLE)
            seconds = time.perf_counter() - begun
            said = process.stdout.read() if process.stdout else b""
        if process.returncode:
            raise RuntimeError(f"lookupd sync ended with code {process.returncode}: {said.decode()}")
        [counts] = json.loads(said)
        return Synced(seconds=seconds, peak_mib=peak, counts=counts)

    def read(self) -> None:
        """Read the whole index once, so that all of it lies in memory, as where nothing else wants that."""
        for name in self.index_files():
            with name.open("rb", buffering=0) as file:
                while file.read(CHUNK):
                    pass

    def index_files(self) -> list[Path]:
        """The index, and the file that has its callers ready."""
        return [self.index, *self.index.parent.glob("callers-*")]

    def change(self) -> None:
        """Change one row in a hundred."""
        people = self.folder / "people.csv"
        data.write_csv(people, self.contacts, data.revision(people) + 1)

    def sync_changed(self) -> Synced:
        """The same, and sync."""
        self.change()
        return self.sync()

    def copy(self, folder: Path) -> Place:
        """The same in another folder, which is replaced."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.sock", "staging"))
        return Place(folder, self.contacts)
