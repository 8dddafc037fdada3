"""The checkers themselves: they take what vendors describe, and nothing that is broken in one place."""

from pathlib import Path

import pytest

from lookupd.views.phones.vendors import VENDORS
from tests.views.phones.checker import CHECKERS, NotAccepted

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
LOOK = "http://h/look?u=1&amp;term=a&amp;offset=16"
ANN = "<DirectoryEntry><Name>Ann</Name><Telephone>100</Telephone></DirectoryEntry>"
DUMMY = "<DirectoryEntry><Name>No entries</Name><Telephone/></DirectoryEntry>"
NEXT = f"<SoftKeyItem><Name>Next</Name><URL>{LOOK}</URL><Position>4</Position></SoftKeyItem>"
DIAL = "<SoftKeyItem><Name>Dial</Name><URL>SoftKey:Dial</URL><Position>1</Position></SoftKeyItem>"


def skeletons():
    """The documents of `skeletons.txt`: vendor, document, rows, whether there is a next page."""
    text = Path(__file__).with_name("skeletons.txt").read_text(encoding="utf-8")
    for block in text.split("\n== ")[1:]:
        head, document = block.split("\n", 1)
        vendor, rows, more = (part.strip() for part in head.split("|"))
        pairs = [tuple(part.strip() for part in row.split("=")) for row in rows.split(";") if rows]
        yield vendor, document, pairs, more == "next"


ACCEPTED = [*skeletons()]


def cisco(entries, keys=""):
    return f"<CiscoIPPhoneDirectory><Title>T</Title><Prompt>P</Prompt>{entries}{keys}</CiscoIPPhoneDirectory>"


POLYCOM = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body>'
    f'<p><a href="tel://100">Ann</a><br /></p><p><a href="{LOOK}">Next</a></p></body></html>'
)
FORM = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>T</title></head><body>'
    '<form action="http://h/look" method="get"><p>Name <input type="text" name="term" /></p>'
    '<p><input type="hidden" name="u" value="1" />'
    '<input type="submit" value="Go" /></p></form></body></html>'
)


@pytest.mark.parametrize(("vendor", "document", "rows", "has_next"), ACCEPTED)
def test_what_a_vendor_describes_is_accepted_and_read_as_its_user_sees_it(vendor, document, rows, has_next):
    seen = CHECKERS[vendor]((HEAD + document).encode())
    assert seen.rows == rows
    assert seen.next == ("http://h/look?u=1&term=a&offset=16" if has_next else None)
    assert seen.previous is None


def test_polycoms_pages_are_read_with_and_without_a_doctype():
    doctype = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://w3.org/xhtml1-strict.dtd">'
    for head in ("", doctype, HEAD + doctype):
        assert CHECKERS["polycom"]((head + POLYCOM).encode()).rows == [("Ann", "100")]
    assert CHECKERS["polycom"](POLYCOM.encode()).next == "http://h/look?u=1&term=a&offset=16"
    assert CHECKERS["polycom"](FORM.encode()).rows == []


def test_as_many_rows_as_the_phone_takes_are_accepted():
    assert CHECKERS["cisco"]((HEAD + cisco(ANN * 32)).encode()).rows == [("Ann", "100")] * 32


def test_every_checker_has_a_document_it_accepts():
    checked = {CHECKERS[vendor] for vendor, *_ in ACCEPTED} | {CHECKERS["polycom"]}
    assert checked == set(CHECKERS.values())
    assert set(CHECKERS) == set(VENDORS)


# --- broken in one place

BREAKS = {
    "no declaration": lambda text: text.removeprefix(HEAD),
    "another encoding": lambda text: text.replace("UTF-8", "ISO-8859-1"),
    "an unescaped ampersand": lambda text: text.replace("100", "1&0"),
    "a doctype": lambda text: text.replace(HEAD, HEAD + "<!DOCTYPE x>"),
    "a comment": lambda text: text.replace(HEAD, HEAD + "<!-- x -->"),
    "cut short": lambda text: text[:-3],
    "a control character": lambda text: text.replace(">Ann", ">An\x07n", 1).replace('"Ann"', '"An\x07n"'),
    "a C1 control": lambda text: text.replace(">Ann", ">An\x85n", 1).replace('"Ann"', '"An\x85n"'),
    "no character at all": lambda text: text.replace(">Ann", ">An\ufffen", 1).replace('"Ann"', '"An\ufffen"'),
    "an empty name": lambda text: text.replace(">Ann<", "><").replace('"Ann"', '""').replace(">Lee<", "><"),
    "letters in a number": lambda text: text.replace("100", "1x0"),
    "blanks in a number": lambda text: text.replace("100", "1 00"),
    "an unknown element": lambda text: text.replace("</", "<Blink/></", 1),
    "an unknown attribute": lambda text: text.replace(">", ' blink="1">', 2).replace(' blink="1">', ">", 1),
    "a second document": lambda text: text + text,
    "a byte order mark": lambda text: "\ufeff" + text,
}
WITH_ANN = [(vendor, HEAD + text) for vendor, text, rows, _ in ACCEPTED if rows and rows[0][1] == "100"]


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize(("vendor", "document"), WITH_ANN)
def test_a_document_broken_in_one_place_is_not_accepted(vendor, document, broken):
    with pytest.raises(NotAccepted):
        CHECKERS[vendor](BREAKS[broken](document).encode())


