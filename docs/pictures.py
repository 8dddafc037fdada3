"""Draw what people see on their telephones: docs/pictures/*.png, from documents of a running daemon.

The demo is asked as telephones ask it; what comes is laid out as on a display, and Chromium takes a picture.
Run: make pictures
"""

from __future__ import annotations

import html
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.process import RunningDaemon  # noqa: E402 - found only now

PICTURES = Path(__file__).with_suffix("")
#: longest that Chromium takes, in seconds
PATIENCE = 60
#: rows that a display has; more are reached by scrolling
ROWS = 8
#: what is logged when a source of the demo is in the index: before, it is asked live, and finds others
SYNCED = "synced source '(contacts|partners)'"
XHTML = "{http://www.w3.org/1999/xhtml}"

STYLE = """
* { box-sizing: border-box; margin: 0 }
body { background: #fff; font: 15px/1.25 "DejaVu Sans", sans-serif; padding: 16px; width: max-content }
main { display: flex; gap: 18px; align-items: flex-start }
figcaption { color: #555; font-size: 12px; margin-top: 6px; width: 330px }
.bezel { background: #2b2e33; border-radius: 10px; padding: 12px 12px 14px }
.display { width: 306px; height: 272px; display: flex; flex-direction: column; overflow: hidden;
  background: #eef1f4 }
header { padding: 5px 8px; font-weight: bold; white-space: nowrap; overflow: hidden }
.prompt { padding: 2px 8px; font-size: 12px; color: #444 }
ul { list-style: none; padding: 0; flex: 1; overflow: hidden }
li { display: flex; justify-content: space-between; gap: 8px; padding: 3px 8px; white-space: nowrap }
li span:first-child { overflow: hidden; text-overflow: ellipsis }
li small { font-size: 12px; align-self: center; color: #555 }
li.on { color: #fff } li.on small { color: #fff }
.field { border: 1px solid #888; background: #fff; margin: 4px 8px; padding: 4px 6px; min-height: 28px }
.field::after { content: "|"; color: #36c }
nav { display: flex; gap: 3px; padding: 3px }
nav span { flex: 1; text-align: center; font-size: 12px; padding: 4px 0; background: #cfd6dd;
  min-height: 23px }
.cisco header { background: #0b5c8c; color: #fff } .cisco li.on { background: #0b5c8c }
.yealink header { background: #0a6b5c; color: #fff } .yealink li.on { background: #0a6b5c }
.snom header { background: #30384a; color: #fff } .snom li.on { background: #30384a }
.polycom .display { background: #fff } .polycom header { background: #b0202e; color: #fff }
.polycom article { flex: 1; padding: 4px 10px; overflow: hidden } .polycom p { margin: 2px 0 }
.polycom a { color: #1540a0 } .polycom input { font: inherit; width: 130px }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What stands on a display."""

    title: str
    prompt: str = ""
    #: what is left and right in a row
    rows: Sequence[tuple[str, str]] = ()
    keys: Sequence[str] = ()
    #: what is typed into the field, where there is one
    typed: str | None = None
    #: XHTML, for a telephone with a browser
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A document that a telephone asks for, and what its user does there."""

    caption: str
    path: str
    language: str = "en"
    typed: str = ""
    #: links to follow first, by what they say
    follow: Sequence[str] = field(default=())


def main() -> None:
    """Draw every telephone."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, RunningDaemon(demo(Path(folder))) as daemon:
        daemon.wait_for(SYNCED, times=2)
        for vendor, steps in STEPS.items():
            figures = [figure(step, screen(vendor, daemon.url, step)) for step in steps]
            take_picture(page(vendor, figures), PICTURES / f"{vendor}.png")
            print(PICTURES / f"{vendor}.png")


