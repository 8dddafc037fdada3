"""The examples of the README are tests, and run here."""

import re
from pathlib import Path

README = Path(__file__).with_name("README.md")
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_examples(into):
    """Define what they define, under their own lines in the README."""
    text = README.read_text(encoding="utf-8")
    for example in EXAMPLE.finditer(text):
        above = "\n" * text.count("\n", 0, example.start(1))
        exec(compile(above + example[1], README, "exec"), into)


run_examples(globals())


def test_every_part_has_an_example():
    parts = re.findall(r"^## (\w+)\.py", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert parts == ["proxy", "signals", "killing", "disk", "damage", "load", "clock"]
    assert sum(name.startswith("test_") for name in globals()) == len(parts) + 1
