"""The pictures of displays: what a document says stands on them, and Chromium can draw it."""

import struct
from xml.etree import ElementTree as ET

import pytest

from docs import pictures

CISCO_KEY = "<SoftKeyItem><Name>Next</Name><URL>http://h/next</URL><Position>4</Position></SoftKeyItem>"
SNOM_KEY = "<SoftKeyItem><Name>F4</Name><Label>Next</Label><URL>http://h/next</URL></SoftKeyItem>"
ANN = "<DirectoryEntry><Name>Ann</Name><Telephone>100</Telephone></DirectoryEntry>"
DOCUMENTS = {
    "cisco": f"<CiscoIPPhoneDirectory><Title>T</Title>{ANN}{CISCO_KEY}</CiscoIPPhoneDirectory>",
    "yealink": f"<YealinkIPPhoneDirectory>{ANN}</YealinkIPPhoneDirectory>",
    "snom": f'<SnomIPPhoneMenu><MenuItem name="Ann"><Url>snom://x</Url></MenuItem>{SNOM_KEY}</SnomIPPhoneMenu>',
    "polycom": '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body><p>'
    '<a href="tel://100">Ann</a></p><p><a href="http://h/next">Next</a></p></body></html>',
}
STEP = pictures.Step(caption="Somebody", path="lookup")


def figure(vendor):
    return pictures.figure(STEP, pictures.DISPLAYS[vendor](ET.fromstring(DOCUMENTS[vendor]), ""))


@pytest.mark.parametrize("vendor", sorted(DOCUMENTS))
def test_what_a_document_says_stands_on_the_display(vendor):
    assert "Ann" in figure(vendor)
    assert "Somebody" in figure(vendor)
    if vendor != "yealink":
        assert "Next" in figure(vendor)
        assert pictures.links(vendor, ET.fromstring(DOCUMENTS[vendor]))["Next"] == "http://h/next"


def test_every_telephone_that_is_drawn_has_steps_and_a_picture_in_the_documentation():
    assert set(pictures.STEPS) == set(pictures.DISPLAYS) == set(DOCUMENTS)
    for vendor in pictures.STEPS:
        assert (pictures.PICTURES / f"{vendor}.png").read_bytes().startswith(b"\x89PNG")


def test_a_name_cannot_draw_on_the_display():
    screen = pictures.Screen(title="<b>", rows=[("<script>", "<i>")], keys=["<u>"])
    drawn = pictures.figure(STEP, screen)
    assert "<script>" not in drawn
    assert "&lt;script&gt;" in drawn
    assert all(tag not in drawn for tag in ("<b>", "<i>", "<u>"))


def test_chromium_draws_a_display(tmp_path):
    drawn, empty = tmp_path / "drawn.png", tmp_path / "empty.png"
    pictures.take_picture(pictures.page("cisco", [figure("cisco")]), drawn, 400, 372)
    pictures.take_picture("<!DOCTYPE html><title>nothing</title>", empty, 400, 372)
    assert struct.unpack(">II", drawn.read_bytes()[16:24]) == (400, 372)
    assert len(drawn.read_bytes()) > 2 * len(empty.read_bytes())
