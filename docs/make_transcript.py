"""Play the daemon's main job on a real LDAP server, and write down what was said: docs/transcript.md.

20,000 generated people in slapd and 5,000 partners in a CSV file; sync; one number in five spellings; the
server is killed; the same questions again; it is started again and one person renamed. Run: make transcript
"""

from __future__ import annotations

import contextlib
import csv
import random
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers.slapd import Slapd  # noqa: E402 - found only now

PEOPLE, PARTNERS = 20_000, 5_000
USER = "00000000-0000-0000-0000-000000000000"
SPELLINGS = (
    "+33199001234",
    "0033 1 99 00 12 34",
    "01.99.00.12.34",
    "+33 (0)1 99-00-12-34",
    "tel:+33-1-99-00-12-34",
)
GIVEN = ("Zoé", "Łukasz", "Søren", "Ann", "İpek", "Jürgen", "Đorđe", "Noël", "Bríd", "Ángel")
FAMILY = ("Müller", "O'Brien", "Nguyễn", "García", "Strauß", "Lindqvist", "Kowalski", "Dubois", "Ærø")

CONFIG = """\
region: FR
data: data
http: {{port: 0}}
auth: {{mode: none}}
sources:
  - name: staff
    backend: ldap
    config: {{ldap_uri: "{url}", ldap_base_dn: "dc=example,dc=com"}}
    unique_column: entryUUID
    searched_columns: [cn, mail]
    first_matched_columns: [telephoneNumber, mobile]
    format_columns: {{name: "{{givenName}} {{sn}}", reverse: "{{givenName}} {{sn}}"}}
    sync: {{every: 1h}}
    fresh_for: 3s
  - name: partners
    backend: csv
    config: {{file: partners.csv}}
    unique_column: id
    searched_columns: [name]
    first_matched_columns: [phone]
    format_columns: {{reverse: "{{name}}"}}
profiles:
  default:
    lookup: {{sources: [staff, partners]}}
    reverse: {{sources: [staff, partners]}}
"""


TITLE = """# A transcript: a real LDAP server, killed and started again

Made by `make transcript`; each run writes it anew.
"""


class Transcript:
    """What was done and said, as a Markdown text."""

    def __init__(self) -> None:
        self.text = TITLE

    def say(self, text: str) -> None:
        """A paragraph."""
        self.text += f"\n{textwrap.fill(text, 110)}\n"
        print(text, flush=True)

    def run(self, shown: str, command: list[str], folder: Path) -> str:
        """Run a command and write down what it printed; the text it printed."""
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        output = (done.stdout + done.stderr).rstrip()
        self.text += f"\n```console\n$ {shown}\n{output}\n```\n"
        print(f"$ {shown}\n{output}", flush=True)
        return output


def main() -> None:
    """Play it, and write the file."""
    told = Transcript()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "slapd").mkdir()
        slapd = Slapd(folder / "slapd")
        slapd.load(people())
        write_partners(folder / "partners.csv")
        (folder / "config.yml").write_text(CONFIG.format(url=slapd.url), encoding="utf-8")
        with slapd:
            play(told, folder, slapd)
    ROOT.joinpath("docs", "transcript.md").write_text(told.text, encoding="utf-8")


def play(told: Transcript, folder: Path, slapd: Slapd) -> None:
    """The scenes, in order."""
    told.say(f"slapd holds {PEOPLE} people, partners.csv {PARTNERS}. The configuration:")
    told.run("cat config.yml", ["cat", "config.yml"], folder)
    told.say("Does everything answer? Then pull both sources.")
    told.run("lookupd check --online", lookupd("check", "--online"), folder)
    told.run("lookupd sync", lookupd("sync"), folder)
    with daemon(folder) as url:
        wait_for_sync(folder)
        told.say("The daemon runs. Five spellings of one number give one name.")
        before = ask(told, folder, url)
        told.say(
            "slapd is killed (SIGKILL). The same questions, once the answers are older than 3 s (fresh_for):"
        )
        slapd.kill()
        wait_until_stale(url, folder)
        after = ask(told, folder, url)
        if before != after or len(set(before)) != 1:
            raise SystemExit(f"the names differ: {before} before, {after} after")
        told.say("Same names, and the replies say that they are stale and how old. What the daemon says:")
        told.run("curl /ready", ["curl", "-s", f"{url}/ready"], folder)
        slapd.start()
        told.say("slapd is started again, and one of its people is renamed. The next run writes one row.")
        slapd.modify("uid=p1,dc=example,dc=com", {"givenName": "Zoé Amélie", "cn": "Zoé Amélie Müller"})
        told.run("lookupd sync staff", lookupd("sync", "staff"), folder)
        told.run("lookupd sources --runs staff", lookupd("sources", "--runs", "staff"), folder)
        told.run("lookupd explain 0199001234", lookupd("explain", "0199001234"), folder)