def demo(folder: Path) -> Path:
    """The demo's configuration in a folder of its own, on a free port."""
    for file in (ROOT / "etc" / "lookupd" / "demo").iterdir():
        shutil.copy(file, folder)
    config = folder / "config.yml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace("../../../var/demo", "data").replace("port: 9489", "port: 0"), encoding="utf-8"
    )
    return config


def ask(url: str, vendor: str, step: Step) -> ET.Element:
    """The document of a step, its links followed."""
    found = get(f"{url}/phones/{vendor}/default/{step.path}", step.language)
    for label in step.follow:
        found = get(links(vendor, found)[label], step.language)
    return found


def get(url: str, language: str) -> ET.Element:
    """The document at a URL."""
    request = urllib.request.Request(url, headers={"Accept-Language": language})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as response:
        return ET.fromstring(response.read())  # noqa: S314 - our own daemon's


def links(vendor: str, root: ET.Element) -> Mapping[str, str]:
    """Where a document leads, by what the user sees."""
    if vendor == "polycom":
        return {"".join(a.itertext()): a.get("href", "") for a in root.iter(f"{XHTML}a")}
    name = "Label" if vendor == "snom" else "Name"
    return {text(key, name): text(key, "URL") for key in root.iter("SoftKeyItem")}


def text(element: ET.Element, path: str) -> str:
    """The text on a path; "" where there is none."""
    return element.findtext(path) or ""


def screen(vendor: str, url: str, step: Step) -> Screen:
    """What a telephone shows at a step."""
    return DISPLAYS[vendor](ask(url, vendor, step), step.typed)


def cisco(root: ET.Element, typed: str) -> Screen:
    """Menu, input and directory; the telephone has keys of its own where the document names none."""
    keys = {int(text(key, "Position")): text(key, "Name") for key in root.iter("SoftKeyItem")}
    own = ["Submit", "<<", "Cancel"] if root.tag.endswith("Input") else ["Select", "Exit"]
    return Screen(
        title=text(root, "Title"),
        prompt=text(root, "Prompt"),
        rows=[(text(row, "Name"), text(row, "Telephone")) for row in root if row.find("Name") is not None]
        if not root.tag.endswith("Input")
        else [(text(row, "DisplayName"), "") for row in root.iter("InputItem")],
        keys=[keys[at] for at in sorted(keys)] or own,
        typed=typed if root.tag.endswith("Input") else None,
    )


def yealink(root: ET.Element, typed: str) -> Screen:
    """The remote phone book: the number of a row, and how many more there are."""
    rows = []
    for entry in root.iter("DirectoryEntry"):
        numbers = [number.text or "" for number in entry.iter("Telephone")]
        more = f" +{len(numbers) - 1}" if len(numbers) > 1 else ""
        rows.append((text(entry, "Name"), numbers[0] + more))
    return Screen(title=f"Directory: {typed}", rows=rows, keys=["Back", "Search", "Detail", "Dial"])


def snom(root: ET.Element, typed: str) -> Screen:
    """The minibrowser: input, menu, text."""
    if root.tag.endswith("Input"):
        label = text(root, "InputItem/DisplayName")
        return Screen(
            title=text(root, "Title") or label, prompt=label, typed=typed, keys=["", "", "abc", "OK"]
        )
    keys = {text(key, "Name"): text(key, "Label") for key in root.iter("SoftKeyItem")}
    rows = [
        (item.get("name") or text(item, "Name"), text(item, "ExtraText")) for item in root.iter("MenuItem")
    ]
    rows += [(text(row, "Name"), text(row, "Telephone")) for row in root.iter("DirectoryEntry")]
    return Screen(
        title=text(root, "Title"),
        prompt=text(root, "Prompt") or text(root, "Text"),
        rows=rows,
        keys=[keys.get(f"F{at}", "") for at in (1, 2, 3, 4)],
    )