def test_bytes_that_are_no_utf_8_are_not_accepted():
    with pytest.raises(NotAccepted, match="no UTF-8"):
        CHECKERS["htek"](
            (HEAD + f"<PhoneDirectory>{ANN}</PhoneDirectory>").encode().replace(b"Ann", b"Ann\xe9")
        )


def long_menu():
    item = f"<MenuItem><Name>{'n' * 65}</Name><URL>http://h/</URL></MenuItem>"
    return f"<CiscoIPPhoneMenu>{item}</CiscoIPPhoneMenu>"


def large_menu():
    item = f"<MenuItem><Prompt>{'n' * 900}</Prompt><URI>Dial:1</URI></MenuItem>"
    return f"<AastraIPPhoneTextMenu>{item * 11}</AastraIPPhoneTextMenu>"


def large_entries():
    entry = "<entry><givenName>A</givenName><sn/><telephoneNumber>1</telephoneNumber></entry>"
    return f"<entries>{entry * 80}</entries>"


def skeleton(vendor, old, new):
    """The last skeleton of a vendor that holds a text, with another in its place."""
    *_, document = (text for name, text, *_ in ACCEPTED if name == vendor and old in text)
    return document.replace(old, new)


REFUSED = [
    ("cisco", cisco(ANN * 33), "holds"),
    ("cisco", cisco(DUMMY + ANN), "cannot be dialled"),
    ("cisco", cisco(ANN, DIAL + DIAL), "two keys in one place"),
    ("cisco", cisco(ANN, NEXT.replace(">4<", ">9<")), "positions"),
    ("cisco", cisco(ANN, NEXT + NEXT.replace(">4<", ">5<")), "two ways"),
    ("cisco", cisco(ANN, NEXT.replace("http://h", "")), "no absolute URL"),
    ("cisco", cisco(ANN, NEXT.replace("term=a", "term=a b")), "no absolute URL"),
    ("cisco", cisco(ANN, NEXT.replace("term=a", "term=%4")), "broken escape"),
    ("cisco", cisco(ANN, NEXT.replace("term=a", "term=é")), "no absolute URL"),
    ("cisco", cisco(ANN, NEXT.replace("term=a", "term")), "bad query field"),
    ("cisco", cisco(ANN).replace("<Title>T</Title>", ""), "without a Title"),
    ("cisco", cisco(ANN.replace("<Name>Ann</Name>", "") + "<Name>Ann</Name>"), "holds"),
    ("cisco", cisco("Ann" + ANN), "text in"),
    ("cisco", cisco(ANN.replace("Ann", "Ann\nLee")), "controls"),
    ("cisco", long_menu(), "64"),
    ("aastra", large_menu(), "more than 10000"),
    ("ascom", large_entries(), "5000"),
    ("thomson", f"<ThomsonPhoneBook>{ANN * 9}</ThomsonPhoneBook>", "holds"),
    ("snom", skeleton("snom", "/1?term", "?u=1&amp;term"), "&amp;"),
    ("snom", skeleton("snom", "?term=__T__", "?term="), "does not stand once"),
    ("gigaset", skeleton("gigaset", 'last="0"', 'last="1"'), "0 entries from 1 to 1"),
    ("gigaset", skeleton("gigaset", 'total="2"', 'total="0"'), "1 entries of 0"),
    ("panasonic", skeleton("panasonic", "Ann", "Ann &amp; Co"), "cannot show"),
    ("panasonic", skeleton("panasonic", "Ann", "A" * 25), "longer than 24"),
    ("panasonic", skeleton("panasonic", "100", "+33123456789"), "cannot be dialled"),
    ("panasonic", skeleton("panasonic", ' xmlns="http://panasonic/sip_phone"', ""), "is outside"),
    ("openstage", skeleton("openstage", 'Count="1"', 'Count="2"'), "Count"),
    ("openstage", skeleton("openstage", "TRUE", "FALSE"), "selected"),
    ("grandstream", skeleton("grandstream", "Work", "Pager"), "unknown type"),
]


@pytest.mark.parametrize(("vendor", "document", "problem"), REFUSED)
def test_what_a_phone_cannot_show_is_refused_with_the_reason(vendor, document, problem):
    with pytest.raises(NotAccepted, match=problem):
        CHECKERS[vendor]((HEAD + document).encode())


def test_polycom_refuses_what_its_browser_does_not_know():
    for broken in ("<script/>", "<p>" + "<br />" * 200 + "</p>", "<p><a href='/here'>Next</a></p>"):
        with pytest.raises(NotAccepted):
            CHECKERS["polycom"](POLYCOM.replace("</body>", broken + "</body>").encode())
    with pytest.raises(NotAccepted, match="loses the query"):
        CHECKERS["polycom"](FORM.replace("/look", "/look?u=1").encode())


def test_gigaset_counts_the_bytes_that_the_handset_asked_for():
    document = (HEAD + '<list response="get_list" type="pb" notfound="hm" total="0"/>').encode()
    CHECKERS["gigaset"](document, limit=len(document))
    with pytest.raises(NotAccepted, match="asked for"):
        CHECKERS["gigaset"](document, limit=len(document) - 1)