def people() -> Iterator[tuple[str, dict[str, str | list[str]]]]:
    """Generated entries, the same in every run; the first is the one who is asked for."""
    chance = random.Random(20)
    for number in range(1, PEOPLE + 1):
        given, family = chance.choice(GIVEN), chance.choice(FAMILY)
        phone = f"+33 1 98 {number // 10000:02} {number // 100 % 100:02} {number % 100:02}"
        if number == 1:
            given, family, phone = "Zoé", "Müller", "+33 1 99 00 12 34"
        yield (
            f"uid=p{number},dc=example,dc=com",
            {
                "objectClass": ["inetOrgPerson"],
                "uid": f"p{number}",
                "cn": f"{given} {family}",
                "givenName": given,
                "sn": family,
                "mail": f"p{number}@example.com",
                "telephoneNumber": phone,
                "mobile": [f"06 39 {number:06}", f"07 39 {number:06}"],
            },
        )


def write_partners(file: Path) -> None:
    """Generated partners, the same in every run."""
    chance = random.Random(5)
    with file.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output)
        writer.writerow(["id", "name", "phone"])
        for number in range(1, PARTNERS + 1):
            name = f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}"
            writer.writerow([number, name, f"+44 1632 96{number:04}"])


def lookupd(*arguments: str) -> list[str]:
    """The command line of a lookupd command in the folder of the configuration."""
    return [sys.executable, "-m", "lookupd", "-c", "config.yml", *arguments]


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """The daemon, running; its URL."""
    log = folder / "daemon.log"
    with log.open("wb") as output, subprocess.Popen(lookupd("serve"), cwd=folder, stderr=output) as process:
        try:
            wait(lambda: "ready: " in log.read_text(encoding="utf-8") or process.poll() is not None)
            yield re.search(r"ready: (\S+)", log.read_text(encoding="utf-8"))[1]  # type: ignore[index]
        finally:
            process.terminate()
            process.wait(timeout=20)


def ask(told: Transcript, folder: Path, url: str) -> list[str]:
    """Ask for the number in every spelling; the names that came back."""
    names = []
    for spelling in SPELLINGS:
        shown = f"curl -G .../0.1/directories/reverse/default/{USER} --data-urlencode 'exten={spelling}'"
        write = "%{stderr}freshness: %header{x-lookupd-freshness}, age: %header{age} s\n"
        command = ["curl", "-sG", f"{url}/0.1/directories/reverse/default/{USER}", "-w", write]
        output = told.run(shown, [*command, "--data-urlencode", f"exten={spelling}"], folder)
        names.append(re.search(r'"display": "([^"]+)"', output)[1])  # type: ignore[index]
    return names


def wait_for_sync(folder: Path) -> None:
    """Until the daemon's own first runs are over."""
    log = folder / "daemon.log"
    wait(lambda: log.read_text(encoding="utf-8").count("synced source") == 2)


def wait_until_stale(url: str, folder: Path) -> None:
    """Until the answer about the first person says that it is stale."""
    command = ["curl", "-sGi", f"{url}/0.1/directories/reverse/default/{USER}", "-d", "exten=0199001234"]

    def is_stale() -> bool:
        return (
            "stale" in subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
        )

    wait(is_stale)


def wait(is_true: object) -> None:
    """Until a condition holds; a minute at most."""
    end = time.monotonic() + 60
    while not is_true():  # type: ignore[operator]
        if time.monotonic() > end:
            raise SystemExit("waited for a minute in vain")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