def polycom(root: ET.Element, typed: str) -> Screen:
    """A page of XHTML, as it is."""
    for element in root.iter():
        element.tag = element.tag.removeprefix(XHTML)
        if element.tag == "input" and element.get("type") == "text":
            element.set("value", typed)
    body = root.find("body")
    inner = (
        ""
        if body is None
        else "".join(ET.tostring(child, encoding="unicode", method="html") for child in body)
    )
    return Screen(title=text(root, "head/title"), page=inner, keys=["Home", "Refresh", "Back", "Exit"])


def figure(step: Step, shown: Screen) -> str:
    """A display with its caption."""
    escape = html.escape
    first = 0 if shown.typed is None else len(shown.rows)
    rows = "".join(
        f'<li class="{"on" if at == first else ""}">'
        f"<span>{escape(left)}</span><small>{escape(right)}</small></li>"
        for at, (left, right) in enumerate(shown.rows[:ROWS])
    )
    keys = "".join(f"<span>{escape(key)}</span>" for key in shown.keys)
    return (
        f'<figure><div class="bezel"><div class="display"><header>{escape(shown.title)}</header>'
        + (f'<div class="prompt">{escape(shown.prompt)}</div>' if shown.prompt else "")
        + (f"<article>{shown.page}</article>" if shown.page else f"<ul>{rows}{typed_field(shown.typed)}</ul>")
        + f"<nav>{keys}</nav></div></div><figcaption>{escape(step.caption)}</figcaption></figure>"
    )


def typed_field(typed: str | None) -> str:
    """A field to type in, where the document has one."""
    return "" if typed is None else f'<div class="field">{html.escape(typed)}</div>'


def page(vendor: str, figures: Sequence[str]) -> str:
    """A page of displays."""
    head = f'<meta charset="utf-8"><title>{vendor}</title><style>{STYLE}</style>'
    return (
        f'<!DOCTYPE html><html lang="en"><head>{head}</head>'
        f'<body><main class="{vendor}">{"".join(figures)}</main></body></html>'
    )


def take_picture(document: str, picture: Path, width: int = 1090, height: int = 372) -> None:
    """What Chromium makes of a document, as PNG. Raises FileNotFoundError without Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise FileNotFoundError("chromium: install the Debian package of this name")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.html"
        file.write_text(document, encoding="utf-8")
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        command += [
            "--hide-scrollbars",
            "--disable-background-networking",
            f"--user-data-dir={folder}/profile",
        ]
        command += [f"--window-size={width},{height}", f"--screenshot={picture}", file.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)


DISPLAYS: Mapping[str, Callable[[ET.Element, str], Screen]] = {
    "cisco": cisco,
    "yealink": yealink,
    "snom": snom,
    "polycom": polycom,
}
STEPS: Mapping[str, Sequence[Step]] = {
    "cisco": [
        Step(caption="1. The key Directories, and a search", path="input", typed="mu"),
        Step(caption="2. Names that have it, and their numbers", path="lookup?term=mu"),
        Step(caption="3. The next page of everybody", path="lookup?term=", follow=("Next",)),
    ],
    "yealink": [
        Step(caption="1. What was found for “mu”", path="lookup?term=mu", typed="mu"),
        Step(caption="2. A name without its accent", path="lookup?term=jager", typed="jager"),
        Step(caption="3. Nobody, on a French telephone", path="lookup?term=qqq", typed="qqq", language="fr"),
    ],
    "snom": [
        Step(caption="1. The minibrowser asks", path="input", typed="mu", language="de"),
        Step(caption="2. The first page of everybody", path="lookup?term=", language="de"),
        Step(
            caption="3. By the digits of a number",
            path=f"lookup?term={quote('+33 1 99 00 12 34')}",
            language="de",
        ),
    ],
    "polycom": [
        Step(caption="1. A form of strict XHTML", path="input", typed="mu"),
        Step(caption="2. Names are links that dial", path="lookup?term=mu"),
        Step(caption="3. In Spanish", path="lookup?term=", language="es"),
    ],
}

if __name__ == "__main__":
    main()
