"""Make a real call through Kamailio, and write down what the telephone got: docs/pbx/kamailio-transcript.md.

lookupd with two contacts, Kamailio with docs/pbx/kamailio.cfg, sipp as the trunk. A known caller, an unknown
one, then lookupd is killed. Run: .venv/bin/python docs/kamailio_transcript.py
"""

from __future__ import annotations

import re
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.fakes import ADA, BOB  # noqa: E402 - found only now
from tests.pbx.sip import Callee, Kamailio, call  # noqa: E402
from tests.process import RunningDaemon, write_config, write_csv  # noqa: E402

PAGE = ROOT / "docs" / "pbx" / "kamailio-transcript.md"

TITLE = """\
# A transcript: a call gets its name

Made by `.venv/bin/python docs/kamailio_transcript.py`: a real lookupd with two contacts, a real Kamailio with
[kamailio.cfg](kamailio.cfg), sipp as the trunk. Shown is what the telephone got, as it came over the wire.
"""


def main() -> None:
    """Play it, and write the file."""
    text = TITLE
    with tempfile.TemporaryDirectory() as name, Callee() as telephone:
        folder = Path(name)
        write_csv(folder / "staff.csv", [ADA, BOB])
        with (
            RunningDaemon(write_config(folder, {"name": "staff"})) as daemon,
            Kamailio(daemon.url, telephone.address) as kamailio,
        ):
            daemon.wait_for("synced source 'staff'")
            text += "\nThe directory:\n" + block((folder / "staff.csv").read_text(encoding="utf-8"))
            text += scene("Bob calls", kamailio, telephone, "<sip:+33199005678@example.com>")
            text += scene(
                "Somebody calls whom nobody knows", kamailio, telephone, "<sip:+33199999999@example.com>"
            )
            daemon.kill()
            text += scene(
                "lookupd is killed, and Bob calls again",
                kamailio,
                telephone,
                "<sip:+33199005678@example.com>",
            )
            [told] = re.findall(r"<script>: (no name .*)", kamailio.log)
            text += "\nAnd in Kamailio's log:\n" + block(told)
    PAGE.write_text(text, encoding="utf-8")
    print(text)


def scene(title: str, kamailio: Kamailio, telephone: Callee, caller: str) -> str:
    """A call, and the INVITE that came of it."""
    seconds = call(kamailio.address, caller)
    invite = telephone.invites[-1].replace("\r\n", "\n")
    took = f"The whole call takes {seconds * 1000:.0f} ms, the start of sipp included."
    shown = textwrap.fill(f"The trunk sends `From: {caller}`. {took}", 120)
    return f"\n## {title}\n\n{shown}\n{block(invite)}"


def block(text: str) -> str:
    """A text as it is."""
    return f"\n```text\n{text.strip()}\n```\n"


if __name__ == "__main__":
    main()
