"""Run the daemon on the demo directory, and say what to ask it as soon as it can answer."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "etc" / "lookupd" / "demo" / "config.yml"
URL = "http://127.0.0.1:9489"
USER = "00000000-0000-0000-0000-000000000000"
PATIENCE = 30.0

HINTS = f"""
lookupd answers on {URL}. In another terminal:

  curl '{URL}/0.1/directories/reverse/default/{USER}?exten=0033199001234'
  curl '{URL}/0.1/directories/lookup/default?term=muller'
  curl '{URL}/0.1/directories/reverse/default/{USER}?exten=01.99.00.12.34&explain=true'

Ctrl-C ends it.
"""


def main() -> int:
    """The daemon's exit code."""
    daemon = subprocess.Popen([sys.executable, "-m", "lookupd", "-c", str(CONFIG), "serve"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the daemon as well, which ends
    signal.signal(signal.SIGTERM, lambda *_: daemon.terminate())
    if _is_ready(daemon):
        print(HINTS, flush=True)
    return daemon.wait()


def _is_ready(daemon: subprocess.Popen[bytes]) -> bool:
    """Whether both demo directories are in the index, before patience or the daemon ends."""
    end = time.monotonic() + PATIENCE
    while daemon.poll() is None and time.monotonic() < end:
        try:
            with urlopen(f"{URL}/0.1/status") as reply:
                sources = json.load(reply)["sources"].values()
            if all(source["synced_at"] for source in sources):
                return True
        except URLError:
            pass
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    sys.exit(main())
